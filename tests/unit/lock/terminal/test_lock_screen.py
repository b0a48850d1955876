"""What is written to a locked terminal, what its answers mean, and that nothing from outside is obeyed there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pytest

from reaper.lock.terminal.lock_screen import (
    ASK_DEVICE,
    ASK_MODES,
    ASK_SCREEN,
    LockView,
    Modes,
    TerminalKind,
    bring_back,
    drawn,
    lines_of,
    prompt_of,
    read_replies,
    read_screen,
    set_aside,
    tells_modes,
)
from tests.unit.lock.terminal.screens import shown

VIEW = LockView("ws1", "alice", "/dev/pts/3", "192.0.2.7", "Nobody has typed for 15min.", 5, (), "Password: ")
VIM = (
    b"\x1b[?47;2$y\x1b[?1047;2$y\x1b[?1049;1$y\x1b[?25;2$y\x1b[?1;1$y\x1b[?9;0$y\x1b[?66;1$y\x1b[?1000;2$y"
    b"\x1b[?1002;1$y\x1b[?1006;1$y\x1b[?2004;1$y\x1b[?1u\x1b[?65;1;9c"
)


def test_the_answers_of_a_terminal():
    replies = read_replies(VIM)
    assert replies.device == (65, 1, 9)
    assert replies.modes == Modes(True, True, (1, 66, 1002, 1006, 2004), 1)
    assert replies.typed == b""


def test_what_was_typed_meanwhile_is_not_lost():
    replies = read_replies(b"ls" + VIM + b"\r\x1b[A")
    assert replies.typed == b"ls\r\x1b[A"
    assert replies.modes is not None
    assert replies.modes.is_alternate
    assert read_replies(b"ls\x1b[?1049;").typed == b"ls", "an answer that is not all there was not typed"
    assert read_replies(b"ls\x1b").typed == b"ls\x1b", "Escape was"


@pytest.mark.parametrize(
    "data", [b"", b"ls", b"\x1b[?1;2c", b"\x1b[?6c", b"\x1b[?1049;0$y\x1b[?47;0$y\x1b[?62c", b"\x1b[?2004;1$y\x1b[?62c"]
)
def test_a_terminal_that_does_not_tell(data):
    assert read_replies(data).modes is None


@pytest.mark.parametrize(
    ("device", "tells"),
    [(None, False), ((), False), ((1, 2), False), ((1,), False), ((6,), True), ((61, 4), True), ((65, 1, 9), True)],
)
def test_who_is_asked_for_modes(device, tells):
    assert tells_modes(device) is tells


def test_questions_end_with_the_fence():
    assert ASK_MODES.endswith(ASK_DEVICE)
    assert re.fullmatch(rb"(\x1b\[\?[0-9]+\$p)+\x1b\[\?u\x1b\[c", ASK_MODES)


@dataclass
class Screens:
    """A terminal that has screens, or one alone, and tells no modes: what 1049 does, and where the cursor is."""

    cursor: str
    is_alternate: bool
    saved: str = "3;1"
    has_alternate: bool = True

    def write(self, data: bytes) -> bytes:
        answers = b""
        for match in re.finditer(r"\x1b\[(\?\d+|[\d;]*)([nHhlc])", data.decode()):
            value, final = match.groups()
            if final == "n":
                answers += b"\x1b[%sR" % self.cursor.encode()
            elif final == "c":
                answers += b"\x1b[?1;2c"
            elif final == "H":
                self.cursor = value or "1;1"
            elif self.has_alternate:
                self.switch(to=final == "h")
        return answers

    def switch(self, *, to: bool) -> None:
        if to and not self.is_alternate:
            self.saved = self.cursor
        if not to:
            self.cursor = self.saved
        self.is_alternate = to


@pytest.mark.parametrize("cursor", ["1;1", "1;7", "24;80", "5;12"])
@pytest.mark.parametrize("is_alternate", [False, True])
@pytest.mark.parametrize("typed", [b"", b"\x1b[1;2", b"x\x1b[A"])
def test_a_terminal_is_asked_by_its_cursor_which_screen_it_shows(cursor, is_alternate, typed):
    screens = Screens(cursor, is_alternate)
    modes, undo = read_screen(typed + screens.write(ASK_SCREEN))
    assert modes == Modes(is_alternate)
    screens.write(undo)
    assert screens.is_alternate is is_alternate
    if is_alternate:
        assert screens.saved == "3;1", "where the shell goes on when the program is left"
    else:
        assert screens.cursor == cursor


def test_a_terminal_with_one_screen_is_cleared_for_who_draws_there():
    screens = Screens("5;12", is_alternate=False, has_alternate=False)
    modes, _ = read_screen(screens.write(ASK_SCREEN))
    assert modes == Modes(is_alternate=True)


@pytest.mark.parametrize("data", [b"", b"\x1b[?1;2c", b"\x1b[5;12R\x1b[?1;2c"])
def test_a_terminal_that_does_not_tell_where_its_cursor_is(data):
    assert read_screen(data) == (Modes(), b"")


def test_main_screen_is_left_and_entered_again():
    modes = Modes(on=(1, 2004))
    assert set_aside(modes, TerminalKind.PTY) == b"\x1b\\\x1b[?1049h\x1b[?1l\x1b[?2004l"
    assert bring_back(modes, TerminalKind.PTY) == b"\x1b[m\x1b[?1049l\x1b[?1h\x1b[?2004h"


def test_alternate_screen_is_cleared_for_its_program_to_draw():
    modes = Modes(True, True, (1000,), 5)
    assert set_aside(modes, TerminalKind.PTY) == b"\x1b\\\x1b[?25h\x1b[>0u\x1b[?1000l"
    assert bring_back(modes, TerminalKind.PTY) == b"\x1b[m\x1b[<u\x1b[H\x1b[2J\x1b[?25l\x1b[?1000h"


def test_where_nothing_is_known_no_mode_is_touched():
    assert set_aside(Modes(), TerminalKind.PTY) == b"\x1b\\\x1b[?1049h"
    assert bring_back(Modes(), TerminalKind.PTY) == b"\x1b[m\x1b[?1049l"


def test_console_keeps_its_one_screen():
    """Its contents are read before and written back after; see line."""
    for modes in (Modes(), Modes(True, True, (1000,), 5)):
        assert set_aside(modes, TerminalKind.CONSOLE) == b"\x1b\\\x1b7"
        assert bring_back(modes, TerminalKind.CONSOLE) == b"\x1b[m\x1b[H\x1b[2J\x1b8"


def test_serial_line_is_sent_no_escape():
    hostile = LockView("h\x1b[2J", "u\x9b1m", "ttyS0", "\a", "\x1b]0;x\a", 1, ("\x1bc",), "\x1b[5m: ")
    for modes in (Modes(), Modes(True, True, (1000,), 5)):
        sent = set_aside(modes, TerminalKind.SERIAL) + bring_back(modes, TerminalKind.SERIAL)
        sent += drawn(lines_of(hostile), TerminalKind.SERIAL, 24, 80)
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
    last = LockView("ws1", "alice", "tty1", "", "a\r\nb\n", 1, ("Sorry.\nTry again.", "Caps\tLock"), "One\nTwo:\n")
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
    typed = LockView("ws1", "alice", "tty1", "", "", 1, (), "Code:", "12\x1b3")
    assert lines_of(typed)[-1] == "Code: 12\\x1b3"


def test_drawn_in_80_columns():
    assert shown(drawn(lines_of(VIEW), TerminalKind.PTY, 24, 80), 24, 80)[:10] == [
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
    screen = shown(drawn(lines_of(VIEW), TerminalKind.CONSOLE, rows, 40), rows, 40)
    assert [line for line in screen if line][-1] == "Password: "


def test_a_size_of_nothing_is_taken_for_the_usual_one():
    assert drawn(lines_of(VIEW), TerminalKind.PTY, 0, 0) == drawn(lines_of(VIEW), TerminalKind.PTY, 24, 80)
