"""A terminal taken over and restored, on a real pty."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Iterator

import pytest

from reaper.ctl.screen import Screen, keys_of
from reaper.ctl.style import Ink, Span


class Pty:
    """Both ends of a pty, and a Screen on it."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        self.resize(20, 5)
        os.set_blocking(self.master, False)
        self.screen = Screen(self.slave, self.slave, is_coloured=True)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def output(self) -> str:
        data = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                data += os.read(self.master, 65536)
        return data.decode()

    def modes(self) -> list[object]:
        return termios.tcgetattr(self.slave)


@pytest.fixture
def pty() -> Iterator[Pty]:
    pty = Pty()
    yield pty
    os.close(pty.slave)
    with contextlib.suppress(OSError):
        os.close(pty.master)


def line(text: str, ink: Ink = Ink.PLAIN) -> tuple[Span, ...]:
    return (Span(text, ink),)


def test_terminal_is_restored(pty):
    before = pty.modes()
    with pty.screen:
        assert pty.modes() != before
        assert pty.output() == "\x1b[?1049h\x1b[?25l\x1b[m\x1b[2J"
    assert pty.modes() == before
    assert pty.output() == "\x1b[m\x1b[2J\x1b[H\x1b[?25h\x1b[?1049l"


def test_terminal_is_restored_after_an_exception(pty):
    before = pty.modes()
    with pytest.raises(KeyError), pty.screen:
        raise KeyError
    assert pty.modes() == before
    assert pty.output().endswith("\x1b[?25h\x1b[?1049l")


def test_keys_still_send_signals(pty):
    with pty.screen:
        flags = pty.modes()[3]
        assert flags & termios.ISIG
        assert not flags & (termios.ICANON | termios.ECHO)


def test_suspend_restores_the_terminal_until_resume(pty):
    before = pty.modes()
    with pty.screen as screen:
        screen.draw([line("one")], screen.size())
        screen.suspend()
        assert pty.modes() == before
        screen.resume()
        pty.output()
        screen.draw([line("one")], screen.size())
        assert "one" in pty.output(), "output of other programs is overwritten"


def test_only_changes_are_written():
    pty = Pty()
    screen = pty.screen
    size = (20, 5)
    assert screen.changes([line("one"), line("two")], size) == "\x1b[m\x1b[2J\x1b[1;1Hone\x1b[K\x1b[2;1Htwo\x1b[K"
    assert screen.changes([line("one"), line("two")], size) == ""
    assert screen.changes([line("one"), line("2", Ink.BOLD)], size) == "\x1b[2;1H\x1b[1m2\x1b[m\x1b[K"
    assert screen.changes([line("one")], size) == "\x1b[2;1H\x1b[K"
    assert screen.changes([line("x" * 20)], size) == "\x1b[1;1H" + "x" * 20
    assert screen.changes([line("one")], (10, 5)) == "\x1b[m\x1b[2J\x1b[1;1Hone\x1b[K"
    os.close(pty.master)
    os.close(pty.slave)


def test_size_is_that_of_the_terminal(pty):
    assert pty.screen.size() == (20, 5)
    pty.resize(100, 50)
    assert pty.screen.size() == (100, 50)
    pty.resize(0, 0)
    assert pty.screen.size() == (80, 24)


def test_typed_keys_are_read(pty):
    with pty.screen as screen:
        os.write(pty.master, b"q\x1b[A")
        assert screen.read_keys() == ["q", "up"]


def test_terminal_that_has_hung_up(pty):
    with pty.screen as screen:
        os.close(pty.master)
        screen.draw([line("one")], (20, 5))
        assert screen.read_keys() is None


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"sr", ["s", "r"]),
        (b"\x1bOB\x1b[6~j", ["down", "page-down", "down"]),
        (b"\x1b[1~G", ["home", "end"]),
        (b"\x1b[1;5A", ["\x1b[1;5A"]),
        (b"\x1b\x1bq\xc3", ["\x1b", "\x1b", "q", "\xc3"]),
        (b"\x0c", ["\x0c"]),
    ],
)
def test_input_is_split_into_keys(data, keys):
    assert keys_of(data) == keys
