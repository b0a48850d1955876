"""reaperctl release: end a hold before its time."""

from __future__ import annotations

import argparse
import json

from reaper.ctl import session_argument

HELP = "end a hold before its time"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    session_argument.add_argument(parser)
    parser.add_argument("--reason", metavar="TEXT", default="", help="the reason, for the journal")
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints that the hold has ended. Raises ReaperError if the daemon does not answer, or refuses it."""
    answer = session_argument.call_for("io.reaper.Release", options.session, {"why": options.reason})
    print(json.dumps(answer, indent=2) if options.json else "released")
    return 0
