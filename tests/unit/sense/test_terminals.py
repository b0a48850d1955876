"""Which terminals a session has: the ptys whose masters its leader holds, or the line of its console."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from reaper.sense import terminals

USER = os.geteuid() or 1000


@pytest.fixture
def dev(tmp_path, monkeypatch) -> Callable[[str], None]:
    """A /dev of files; makes one of them, which the user owns."""
    (tmp_path / "dev").mkdir()
    monkeypatch.setattr(terminals, "DEV", str(tmp_path / "dev"))

    def make(name: str) -> None:
        (tmp_path / "dev" / name).touch()
        os.chown(tmp_path / "dev" / name, USER, -1)

    return make


def test_inner_pty_is_no_terminal_of_the_session(real):
    """tmux, screen, script: a process of the session holds the master, not its leader."""
    outer = real.open()
    master, slave = os.openpty()
    inner = os.ttyname(slave)[len("/dev/") :]
    try:
        assert inner in terminals.held_ptys(os.getpid())
        assert real.host.terminal_names(real.session) == {outer.name}
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("line", ["tty1", "console", "ttyS0", "hvc0"])
def test_line_of_the_login_is_the_sessions_terminal(real, dev, line):
    dev(line)
    session = replace(real.session, tty=line, uid=USER)
    assert real.host.terminal_names(session) == {line}
    real.end()
    assert real.host.terminal_names(session) == frozenset(), "the next login on it is another session"


def test_console_that_shows_graphics_is_no_terminal(real, dev, monkeypatch):
    """startx from a console: the display server gets the keys, and the console's times do not change."""
    dev("tty1")
    dev("ttyS0")
    mode = 1
    monkeypatch.setattr(
        fcntl, "ioctl", lambda _fd, request, _buffer: struct.pack("i", mode if request == 0x4B3B else 9)
    )
    assert real.host.terminal_names(replace(real.session, tty="tty1", uid=USER)) == frozenset()
    assert real.host.terminal_names(replace(real.session, tty="ttyS0", uid=USER)) == {"ttyS0"}, (
        "a serial line is not asked"
    )
    mode = 0
    assert real.host.terminal_names(replace(real.session, tty="tty1", uid=USER)) == {"tty1"}


def test_other_files_are_not_graphical(dev, tmp_path):
    """If there is no console, or none that knows the ioctl, the answer is no."""
    assert not terminals.is_graphical("tty9")
    dev("tty1")
    assert not terminals.is_graphical("tty1")
    os.mkfifo(tmp_path / "dev" / "tty2")
    assert not terminals.is_graphical("tty2"), "and nobody waits for a FIFO"
    assert not terminals.is_graphical("pts/0")


def test_reading_leaves_no_descriptor_open(dev):
    dev("tty1")
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        terminals.is_graphical("tty1")
        assert terminals.takes_lines("tty1"), "a file has no mode that could be asked"
    assert os.listdir("/proc/self/fd") == before


def test_ended_process_holds_no_ptys():
    assert terminals.held_ptys(2**22 - 1) == set()
