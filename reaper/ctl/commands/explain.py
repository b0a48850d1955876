"""reaperctl explain: explain which rule applies to a session, what happens next, and which processes would end."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reaper.control.client import call
from reaper.ctl import session_argument, style
from reaper.errors import ReaperError

if TYPE_CHECKING:
    from reaper.ctl.session_processes import Answer, ShownProcesses

HELP = "explain which rule applies to a session, why, what happens next, and what would end with it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    session_argument.add_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the daemon's answer and the processes as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints a few sentences and the processes.

    Raises ReaperError if the daemon does not answer or knows no such session.
    """
    from reaper.ctl import process_table  # takes 70 ms to load, and few subcommands need it

    answer = session_argument.call_for("io.reaper.Explain", options.session, {})
    explanation = answer["explanation"]
    if options.json:
        found = _read_processes(explanation, is_for_program=True)
        processes = None if found is None else process_table.documents_of(found)
        left_out = 0 if found is None else len(found.left_out)
        print(json.dumps({**answer, "processes": processes, "processes_left_out": left_out}, indent=2))
        return 0
    width, glyphs = style.terminal_width(sys.stdout), style.glyphs_of(os.environ)
    print("\n".join(folded(explanation["text"], width)), flush=True)
    found = _read_processes(explanation)
    print("\n".join(["", *process_table.lines_of(found, explanation.get("kill", "unknown"), glyphs, width)]))
    return 0


def _read_processes(explanation: Answer, *, is_for_program: bool = False) -> ShownProcesses | None:
    """Returns the processes of the session; None if they could not be read, which spoils no answer of the daemon's."""
    from reaper.ctl import session_processes

    try:
        most = session_processes.MOST_IN_JSON if is_for_program else session_processes.MOST_SHOWN
        return session_processes.read(explanation, call("io.reaper.List", {})["sessions"], most)
    except (OSError, ReaperError):
        return None


def folded(sentences: Sequence[str], width: int | None) -> list[str]:
    """Wraps sentences to `width`, between words only; with None, each sentence is one line, for programs."""
    if width is None:
        return list(sentences)
    return [
        line
        for each in sentences
        for line in textwrap.wrap(each, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    ]
