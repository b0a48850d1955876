"""reaperctl hold: keep a session for a limited time. Until then it is neither warned nor ended."""

from __future__ import annotations

import argparse
import json
import time

from reaper.ctl import session_argument
from reaper.decide.policy.limits import LONGEST_HOLD_USEC
from reaper.decide.text.duration import DurationError, parse_duration, span

HELP = "keep a session for a limited time"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    session_argument.add_argument(parser)
    parser.add_argument(
        "duration", metavar="DURATION", type=_duration, help="how long to hold the session: 90min, 2h; at most 1 week"
    )
    parser.add_argument(
        "--reason",
        metavar="TEXT",
        required=True,
        help="the reason, for the journal and for everybody who looks at the session",
    )
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints how long the session is held. Raises ReaperError if the daemon does not answer, or refuses the hold."""
    parameters = {"duration_usec": options.duration, "why": options.reason}
    answer = session_argument.call_for("io.reaper.Hold", options.session, parameters)
    if options.json:
        print(json.dumps(answer, indent=2))
        return 0
    left = answer["hold"]["left_usec"]
    until = time.strftime("%a %H:%M", time.localtime(time.time() + left / 1_000_000))
    shortened = f", as {answer['shortened']} allows no longer" if answer["shortened"] else ""
    print(f"session {answer['session']} is held for {span(left)}, until {until}{shortened}")
    return 0


def _duration(text: str) -> int:
    try:
        usec = parse_duration(text)
    except DurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0 < usec <= LONGEST_HOLD_USEC:
        raise argparse.ArgumentTypeError(f"{text} is not between 1us and 1w")
    return usec
