"""reaperctl explain: explain which rule applies to a session, why, and what happens to it next."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence

from reaper.ctl import session_argument, style

HELP = "explain which rule applies to a session, why, and what happens next"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    session_argument.add_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints a few sentences. Raises ReaperError if the daemon does not answer or knows no such session."""
    answer = session_argument.call_for("io.reaper.Explain", options.session, {})
    if options.json:
        print(json.dumps(answer, indent=2))
    else:
        print("\n".join(folded(answer["explanation"]["text"], style.terminal_width(sys.stdout))))
    return 0


def folded(sentences: Sequence[str], width: int | None) -> list[str]:
    """Wraps sentences to `width`, between words only; with None, each sentence is one line, for programs."""
    if width is None:
        return list(sentences)
    return [
        line
        for each in sentences
        for line in textwrap.wrap(each, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    ]
