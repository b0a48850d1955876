"""reaperctl terminate: end a session now, by the same steps as at a limit."""

from __future__ import annotations

import argparse
import json

from reaper.ctl import session_argument

HELP = "end a session now, by the same steps as at a limit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    session_argument.add_argument(parser)
    parser.add_argument("--reason", metavar="TEXT", required=True, help="why, for the person and for the journal")
    parser.add_argument("--force", action="store_true", help="also one that is held, or that its rule only observes")
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints that it is begun. Raises ReaperError where the daemon does not answer, or does not grant it."""
    parameters = {"why": options.reason, "force": options.force}
    answer = session_argument.call_for("io.reaper.Terminate", options.session, parameters)
    print(json.dumps(answer, indent=2) if options.json else "it is being ended; reaperctl log tells what came of it")
    return 0
