"""What a terminal can send to a locked session, byte by byte, and what becomes of it."""

from __future__ import annotations

import pytest

from reaper.lock.prompt.line_editor import MAX_LINE, LineEditor
from tests.unit.lock.prompt.editing import EDITS, SWALLOWED, TYPED, typed


@pytest.mark.parametrize(("keys", "line"), EDITS)
def test_edits(keys, line):
    assert typed(keys) == (line, True, False)


@pytest.mark.parametrize("sequence", SWALLOWED)
def test_what_is_not_typed_is_swallowed_whole_wherever_it_is_cut(sequence):
    for cut in range(len(sequence) + 1):
        assert typed(b"sec", sequence[:cut], sequence[cut:] + b"ret\r") == (b"secret", True, False)
    assert typed(b"sec", *(bytes([byte]) for byte in sequence), b"ret", b"\r") == (b"secret", True, False)


@pytest.mark.parametrize(("keys", "line"), TYPED)
def test_sequences_that_stand_for_a_character(keys, line):
    assert typed(keys) == (line, False, False)


@pytest.mark.parametrize("enter", [b"\x1b[13u", b"\x1b[13;1u", b"\x1bOM", b"\x1b[27;2;13~", b"\x1b[109;5u"])
def test_sequences_that_are_enter(enter):
    assert typed(b"a" + enter) == (b"a", True, False)


@pytest.mark.parametrize(
    "begun", [b"\x1b", b"\x1b[", b"\x1b[1;", b"\x1bO", b"\x1bP", b"\x1b]0;", b"\x1b]0;\x1b", b"\x1b[["]
)
def test_enter_and_clearing_are_obeyed_in_the_middle_of_everything(begun):
    assert typed(b"a" + begun + b"\r") == (b"a", True, False)
    assert typed(b"a" + begun + b"\x15b\r") == (b"b", True, False)
    assert typed(b"a" + begun + b"\x03b\r") == (b"b", True, False)


def test_the_escape_key_swallows_nothing_that_is_typed_later():
    keys = LineEditor()
    assert not keys.feed(b"\x1b")
    keys.settle()
    assert keys.feed(b"Password\r")
    assert keys.line() == b"Password"


def test_a_paste_is_one_answer():
    assert typed(b"first\rsecond\r") == (b"first", True, False)
    assert typed(b"\r\nsecond\r") == (b"", True, False)


def test_the_longest_line_and_one_that_is_too_long():
    assert typed(b"x" * MAX_LINE + b"\r") == (b"x" * MAX_LINE, True, False)
    assert typed(b"x" * (MAX_LINE + 1) + b"\r") == (b"", True, True)
    assert typed(b"x" * (1 << 20) + b"\x7f\x17y\r") == (b"", True, True)
    assert typed(b"x" * 600 + b"\x15y\r") == (b"y", True, False)


def test_wiping_leaves_nothing():
    keys = LineEditor()
    keys.feed(b"first secret\x17\x7fx")
    buffer = keys._line
    assert bytes(buffer).rstrip(b"\0") == b"firstx"
    line = keys.line()
    keys.wipe()
    assert keys.is_empty
    assert line == b"firstx", "the caller's own copy"
    assert keys._line is buffer
    assert buffer == bytes(MAX_LINE)
    keys.feed(b"x" * (MAX_LINE + 1))
    assert not keys.is_empty
    assert buffer == bytes(MAX_LINE)
