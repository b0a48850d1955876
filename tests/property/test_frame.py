"""A frame of `reaperctl watch`: it fits the screen and contains nothing that a terminal obeys."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from reaper.ctl.frame import WatchView, frame_of, visible_width
from reaper.ctl.selection import PHASES, SORT_KEYS, SessionSelection
from reaper.ctl.style import ASCII, UTF8, cut, pad, render, tell, width_of

WORD = st.text(max_size=30) | st.sampled_from(
    ["\x1b[2J", "\u738b\u5c0f\u660e" * 5, "e\u0301" * 20, "\u202e\x9b", "\ud800"]
)
USEC = st.integers(0, 10**13)
SESSION = st.fixed_dictionaries(
    {
        "session": WORD,
        "user": WORD,
        "origin": WORD,
        "remote": WORD,
        "service": WORD,
        "terminals": st.lists(WORD, max_size=3),
        "elevated": st.booleans(),
        "opened_usec": USEC,
        "phase": st.sampled_from(PHASES) | WORD,
        "evidence": WORD,
        "idle_usec": USEC,
        "rule": WORD,
        "action": st.sampled_from(["none", "observe", "lock", "terminate"]),
        "reason": st.sampled_from(["none", "idle", "max"]),
        "next_usec": st.none() | USEC,
        "left_usec": st.none() | USEC,
        "limit_usec": st.none() | USEC,
        "hold": st.none() | st.fixed_dictionaries({"left_usec": st.none() | USEC, "by": WORD, "why": WORD}),
    }
)
ANSWER = st.fixed_dictionaries(
    {"sessions": st.lists(SESSION, max_size=6), "policy": st.sampled_from(["", "p"]), "brake_usec": st.none() | USEC}
)
WANTED = st.builds(SessionSelection, sort=st.tuples(st.sampled_from(SORT_KEYS)), is_reversed=st.booleans())
VIEW = st.builds(
    WatchView, ANSWER, USEC, WANTED, top=st.integers(0, 10), notice=st.sampled_from(["", "reaperd is away. " * 9])
)
GLYPHS = st.sampled_from([UTF8, ASCII])


@given(VIEW, st.integers(1, 220), st.integers(1, 30), GLYPHS)
def test_frame_fits_and_is_harmless(view, width, height, glyphs):
    frame = frame_of(view, width, height, glyphs)
    assert len(frame.lines) <= height
    for line in frame.lines:
        text = render(line, is_coloured=False)
        assert visible_width(line) == width_of(text) <= width
        assert text.isprintable()
        assert glyphs.is_utf8 or text.isascii()


@given(WORD, st.integers(0, 40), st.booleans(), GLYPHS)
def test_text_that_was_cut_fits(text, width, is_middle, glyphs):
    told = tell(text, glyphs)
    shown = cut(told, width, glyphs, is_middle=is_middle)
    assert width_of(shown) <= width
    assert shown == told or width_of(told) > width
    assert width_of(pad(shown, width)) == width


@given(st.text(max_size=10))
def test_width_of_a_text_is_no_less_than_that_of_its_parts(text):
    wide = [char for char in text if unicodedata.east_asian_width(char) in "WF"]
    assert 2 * len(wide) <= width_of(text) <= len(text) + len(wide)
