"""reaperctl explain: why a session is where it is, and what comes next."""

from __future__ import annotations

import argparse
import json

from reaper.ctl import session

HELP = "say which evidence counted last, which rule won and why, and what happens next"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    session.add_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints a few sentences. Raises ReaperError where the daemon does not answer or knows no such session."""
    answer = session.call_for("io.reaper.Explain", options.session, {})
    if options.json:
        print(json.dumps(answer, indent=2))
    else:
        print("\n".join(answer["explanation"]["text"]))
    return 0
