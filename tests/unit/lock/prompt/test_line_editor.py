"""The bytes that a terminal can send to a locked session, and the line they give."""

from __future__ import annotations

import pytest

from reaper.lock.prompt.line_editor import MAX_LINE, LineEditor


def typed(*reads: bytes) -> tuple[bytes, bool, bool]:
    """Returns the line after these reads, whether it has ended, and whether it is too long."""
    keys = LineEditor()
    ended = any(keys.feed(read) for read in reads)
    return bytes(keys.line()), ended, keys.is_too_long


EDITS = [
    (b"secret\r", b"secret"),
    (b"secret\n", b"secret"),
    (b"a b\tc ~!\r", b"a b\tc ~!"),
    (b"\r", b""),
    (b"sx\x7fecret\r", b"secret"),
    (b"sx\x08ecret\r", b"secret"),
    (b"\x7f\x7fa\x7f\x7f\x7fb\r", b"b"),
    (b"wrong\x15right\r", b"right"),
    (b"wrong\x03right\r", b"right"),
    (b"one two\x17three\r", b"one three"),
    (b"one two   \x17three\r", b"one three"),
    (b"one\x17\x17two\r", b"two"),
    (b"   \x17two\r", b"two"),
    (b"\x17\r", b""),
    (b"\x04\r", b""),
    (b"a\x04b\r", b"ab"),
    (b"a\0b\x01\x1a\x1c\x13\x11\r", b"ab"),  # ^@ ^A ^Z ^\\ ^S ^Q
    ("pässwörd\r".encode(), "pässwörd".encode()),
    ("aä\x7f\r".encode(), b"a"),
    ("a€\x7f\r".encode(), b"a"),
    ("a😀\x7f\r".encode(), b"a"),
    ("ä😀\x7f\x7fb\r".encode(), b"b"),
    (b"a\xe4\x7f\r", b"a"),  # Latin-1
    (b"a\xe4\xe4\x7f\r", b"a\xe4"),
    (b"a\xa0\xa0\x7f\r", b"a\xa0"),
    (b"\xa0\x7f\r", b""),
    (b"\xe2\x82\x7f\r", b"\xe2"),
]


@pytest.mark.parametrize(("keys", "line"), EDITS)
def test_editing_keys_edit_the_line(keys, line):
    assert typed(keys) == (line, True, False)


SWALLOWED = [
    b"\x1b[A", b"\x1b[1;5C", b"\x1b[3~", b"\x1b[15;2~", b"\x1b[200~", b"\x1b[201~", b"\x1b[I", b"\x1b[O",
    b"\x1b[<35;10;20M", b"\x1b[<0;10;20m", b"\x1b[35;10;20M", b"\x1b[M ab", b"\x1b[M#\xff\xfe", b"\x1b[M\x1b[M",
    b"\x1b[?1;2c", b"\x1b[?2004;1$y", b"\x1b[24;80R", b"\x1b[>41;390;0c", b"\x1b[8;24;80t", b"\x1b[0n",
    b"\x1bOA", b"\x1bOP", b"\x1bO5P", b"\x1bO1;2Q", b"\x1b[[A", b"\x1b[[E",
    b"\x1b]11;rgb:0000/0000/0000\x07", b"\x1b]11;rgb:0000/0000/0000\x1b\\", b"\x1b]52;c;cm0gLXJm\x1b\\",
    b"\x1bP1$r0m\x1b\\", b"\x1bP>|xterm(390)\x1b\\", b"\x1b_Gi=1;OK\x1b\\", b"\x1b^x\x1b\\", b"\x1bXx\x1b\\",
    b"\x1b]x\x18", b"\x1bPab\x1b[A", b"\x1bPab\x1b\x1b\\",
    b"\x1bx", b"\x1b\x1b[A", b"\x1b\x7f", b"\x1b\x08", b"\x1b\x09", b"\x1b \x1b.", "\x1bä".encode()[:2],
    b"\x1b[?1u", b"\x1b[27u", b"\x1b[57358u", b"\x1b[97;3u", b"\x1b[97;9u", b"\x1b[97;1:3u", b"\x1b[27;3;97~",
    b"\x1b[97;5u", b"\x1b[1114112u", b"\x1b[9999999;1u", b"\x1b[55296u", b"\x1b[" + b"1;" * 100 + b"u",
]  # fmt: skip


@pytest.mark.parametrize("sequence", SWALLOWED)
def test_sequences_are_swallowed_wherever_reads_split_them(sequence):
    for cut in range(len(sequence) + 1):
        assert typed(b"sec", sequence[:cut], sequence[cut:] + b"ret\r") == (b"secret", True, False)
    assert typed(b"sec", *(bytes([byte]) for byte in sequence), b"ret", b"\r") == (b"secret", True, False)


TYPED = [
    (b"\x1b[97u", b"a"), (b"\x1b[97;1u", b"a"), (b"\x1b[97;2u", b"A"), (b"\x1b[97:65;2u", b"A"),
    (b"\x1b[49:33;2u", b"!"),
    (b"\x1b[97;65u", b"a"), (b"\x1b[97;129u", b"a"), (b"\x1b[97;1:1u", b"a"), (b"\x1b[97;1:2u", b"a"),
    (b"\x1b[97;;97u", b"a"), (b"\x1b[228u", "ä".encode()), (b"\x1b[27;2;65~", b"A"), (b"\x1b[27;2;32~", b" "),
    (b"x\x1b[127u", b""), (b"x\x1b[117;5u", b""), (b"x\x1b[27;5;117~", b""), (b"x y\x1b[119;5u", b"x "),
    (b"\x1bOp\x1bOy", b"09"), (b"\x1bOj\x1bOk\x1bOl\x1bOm\x1bOn\x1bOo", b"*+,-./"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "line"), TYPED)
def test_sequences_that_stand_for_a_character(keys, line):
    assert typed(keys) == (line, False, False)


@pytest.mark.parametrize("enter", [b"\x1b[13u", b"\x1b[13;1u", b"\x1bOM", b"\x1b[27;2;13~", b"\x1b[109;5u"])
def test_sequences_that_stand_for_enter(enter):
    assert typed(b"a" + enter) == (b"a", True, False)


@pytest.mark.parametrize(
    "begun", [b"\x1b", b"\x1b[", b"\x1b[1;", b"\x1bO", b"\x1bP", b"\x1b]0;", b"\x1b]0;\x1b", b"\x1b[["]
)
def test_enter_and_clear_work_inside_any_sequence(begun):
    assert typed(b"a" + begun + b"\r") == (b"a", True, False)
    assert typed(b"a" + begun + b"\x15b\r") == (b"b", True, False)
    assert typed(b"a" + begun + b"\x03b\r") == (b"b", True, False)


def test_escape_key_swallows_no_later_typing():
    keys = LineEditor()
    assert not keys.feed(b"\x1b")
    keys.settle()
    assert keys.feed(b"Password\r")
    assert keys.line() == b"Password"


def test_paste_is_one_answer():
    assert typed(b"first\rsecond\r") == (b"first", True, False)
    assert typed(b"\r\nsecond\r") == (b"", True, False)


def test_line_longer_than_the_limit_is_dropped():
    assert typed(b"x" * MAX_LINE + b"\r") == (b"x" * MAX_LINE, True, False)
    assert typed(b"x" * (MAX_LINE + 1) + b"\r") == (b"", True, True)
    assert typed(b"x" * (1 << 20) + b"\x7f\x17y\r") == (b"", True, True)
    assert typed(b"x" * 600 + b"\x15y\r") == (b"y", True, False)


def test_wipe_overwrites_the_line():
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
