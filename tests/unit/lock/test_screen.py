"""What is written to a locked terminal, what its answers mean, and that nothing from outside is obeyed there."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest

from reaper.lock.screen import (
    ASK_DEVICE,
    ASK_MODES,
    Kind,
    Modes,
    View,
    bring_back,
    drawn,
    lines_of,
    prompt_of,
    read_replies,
    set_aside,
    tells_modes,
)

VIEW = View("ws1", "alice", "/dev/pts/3", "192.0.2.7", "Nobody has typed for 15min.", 5, (), "Password: ")
UNKNOWN = Modes(is_alternate=True, on=(9999,))
VIM = (
    b"\x1b[?47;2$y\x1b[?1047;2$y\x1b[?1049;1$y\x1b[?25;2$y\x1b[?1;1$y\x1b[?9;0$y\x1b[?66;1$y\x1b[?1000;2$y"
    b"\x1b[?1002;1$y\x1b[?1006;1$y\x1b[?2004;1$y\x1b[?1u\x1b[?65;1;9c"
)


def test_the_answers_of_a_terminal():
    replies = read_replies(VIM, UNKNOWN)
    assert replies.device == (65, 1, 9)
    assert replies.modes == Modes(True, True, (1, 66, 1002, 1006, 2004), 1)
    assert replies.typed == b""


def test_what_was_typed_meanwhile_is_not_lost():
    replies = read_replies(b"ls" + VIM + b"\r\x1b[A", UNKNOWN)
    assert replies.typed == b"ls\r\x1b[A"
    assert replies.modes.is_alternate
    assert read_replies(b"ls\x1b[?1049;", UNKNOWN).typed == b"ls", "an answer that is not all there was not typed"
    assert read_replies(b"ls\x1b", UNKNOWN).typed == b"ls\x1b", "Escape was"


@pytest.mark.parametrize(
    "data", [b"", b"ls", b"\x1b[?1;2c", b"\x1b[?6c", b"\x1b[?1049;0$y\x1b[?47;0$y\x1b[?62c", b"\x1b[?2004;1$y\x1b[?62c"]
)
def test_a_terminal_that_does_not_tell(data):
    assert read_replies(data, UNKNOWN).modes == UNKNOWN


@pytest.mark.parametrize(
    ("device", "tells"),
    [(None, False), ((), False), ((1, 2), False), ((1,), False), ((6,), True), ((61, 4), True), ((65, 1, 9), True)],
)
def test_who_is_asked_for_modes(device, tells):
    assert tells_modes(device) is tells


def test_questions_end_with_the_fence():
    assert ASK_MODES.endswith(ASK_DEVICE)
    assert re.fullmatch(rb"(\x1b\[\?[0-9]+\$p)+\x1b\[\?u\x1b\[c", ASK_MODES)


def test_main_screen_is_left_and_entered_again():
    modes = Modes(on=(1, 2004))
    assert set_aside(modes, Kind.PTY) == b"\x1b\\\x1b[?1049h\x1b[?1l\x1b[?2004l"
    assert bring_back(modes, Kind.PTY) == b"\x1b[m\x1b[?1049l\x1b[?1h\x1b[?2004h"


def test_alternate_screen_is_cleared_for_its_program_to_draw():
    modes = Modes(True, True, (1000,), 5)
    assert set_aside(modes, Kind.PTY) == b"\x1b\\\x1b[>0u\x1b[?1000l"
    assert bring_back(modes, Kind.PTY) == b"\x1b[m\x1b[<u\x1b[H\x1b[2J\x1b[?25l\x1b[?1000h"


def test_where_nothing_is_known_no_mode_is_touched():
    assert set_aside(Modes(), Kind.PTY) == b"\x1b\\\x1b[?1049h"
    assert bring_back(Modes(), Kind.PTY) == b"\x1b[m\x1b[?1049l"


def test_console_keeps_its_one_screen():
    """Its contents are read before and written back after; see line."""
    for modes in (Modes(), Modes(True, True, (1000,), 5)):
        assert set_aside(modes, Kind.CONSOLE) == b"\x1b\\\x1b7"
        assert bring_back(modes, Kind.CONSOLE) == b"\x1b[m\x1b[H\x1b[2J\x1b8"


def test_serial_line_is_sent_no_escape():
    hostile = View("h\x1b[2J", "u\x9b1m", "ttyS0", "\a", "\x1b]0;x\a", 1, ("\x1bc",), "\x1b[5m: ")
    for modes in (Modes(), Modes(True, True, (1000,), 5)):
        sent = set_aside(modes, Kind.SERIAL) + bring_back(modes, Kind.SERIAL)
        sent += drawn(lines_of(hostile), Kind.SERIAL, 24, 80)
        assert b"\x1b" not in sent
        assert {byte for byte in sent if byte < 0x20} == {0x0D, 0x0A}


@pytest.mark.parametrize("modes", [Modes(), Modes(True, True, (1, 2004), 3)])
def test_modes_survive_as_json(modes):
    assert Modes.from_plain(json.loads(json.dumps(modes.to_plain()))) == modes


def test_what_the_person_reads():
    assert lines_of(VIEW) == [
        "This session on ws1 is locked.",
        "Nobody has typed for 15min.",
        "",
        "It is the session of alice, on /dev/pts/3, from 192.0.2.7.",
        "To go on where it was left, authenticate as alice. After 5 more attempts that fail, the session ends.",
        "",
        "Password: ",
    ]
    last = View("ws1", "alice", "tty1", "", "a\r\nb\n", 1, ("Sorry.\nTry again.", "Caps\tLock"), "One\nTwo:\n")
    assert lines_of(last) == [
        "This session on ws1 is locked.",
        "a",
        "b",
        "",
        "It is the session of alice, on tty1.",
        "To go on where it was left, authenticate as alice. If the next attempt fails, the session ends.",
        "",
        "Sorry.",
        "Try again.",
        "Caps Lock",
        "",
        "Two: ",
    ]
    assert prompt_of("") == ""
    typed = View("ws1", "alice", "tty1", "", "", 1, (), "Code:", "12\x1b3")
    assert lines_of(typed)[-1] == "Code: 12\\x1b3"


def shown(data: bytes, rows: int, columns: int) -> list[str]:
    """The rows of a terminal that has drawn this, and fails where something would scroll or wrap."""
    screen = [""] * rows
    start = data.index(b"\x1b[2J") + 4
    for match in re.finditer(r"\x1b\[(\d+);1H([^\x1b]*)", data[start:].decode()):
        row, text = int(match[1]), match[2]
        drawn_over = [char for char in text if unicodedata.category(char) not in ("Mn", "Me")]
        assert sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in drawn_over) <= columns
        assert not screen[row - 1]
        screen[row - 1] = text
    return screen


def test_drawn_in_80_columns():
    assert shown(drawn(lines_of(VIEW), Kind.PTY, 24, 80), 24, 80)[:10] == [
        "",
        "This session on ws1 is locked.",
        "Nobody has typed for 15min.",
        "",
        "It is the session of alice, on /dev/pts/3, from 192.0.2.7.",
        "To go on where it was left, authenticate as alice. After 5 more attempts that",
        "fail, the session ends.",
        "",
        "Password: ",
        "",
    ]


@pytest.mark.parametrize("rows", range(1, 12))
def test_the_prompt_is_always_there(rows):
    screen = shown(drawn(lines_of(VIEW), Kind.CONSOLE, rows, 40), rows, 40)
    assert [line for line in screen if line][-1] == "Password: "


def test_a_size_of_nothing_is_taken_for_the_usual_one():
    assert drawn(lines_of(VIEW), Kind.PTY, 0, 0) == drawn(lines_of(VIEW), Kind.PTY, 24, 80)
