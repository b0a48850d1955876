"""Terminals that answer and that do not: real ptys with a fake terminal emulator. And a file as a console."""

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
    """Yields the descriptor of a terminal that must get these questions, one after another, and gives these answers."""
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
def test_terminal_that_reports_its_modes(device):
    with terminal((ASK_DEVICE, device), (ASK_MODES, VIM + device)) as fd:
        assert probe.survey(fd, TerminalKind.PTY) == Modes(True, False, (2004,))


def test_text_typed_meanwhile_is_not_an_answer():
    with terminal((ASK_DEVICE, b"ls\x1b[?62c\r"), (ASK_MODES, b"mo" + VIM + b"re\x1b[?62c\r")) as fd:
        assert probe.survey(fd, TerminalKind.PTY) == Modes(True, False, (2004,))


def test_first_level_terminal_is_asked_only_for_its_screen():
    device = b"\x1b[?1;2c"
    with terminal((ASK_DEVICE, b"x" + device), (ASK_SCREEN, b"\x1b[5;12R\x1b[3;1R" + device)) as fd:
        assert probe.survey(fd, TerminalKind.PTY) == Modes(is_alternate=True)


def test_terminal_that_does_not_answer_for_its_modes_is_asked_for_its_screen():
    device = b"\x1b[?62c"
    with terminal((ASK_DEVICE, device), (ASK_MODES, device), (ASK_SCREEN, device)) as fd:
        assert probe.survey(fd, TerminalKind.PTY) == Modes()


def test_silent_terminal_has_unknown_modes(monkeypatch):
    monkeypatch.setattr(probe, "ANSWER_MS", 0)
    with terminal() as fd:
        assert probe.survey(fd, TerminalKind.PTY) == Modes()


def test_terminal_that_has_hung_up_has_unknown_modes():
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
    """A console in the form of vcs(4): rows, columns and the cursor first."""
    monkeypatch.setattr(probe, "DEV", str(tmp_path))
    (tmp_path / "vcsa1").write_bytes(SHOWN)
    return tmp_path / "vcsa1"


def test_console_shows_its_contents_again(device):
    kept = probe.read_contents("tty1")
    assert kept == SHOWN
    device.write_bytes(SHOWN[:2] + b"\0\0" + b" \x07" * 6)
    probe.write_contents("tty1", kept)
    assert device.read_bytes() == SHOWN


@pytest.mark.parametrize("other", [bytes([3, 2, 0, 0]) + b" \x07" * 6, b""])
def test_resized_console_is_left_alone(device, other):
    device.write_bytes(other)
    probe.write_contents("tty1", SHOWN)
    assert device.read_bytes() == other


@pytest.mark.parametrize("name", ["pts/1", "ttyS0", "console", "tty0", "tty2"])
def test_other_terminals_have_no_contents(device, name):
    assert probe.read_contents(name) == b""
    probe.write_contents(name, SHOWN)
    probe.write_contents("tty1", b"")
    assert device.read_bytes() == SHOWN
    assert list(device.parent.iterdir()) == [device]
