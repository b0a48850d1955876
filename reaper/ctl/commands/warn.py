"""reaperctl warn: show a session's warning, or a text, on its terminals now."""

from __future__ import annotations

import argparse
import json

from reaper.ctl import session_argument

HELP = "show a session's warning, or a text, on its terminals now"
EXIT_NOT_SHOWN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    session_argument.add_argument(parser)
    parser.add_argument("text", metavar="TEXT", nargs="?", default="", help="the text to show instead of the warning")
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints which terminals show the message; returns 1 if none does. Raises ReaperError as the other requests do."""
    answer = session_argument.call_for("io.reaper.Warn", options.session, {"text": options.text})
    terminals = answer["terminals"]
    if options.json:
        print(json.dumps(answer, indent=2))
    elif terminals:
        print(f"shown on {', '.join(terminals)}")
    else:
        print("not shown: no terminal of the session takes the message")
    return 0 if terminals else EXIT_NOT_SHOWN
