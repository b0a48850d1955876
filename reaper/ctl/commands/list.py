"""reaperctl list: print one line for each session, with what happens to it next."""

from __future__ import annotations

import argparse
import json
import os
import sys

from reaper.control.client import call
from reaper.ctl import selection, style, table
from reaper.ctl.style import Ink, Span

HELP = "list the sessions that reaper watches"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    selection.add_arguments(parser, "opened")
    parser.add_argument("-l", "--full", action="store_true", help="show all columns, and cut nothing but commands")
    parser.add_argument("--no-header", action="store_true", help="print only the sessions")
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints one line for each session. Raises ReaperError if the daemon does not answer."""
    answer = call("io.reaper.List", {})
    there = len(answer["sessions"])
    answer["sessions"] = selection.select(answer["sessions"], selection.selection_of(options))
    if options.json:
        print(json.dumps(answer, indent=2))
        return 0
    glyphs, is_coloured = style.glyphs_of(os.environ), style.is_coloured(sys.stdout)
    if not options.no_header:
        for note in table.notes_of(answer):
            print(style.render((Span(note, Ink.BOLD),), is_coloured=is_coloured))
    if not answer["sessions"]:
        print(_none(there), file=sys.stderr)
        return 0
    rows = [table.cells_of(each, glyphs) for each in answer["sessions"]]
    if options.full:
        from reaper.ctl import session_processes  # what reads processes takes 70 ms to load, and others wait for none

        commands = session_processes.read_commands(answer["sessions"])
        rows = [{**row, "COMMAND": table.command_of(each, glyphs)} for row, each in zip(rows, commands)]
        width, fitted = None, table.fit(rows, table.USUAL + table.MORE + table.READ, (), None)
        fitted = table.cut_last(fitted, style.terminal_width(sys.stdout))
    else:
        width = style.terminal_width(sys.stdout)
        fitted = table.fit(rows, table.USUAL, table.MORE, width)
    if not options.no_header:
        line = style.trimmed((Span(table.header(fitted, glyphs), Ink.BOLD),), width or sys.maxsize)
        print(style.render(line, is_coloured=is_coloured))
    for row in rows:
        print(style.render(table.line(row, fitted, glyphs, width), is_coloured=is_coloured))
    return 0


def _none(there: int) -> str:
    if not there:
        return "There is no session that you may see."
    return f"No session matches the options; there {'is' if there == 1 else 'are'} {there}."
