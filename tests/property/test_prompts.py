"""Any bytes typed at a locked terminal give the same line, and nothing that it shows is obeyed."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from reaper.lock.prompt.line_editor import MAX_LINE, LineEditor
from reaper.lock.terminal.lock_screen import LockView, TerminalKind, render, screen_lines
from tests.unit.lock.prompt.keys import EDITS, SWALLOWED, TYPED, typed
from tests.unit.lock.terminal.screens import drawn_rows

PIECES = st.lists(
    st.one_of(st.binary(max_size=6), st.sampled_from(SWALLOWED), st.sampled_from([keys for keys, _ in TYPED + EDITS])),
    max_size=12,
).map(b"".join)


@given(PIECES, st.lists(st.integers(0, 200), max_size=8))
@example(b"\x1b[M\r\r\rx", [3, 4, 5])
def test_any_bytes_cut_anywhere_give_the_same_line(data, cuts):
    whole = typed(data)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    reads = [data[start:end] for start, end in zip(places, places[1:])]
    assert typed(*reads) == whole
    assert typed(*(bytes([byte]) for byte in data)) == whole
    line, _, is_too_long = whole
    assert len(line) <= MAX_LINE
    assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line)
    assert not (line and is_too_long)


@given(PIECES)
def test_line_typed_after_any_bytes_and_a_kill_is_as_typed(data):
    keys = LineEditor()
    keys.feed(data)
    keys.settle()
    assert not keys.feed(b"\x15new")
    assert keys.line() == b"new"
    assert not keys.is_too_long


TEXT = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(
    ["\x1b[2J", "a b  c " * 20, "漢字" * 30, "\x9b5m"]
)


@given(
    st.builds(LockView, TEXT, TEXT, TEXT, TEXT, TEXT, st.integers(1, 9), st.lists(TEXT, max_size=5).map(tuple), TEXT),
    st.integers(1, 60),
    st.integers(2, 200),
)
def test_terminal_obeys_nothing_from_outside(view, rows, columns):
    data = render(screen_lines(view), TerminalKind.PTY, rows, columns)
    ours = rb"\x1b\\|\x1b\(B\x0f|\x1b\[m|\x1b\[H|\x1b\[2J|\x1b\[\d+;1H"
    rest = re.sub(ours, b"", data).decode()
    assert rest.isprintable() or not rest
    drawn_rows(data, rows, columns)
