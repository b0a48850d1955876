"""What is written to a locked terminal, what its answers mean, and that it obeys no outside text."""

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
    prompt_line,
    read_replies,
    read_screen,
    render,
    reports_modes,
    restore_sequence,
    save_sequence,
    screen_lines,
)

from .screens import drawn_rows

VIEW = LockView("ws1", "alice", "/dev/pts/3", "192.0.2.7", "Nobody has typed for 15min.", 5, (), "Password: ")
VIM = (
    b"\x1b[?47;2$y\x1b[?1047;2$y\x1b[?1049;1$y\x1b[?25;2$y\x1b[?1;1$y\x1b[?9;0$y\x1b[?66;1$y\x1b[?1000;2$y"
    b"\x1b[?1002;1$y\x1b[?1006;1$y\x1b[?2004;1$y\x1b[?1u\x1b[?65;1;9c"
)


def test_answers_of_a_terminal_give_its_modes():
    replies = read_replies(VIM)
    assert replies.device == (65, 1, 9)
    assert replies.modes == Modes(True, True, (1, 66, 1002, 1006, 2004), 1)
    assert replies.typed == b""


def test_text_typed_among_the_answers_is_kept():
    replies = read_replies(b"ls" + VIM + b"\r\x1b[A")
    assert replies.typed == b"ls\r\x1b[A"
    assert replies.modes is not None
    assert replies.modes.is_alternate
    assert read_replies(b"ls\x1b[?1049;").typed == b"ls", "an incomplete answer was not typed"
    assert read_replies(b"ls\x1b").typed == b"ls\x1b", "the Escape key was typed"


@pytest.mark.parametrize(
    "data", [b"", b"ls", b"\x1b[?1;2c", b"\x1b[?6c", b"\x1b[?1049;0$y\x1b[?47;0$y\x1b[?62c", b"\x1b[?2004;1$y\x1b[?62c"]
)
def test_terminal_without_mode_reports_has_no_known_modes(data):
    assert read_replies(data).modes is None


@pytest.mark.parametrize(
    ("device", "tells"),
    [(None, False), ((), False), ((1, 2), False), ((1,), False), ((6,), True), ((61, 4), True), ((65, 1, 9), True)],
)
def test_device_report_decides_whether_modes_are_asked(device, tells):
    assert reports_modes(device) is tells


def test_questions_end_with_that_for_the_device():
    assert ASK_MODES.endswith(ASK_DEVICE)
    assert re.fullmatch(rb"(\x1b\[\?[0-9]+\$p)+\x1b\[\?u\x1b\[c", ASK_MODES)


@dataclass
class Screens:
    """A terminal with two screens, or only one, that reports no modes: it has 1049, and reports its cursor."""

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
def test_cursor_position_shows_which_screen_is_active(cursor, is_alternate, typed):
    screens = Screens(cursor, is_alternate)
    modes, undo = read_screen(typed + screens.write(ASK_SCREEN))
    assert modes == Modes(is_alternate)
    screens.write(undo)
    assert screens.is_alternate is is_alternate
    if is_alternate:
        assert screens.saved == "3;1", "where the shell continues after the program"
    else:
        assert screens.cursor == cursor


def test_terminal_with_one_screen_counts_as_alternate():
    screens = Screens("5;12", is_alternate=False, has_alternate=False)
    modes, _ = read_screen(screens.write(ASK_SCREEN))
    assert modes == Modes(is_alternate=True)


@pytest.mark.parametrize("data", [b"", b"\x1b[?1;2c", b"\x1b[5;12R\x1b[?1;2c"])
def test_terminal_without_cursor_reports_has_no_known_modes(data):
    assert read_screen(data) == (Modes(), b"")


def test_main_screen_is_left_and_entered_again():
    modes = Modes(on=(1, 2004))
    assert save_sequence(modes, TerminalKind.PTY) == b"\x1b\\\x1b[?1049h\x1b[?1l\x1b[?2004l"
    assert restore_sequence(modes, TerminalKind.PTY) == b"\x1b[m\x1b[?1049l\x1b[?1h\x1b[?2004h"


def test_alternate_screen_is_cleared_for_its_program_to_redraw():
    modes = Modes(True, True, (1000,), 5)
    assert save_sequence(modes, TerminalKind.PTY) == b"\x1b\\\x1b[?25h\x1b[>0u\x1b[?1000l"
    assert restore_sequence(modes, TerminalKind.PTY) == b"\x1b[m\x1b[<u\x1b[H\x1b[2J\x1b[?25l\x1b[?1000h"


def test_unknown_modes_are_left_alone():
    assert save_sequence(Modes(), TerminalKind.PTY) == b"\x1b\\\x1b[?1049h"
    assert restore_sequence(Modes(), TerminalKind.PTY) == b"\x1b[m\x1b[?1049l"


def test_console_keeps_its_one_screen():
    """Its contents are read before and written back afterwards; see probe."""
    for modes in (Modes(), Modes(True, True, (1000,), 5)):
        assert save_sequence(modes, TerminalKind.CONSOLE) == b"\x1b\\\x1b7"
        assert restore_sequence(modes, TerminalKind.CONSOLE) == b"\x1b[m\x1b[H\x1b[2J\x1b8"


def test_serial_line_is_sent_no_escape():
    hostile = LockView("h\x1b[2J", "u\x9b1m", "ttyS0", "\a", "\x1b]0;x\a", 1, ("\x1bc",), "\x1b[5m: ")
    for modes in (Modes(), Modes(True, True, (1000,), 5)):
        sent = save_sequence(modes, TerminalKind.SERIAL) + restore_sequence(modes, TerminalKind.SERIAL)
        sent += render(screen_lines(hostile), TerminalKind.SERIAL, 24, 80)
        assert b"\x1b" not in sent
        assert {byte for byte in sent if byte < 0x20} == {0x0D, 0x0A}


@pytest.mark.parametrize("modes", [Modes(), Modes(True, True, (1, 2004), 3)])
def test_modes_survive_as_json(modes):
    assert Modes.from_plain(json.loads(json.dumps(modes.to_plain()))) == modes


def test_text_of_the_lock_screen():
    assert screen_lines(VIEW) == [
        "This session on ws1 is locked.",
        "Nobody has typed for 15min.",
        "",
        "It is the session of alice, on /dev/pts/3, from 192.0.2.7.",
        "To go on where it was left, authenticate as alice. After 5 more attempts that fail, the session ends.",
        "",
        "Password: ",
    ]
    last = LockView("ws1", "alice", "tty1", "", "a\r\nb\n", 1, ("Sorry.\nTry again.", "Caps\tLock"), "One\nTwo:\n")
    assert screen_lines(last) == [
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
    assert prompt_line("") == ""
    typed = LockView("ws1", "alice", "tty1", "", "", 1, (), "Code:", "12\x1b3")
    assert screen_lines(typed)[-1] == "Code: 12\\x1b3"


def test_lock_screen_in_80_columns():
    assert drawn_rows(render(screen_lines(VIEW), TerminalKind.PTY, 24, 80), 24, 80)[:10] == [
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
def test_prompt_is_shown_in_any_number_of_rows(rows):
    screen = drawn_rows(render(screen_lines(VIEW), TerminalKind.CONSOLE, rows, 40), rows, 40)
    assert [line for line in screen if line][-1] == "Password: "


def test_size_of_zero_counts_as_24_rows_of_80_columns():
    assert render(screen_lines(VIEW), TerminalKind.PTY, 0, 0) == render(screen_lines(VIEW), TerminalKind.PTY, 24, 80)
