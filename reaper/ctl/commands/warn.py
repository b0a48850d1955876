"""reaperctl warn: show a session's warning on its terminals now, or a text of your own."""

from __future__ import annotations

import argparse
import json

from reaper.ctl import session_argument

HELP = "show a session's warning on its terminals now, or a text of yours"
EXIT_UNTOLD = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    session_argument.add_argument(parser)
    parser.add_argument("text", metavar="TEXT", nargs="?", default="", help="what to say instead of the warning")
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints on which terminals it is shown; fails where none takes it. Raises ReaperError as the other requests do."""
    answer = session_argument.call_for("io.reaper.Warn", options.session, {"text": options.text})
    terminals = answer["terminals"]
    if options.json:
        print(json.dumps(answer, indent=2))
    elif terminals:
        print(f"shown on {', '.join(terminals)}")
    else:
        print("shown nowhere: the session has no terminal that takes it")
    return 0 if terminals else EXIT_UNTOLD
