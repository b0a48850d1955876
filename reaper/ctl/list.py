"""reaperctl list: the sessions there are, and what happens to each next."""

from __future__ import annotations

import argparse
import json
from typing import Any

from reaper.control.client import call
from reaper.decide.messages import span

HELP = "list the sessions that reaper watches"
# Fits 80 columns with room for names that do not keep to their width.
_ROW = "{:<8} {:<10} {:<15} {:<8} {:>8} {:<9} {}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the subcommand."""
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints one line a session. Raises ReaperError where the daemon does not answer."""
    answer = call("io.reaper.List", {})
    if options.json:
        print(json.dumps(answer, indent=2))
        return 0
    print(_ROW.format("SESSION", "USER", "FROM", "TERMINAL", "IDLE", "PHASE", "NEXT"))
    for session in answer["sessions"]:
        print(_row(session))
    return 0


def _row(session: dict[str, Any]) -> str:
    terminals = session["terminals"]
    more = f"+{len(terminals) - 1}" if len(terminals) > 1 else ""
    return _ROW.format(
        session["session"],
        session["user"] + ("#" if session["elevated"] else ""),  # as a prompt has it where root types
        session["remote"] or session["origin"],
        (terminals[0] if terminals else "-") + more,
        span(session["idle_usec"]).replace(" ", ""),
        session["phase"],
        next_of(session),
    ).rstrip()


def next_of(session: dict[str, Any]) -> str:
    """What happens next, and in how long: "ends in 3min"."""
    if session["left_usec"] is None:
        return "-" if session["phase"] != "ending" else "is being ended"
    verb = "would end in" if session["action"] == "observe" else "ends in"
    if session["phase"] == "deferred":
        verb = "ends within"
    return f"{verb} {span(session['left_usec']).replace(' ', '')}"
