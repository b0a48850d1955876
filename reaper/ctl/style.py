"""Formats text for a terminal: its width, cutting and padding, the characters of the locale, and colour.

Text from outside must always go through tell() first, which escapes control characters, and the characters that the
locale does not have.
"""

from __future__ import annotations

import enum
import os
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple, TextIO

from reaper.decide.text.escape import plain

# Values of TERM for terminals that only print, and for an unset TERM.
_DUMB = frozenset(("", "dumb", "unknown"))
# U+1160..U+11FF: vowels and finals of Hangul, which share the cell of the initial before them.
_JAMO = range(0x1160, 0x1200)


class Ink(enum.Enum):
    """Colours and attributes of text, with their SGR numbers of ECMA-48, which every terminal since the VT100 knows."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    REVERSE = "7"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    CYAN = "36"


class Span(NamedTuple):
    """A piece of text in one ink."""

    text: str
    ink: Ink = Ink.PLAIN


class Glyphs(NamedTuple):
    """The characters of ellipses and bars."""

    ellipsis: str
    full: str
    empty: str
    is_utf8: bool


UTF8 = Glyphs("\u2026", "\u2588", "\u2591", is_utf8=True)
ASCII = Glyphs("~", "#", "-", is_utf8=False)


def glyphs_of(environment: Mapping[str, str]) -> Glyphs:
    """Returns the glyphs of the locale, which is found as setlocale(3) finds it."""
    named = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or ""
    language = environment.get("LC_ALL") or environment.get("LANG") or "C"
    if language in ("C", "POSIX") and named == "C.UTF-8":
        return ASCII  # Python itself has set LC_CTYPE (PEP 538); it says nothing about the terminal
    return UTF8 if named.lower().replace("-", "").partition("@")[0].endswith("utf8") else ASCII


def is_coloured(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to use colour: on a terminal that has it, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not is_dumb(environment) and not environment.get("NO_COLOR")


def is_dumb(environment: Mapping[str, str]) -> bool:
    """Whether the terminal can only print, and not move its cursor."""
    return environment.get("TERM", "") in _DUMB


def terminal_width(stream: TextIO) -> int | None:
    """Returns the columns of the terminal, 80 if it does not know; None if the stream is not a terminal."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def tell(text: str, glyphs: Glyphs) -> str:
    """Escapes text from outside, so that it may be shown."""
    shown = plain(text)
    return shown if glyphs.is_utf8 else shown.encode("ascii", "backslashreplace").decode("ascii")


def width_of(text: str) -> int:
    """Returns how many columns an escaped text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if unicodedata.category(char) in ("Mn", "Me") or ord(char) in _JAMO else 1


def cut(text: str, width: int, glyphs: Glyphs, *, is_middle: bool = False) -> str:
    """Cuts the text to `width` columns, with an ellipsis for what is left out: at the end, or in the middle."""
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
    """Pads the text with blanks to `width` columns, on its right or, with `is_right`, on its left."""
    blanks = " " * (width - width_of(text))
    return blanks + text if is_right else text + blanks


def render(line: tuple[Span, ...], *, is_coloured: bool) -> str:
    """Returns a line as it is written to the terminal, with or without SGR sequences."""
    if not is_coloured:
        return "".join(span.text for span in line)
    return "".join(f"\x1b[{each.ink.value}m{each.text}\x1b[m" if each.ink.value else each.text for each in line)


def trimmed(line: tuple[Span, ...], width: int) -> tuple[Span, ...]:
    """Cuts a line to `width` columns, without an ellipsis."""
    found = []
    for each in line:
        text = _start(each.text, width)
        width -= width_of(text)
        found.append(Span(text, each.ink))
        if text != each.text:
            break
    return tuple(found)
