"""What reaperctl writes for people: how wide text is, what fits, in which characters, and in colour or not.

Whoever shows a table or a line to a person takes it from here. Outside text goes through tell() first, always: what a
terminal could obey is escaped there, and what the locale has no characters for as well.
"""

from __future__ import annotations

import enum
import os
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple, TextIO

from reaper.decide.text.escape import plain

# Terminals that only print; and what an unset TERM stands for.
_DUMB = frozenset(("", "dumb", "unknown"))
# U+1160..U+11FF: vowels and finals of Hangul, which stand in the cell of the initial before them.
_JAMO = range(0x1160, 0x1200)


class Ink(enum.Enum):
    """How a piece of text is set off, as SGR of ECMA-48 numbers it: what every terminal since the VT100 knows."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    REVERSE = "7"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    CYAN = "36"


class Span(NamedTuple):
    """Some text in one ink."""

    text: str
    ink: Ink = Ink.PLAIN


class Glyphs(NamedTuple):
    """The characters that are not letters."""

    ellipsis: str
    full: str
    empty: str
    is_utf8: bool


UTF8 = Glyphs("\u2026", "\u2588", "\u2591", is_utf8=True)
ASCII = Glyphs("~", "#", "-", is_utf8=False)


def glyphs_of(environment: Mapping[str, str]) -> Glyphs:
    """Those that the locale has, as setlocale(3) looks for it."""
    named = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or ""
    language = environment.get("LC_ALL") or environment.get("LANG") or "C"
    if language in ("C", "POSIX") and named == "C.UTF-8":
        return ASCII  # Python's own doing (PEP 538), and no word of the terminal's
    return UTF8 if named.lower().replace("-", "").partition("@")[0].endswith("utf8") else ASCII


def is_coloured(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to use ink: on a terminal that has it, unless the person wants none (https://no-color.org)."""
    return stream.isatty() and not is_dumb(environment) and not environment.get("NO_COLOR")


def is_dumb(environment: Mapping[str, str]) -> bool:
    """Whether the terminal only prints."""
    return environment.get("TERM", "") in _DUMB


def terminal_width(stream: TextIO) -> int | None:
    """How many columns there are; None where it is no terminal. One that does not know is 80 wide."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def tell(text: str, glyphs: Glyphs) -> str:
    """Outside text as it may be shown."""
    shown = plain(text)
    return shown if glyphs.is_utf8 else shown.encode("ascii", "backslashreplace").decode("ascii")


def width_of(text: str) -> int:
    """How many columns a text takes that has been told."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if unicodedata.category(char) in ("Mn", "Me") or ord(char) in _JAMO else 1


def cut(text: str, width: int, glyphs: Glyphs, *, is_middle: bool = False) -> str:
    """The text in so many columns at most, with an ellipsis where something is left out: at its end, or its middle."""
    if width_of(text) <= width:
        return text
    if width <= 0:
        return ""
    room = width - width_of(glyphs.ellipsis)
    tail = _start(text[::-1], room // 2)[::-1] if is_middle else ""
    return _start(text, room - width_of(tail)) + glyphs.ellipsis + tail


def _start(text: str, width: int) -> str:
    for index, char in enumerate(text):
        width -= _cells(char)
        if width < 0:
            return text[:index]
    return text


def pad(text: str, width: int, *, is_right: bool = False) -> str:
    """The text with blanks after it, or before it, to so many columns."""
    blanks = " " * (width - width_of(text))
    return blanks + text if is_right else text + blanks


def render(line: tuple[Span, ...], *, is_coloured: bool) -> str:
    """A line as it is written. Without ink it is the text alone."""
    if not is_coloured:
        return "".join(span.text for span in line)
    return "".join(f"\x1b[{each.ink.value}m{each.text}\x1b[m" if each.ink.value else each.text for each in line)


def trimmed(line: tuple[Span, ...], width: int) -> tuple[Span, ...]:
    """What of a line fits into so many columns."""
    found = []
    for each in line:
        text = _start(each.text, width)
        width -= width_of(text)
        found.append(Span(text, each.ink))
        if text != each.text:
            break
    return tuple(found)
