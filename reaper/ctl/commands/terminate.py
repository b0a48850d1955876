"""reaperctl terminate: end a session now, by the same steps as at a limit."""

from __future__ import annotations

import argparse
import json

from reaper.ctl import session_argument

HELP = "end a session now"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    session_argument.add_argument(parser)
    parser.add_argument("--reason", metavar="TEXT", required=True, help="the reason, for the user and for the journal")
    parser.add_argument("--force", action="store_true", help="also end a session that is held or only observed")
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints that the end has begun. Raises ReaperError if the daemon does not answer, or refuses it."""
    parameters = {"why": options.reason, "force": options.force}
    answer = session_argument.call_for("io.reaper.Terminate", options.session, parameters)
    print(
        json.dumps(answer, indent=2) if options.json else "the session is being ended; reaperctl log shows the result"
    )
    return 0
