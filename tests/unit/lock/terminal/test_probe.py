"""Terminals that answer and that do not: real ptys, with a fake of what draws them. And a file as a console."""

from __future__ import annotations

import contextlib
import os
import pty
import threading
import tty
from collections.abc import Iterator

import pytest

from reaper.lock.terminal import probe
from reaper.lock.terminal.lock_screen import ASK_DEVICE, ASK_MODES, ASK_SCREEN, Modes, TerminalKind

VIM = b"\x1b[?1049;1$y\x1b[?25;1$y\x1b[?2004;1$y"


@contextlib.contextmanager
def terminal(*answers: tuple[bytes, bytes]) -> Iterator[int]:
    """The descriptor of a terminal that is asked these questions, one after the other, and answers so."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(slave, False)
    asked: list[bytes] = []

    def draw() -> None:
        for question, answer in answers:
            data = b""
            while len(data) < len(question):
                data += os.read(master, 4096)
            asked.append(data)
            os.write(master, answer)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        yield slave
    finally:
        thread.join()
        os.close(slave)
        os.close(master)
    assert asked == [question for question, _ in answers]


@pytest.mark.parametrize("device", [b"\x1b[?65;1;9c", b"\x1b[?6c"])
def test_one_that_tells(device):
    with terminal((ASK_DEVICE, device), (ASK_MODES, VIM + device)) as fd:
        assert probe.survey(fd, TerminalKind.PTY) == Modes(True, False, (2004,))


def test_what_is_typed_meanwhile_is_no_answer():
    with terminal((ASK_DEVICE, b"ls\x1b[?62c\r"), (ASK_MODES, b"mo" + VIM + b"re\x1b[?62c\r")) as fd:
        assert probe.survey(fd, TerminalKind.PTY) == Modes(True, False, (2004,))


def test_one_of_the_first_level_is_asked_for_its_screen_alone():
    device = b"\x1b[?1;2c"
    with terminal((ASK_DEVICE, b"x" + device), (ASK_SCREEN, b"\x1b[5;12R\x1b[3;1R" + device)) as fd:
        assert probe.survey(fd, TerminalKind.PTY) == Modes(is_alternate=True)


def test_so_is_one_that_says_more_of_itself_than_it_knows():
    device = b"\x1b[?62c"
    with terminal((ASK_DEVICE, device), (ASK_MODES, device), (ASK_SCREEN, device)) as fd:
        assert probe.survey(fd, TerminalKind.PTY) == Modes()


def test_one_that_is_silent(monkeypatch):
    monkeypatch.setattr(probe, "ANSWER_MS", 0)
    with terminal() as fd:
        assert probe.survey(fd, TerminalKind.PTY) == Modes()


def test_one_that_is_gone():
    master, slave = pty.openpty()
    os.close(master)
    assert probe.survey(slave, TerminalKind.PTY) == Modes()
    os.close(slave)


@pytest.mark.parametrize("kind", [TerminalKind.CONSOLE, TerminalKind.SERIAL])
def test_consoles_and_serial_lines_are_not_asked(kind):
    with terminal() as fd:
        assert probe.survey(fd, kind) == Modes()


SHOWN = bytes([2, 3, 1, 0]) + b"a\x07b\x07c\x07d\x07e\x07f\x07"


@pytest.fixture
def device(tmp_path, monkeypatch):
    """In the form that vcs(4) gives it: rows, columns and the cursor first."""
    monkeypatch.setattr(probe, "DEV", str(tmp_path))
    (tmp_path / "vcsa1").write_bytes(SHOWN)
    return tmp_path / "vcsa1"


def test_a_console_shows_again_what_it_has_shown(device):
    kept = probe.read_contents("tty1")
    assert kept == SHOWN
    device.write_bytes(SHOWN[:2] + b"\0\0" + b" \x07" * 6)
    probe.write_contents("tty1", kept)
    assert device.read_bytes() == SHOWN


@pytest.mark.parametrize("other", [bytes([3, 2, 0, 0]) + b" \x07" * 6, b""])
def test_a_console_of_another_size_by_now_is_left_alone(device, other):
    device.write_bytes(other)
    probe.write_contents("tty1", SHOWN)
    assert device.read_bytes() == other


@pytest.mark.parametrize("name", ["pts/1", "ttyS0", "console", "tty0", "tty2"])
def test_what_keeps_nothing(device, name):
    assert probe.read_contents(name) == b""
    probe.write_contents(name, SHOWN)
    probe.write_contents("tty1", b"")
    assert device.read_bytes() == SHOWN
    assert list(device.parent.iterdir()) == [device]
