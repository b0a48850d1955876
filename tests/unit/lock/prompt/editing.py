"""Keys that a terminal sends to a locked session, and the lines that they make."""

from __future__ import annotations

from reaper.lock.prompt.line_editor import LineEditor


def typed(*reads: bytes) -> tuple[bytes, bool, bool]:
    """The line after these reads, whether it was ended, and whether it is too long."""
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


TYPED = [
    (b"\x1b[97u", b"a"), (b"\x1b[97;1u", b"a"), (b"\x1b[97;2u", b"A"), (b"\x1b[97:65;2u", b"A"),
    (b"\x1b[49:33;2u", b"!"),
    (b"\x1b[97;65u", b"a"), (b"\x1b[97;129u", b"a"), (b"\x1b[97;1:1u", b"a"), (b"\x1b[97;1:2u", b"a"),
    (b"\x1b[97;;97u", b"a"), (b"\x1b[228u", "ä".encode()), (b"\x1b[27;2;65~", b"A"), (b"\x1b[27;2;32~", b" "),
    (b"x\x1b[127u", b""), (b"x\x1b[117;5u", b""), (b"x\x1b[27;5;117~", b""), (b"x y\x1b[119;5u", b"x "),
    (b"\x1bOp\x1bOy", b"09"), (b"\x1bOj\x1bOk\x1bOl\x1bOm\x1bOn\x1bOo", b"*+,-./"),
]  # fmt: skip
