"""Text for a terminal: its width, how it is cut, and its colour."""

from __future__ import annotations

import io

import pytest

from reaper.ctl import style
from reaper.ctl.style import ASCII, UTF8, Ink, Span, cut, glyphs_of, is_coloured, pad, render, tell, trimmed, width_of
from tests.unit.ctl.shown import HOSTILE


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("ann", 3), ("\u738b\u5c0f", 4), ("e\u0301", 1), ("\uff41", 2), ("\u2588\u2026", 2), ("\u1112\u1161", 2)],
)
def test_width_of_text(text, width):
    assert width_of(text) == width


@pytest.mark.parametrize(
    ("text", "width", "end", "middle"),
    [
        ("alexander", 9, "alexander", "alexander"),
        ("alexander", 6, "alexa\u2026", "ale\u2026er"),
        ("alexander", 2, "a\u2026", "a\u2026"),
        ("alexander", 1, "\u2026", "\u2026"),
        ("alexander", 0, "", ""),
        ("\u738b\u5c0f\u660e", 5, "\u738b\u5c0f\u2026", "\u738b\u2026\u660e"),
        ("\u738b\u5c0f\u660e", 4, "\u738b\u2026", "\u738b\u2026"),
    ],
)
def test_text_is_cut_with_an_ellipsis(text, width, end, middle):
    assert (cut(text, width, UTF8), cut(text, width, UTF8, is_middle=True)) == (end, middle)


def test_text_is_padded():
    assert pad("\u738b", 4) == "\u738b  "
    assert pad("7", 3, is_right=True) == "  7"


@pytest.mark.parametrize("glyphs", [UTF8, ASCII])
def test_text_from_outside_is_escaped(glyphs):
    escaped = tell(HOSTILE, glyphs)
    assert escaped.isprintable()
    assert tell(escaped, glyphs) == escaped


def test_characters_outside_the_locale_are_escaped():
    assert tell("\u738b\u00e9", UTF8) == "\u738b\u00e9"
    assert tell("\u738b\u00e9", ASCII) == "\\u738b\\xe9"


@pytest.mark.parametrize(
    ("environment", "glyphs"),
    [
        ({}, ASCII),
        ({"LANG": "C"}, ASCII),
        ({"LANG": "C.UTF-8"}, UTF8),
        ({"LANG": "de_DE.UTF-8"}, UTF8),
        ({"LANG": "de_DE.utf8@euro"}, UTF8),
        ({"LANG": "de_DE.ISO-8859-1"}, ASCII),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, ASCII),
        ({"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, UTF8),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, ASCII),  # Python sets LC_CTYPE itself
        ({"LC_CTYPE": "C.UTF-8"}, ASCII),
    ],
)
def test_glyphs_depend_on_the_locale(environment, glyphs):
    assert glyphs_of(environment) is glyphs


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Tty(), {"TERM": "xterm"}, True),
        (Tty(), {"TERM": "dumb"}, False),
        (Tty(), {}, False),
        (Tty(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Tty(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_needs_a_capable_terminal(stream, environment, expected):
    assert is_coloured(stream, environment) is expected


def test_stream_that_is_not_a_terminal_has_no_width():
    assert style.terminal_width(io.StringIO()) is None


LINE = (Span("ann", Ink.BOLD), Span(" "), Span("warned", Ink.YELLOW))


def test_line_is_rendered_with_and_without_colour():
    assert render(LINE, is_coloured=True) == "\x1b[1mann\x1b[m \x1b[33mwarned\x1b[m"
    assert render(LINE, is_coloured=False) == "ann warned"


def test_line_is_cut_to_a_width():
    assert render(trimmed(LINE, 6), is_coloured=False) == "ann wa"
    assert trimmed(LINE, 100) == LINE
