"""reaperctl lock: lock a session, whatever its limits, until its user unlocks it with their password."""

from __future__ import annotations

import argparse
import json

from reaper.ctl import session_argument

HELP = "lock a session until its user unlocks it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    session_argument.add_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints that the lock has begun. Raises ReaperError if the daemon does not answer, or cannot lock the session."""
    answer = session_argument.call_for("io.reaper.Lock", options.session, {})
    print(json.dumps(answer, indent=2) if options.json else "the session is being locked")
    return 0
