"""Terminals taken and restored, on real ptys, compared byte by byte with one that was never touched."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import termios
from collections.abc import Iterator

import pytest

from reaper.errors import ReaperError
from reaper.lock.terminal import tty, typeahead
from reaper.lock.terminal.tty import SavedTty, Tty
from tests.unit.act.ptys import Pty

from .real_ptys import (
    END,
    ERASE,
    KILL,
    LINE_END,
    LITERAL,
    WERASE,
    lock_and_unlock,
    reads,
    set_up,
    through_json,
    type_keys,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes terminals from their owner, which only root can")

CANONICAL = termios.ICANON


@pytest.fixture
def ptys() -> Iterator[tuple[Pty, Pty]]:
    """Two identical ptys."""
    made = Pty(), Pty()
    for pty in made:
        os.set_blocking(pty.slave, False)
    yield made
    for pty in made:
        pty.close()


TYPED = {
    "nothing": b"",
    "lines": b"one\ntwo\nthree\n",
    "half a line": b"one\nhal",
    "only half a line": b"hal",
    "an end of file": END,
    "ends of file": b"a\n" + END + END + b"b\n" + END,
    "a line that an end of file ends": b"one" + END + b"two" + END + b"three",
    "literal characters": LITERAL + b"\x03a" + LITERAL + END + b"b" + LITERAL + ERASE + LITERAL + b"\x13\n",
    "literal characters in half a line": b"x"
    + LITERAL
    + b"\x1a"
    + LITERAL
    + LITERAL
    + LITERAL
    + KILL
    + LITERAL
    + b"\r",
    "a literal line feed": b"a" + LITERAL + b"\nb\nc" + LITERAL + b"\nd",
    "edited": b"ab" + ERASE + b"c d" + WERASE + b"e\nxyz" + KILL + b"uv" + ERASE,
    "bytes of all kinds": bytes(each for each in range(256) if each not in b"\x03\x1a\x1c\x13\x11") + b"\n",
    "another end of line": b"one" + LINE_END + b"two" + LITERAL + LINE_END + b"three\nfour" + LINE_END + b"five",
    "as much as there is room": b"x" * 1000 + b"\n" + b"y" * 3000,
    "a line as long as can be": b"z" * 4095,
    "returns": b"a\rb\r",
}


@pytest.mark.parametrize("typed", TYPED.values(), ids=TYPED.keys())
@pytest.mark.parametrize("iflag", [None, 0, termios.INLCR | termios.IXON, termios.IGNCR], ids=str)
def test_lines_typed_ahead_are_neither_lost_nor_changed(ptys, typed, iflag):
    """They are not merged or ended, and further typing edits them as before."""
    apart, locked = ptys
    for pty in ptys:
        set_up(pty, iflag=iflag, keys={termios.VEOL: LINE_END})
        type_keys(pty, typed)
    lock_and_unlock(locked.name, b"hunter2\rhunter", locked.master)
    assert termios.tcgetattr(locked.slave) == termios.tcgetattr(apart.slave)
    assert reads(locked) == reads(apart)
    for pty in ptys:
        type_keys(pty, b"more" + ERASE + b" and more\n\x04")
    assert reads(locked) == reads(apart)


@pytest.mark.parametrize("typed", TYPED.values(), ids=TYPED.keys())
@pytest.mark.parametrize("off", [CANONICAL, CANONICAL | termios.ISIG | termios.IEXTEN | termios.ECHO], ids=str)
def test_bytes_typed_ahead_are_neither_lost_nor_changed(ptys, typed, off):
    """As at a prompt of readline, or in an editor: without canonical mode there are only bytes."""
    apart, locked = ptys
    for pty in ptys:
        set_up(pty, lflag_off=off)
        type_keys(pty, typed)
    lock_and_unlock(locked.name, b"hunter2\r", locked.master)
    assert termios.tcgetattr(locked.slave) == termios.tcgetattr(apart.slave)
    assert reads(locked) == reads(apart)


@pytest.mark.parametrize("done", range(4))
def test_restore_can_be_repeated_after_a_crash(ptys, done):
    """The keeper was killed while it restored the input: nothing comes twice, and nothing is lost."""
    apart, locked = ptys
    for pty in ptys:
        type_keys(pty, b"one\ntwo" + END + b"three")
    held = Tty(locked.name)
    before = held.drain(held.look())
    held.take(before)
    held.close()
    for _ in range(done):
        lines = Tty(locked.name, through_json(before))
        lines.restore(through_json(before))
        lines.close()
    held = Tty(locked.name, before)
    held.take(before)
    assert held.drain(before) is before
    held.restore(before)
    held.close()
    assert reads(locked) == reads(apart)


def test_what_exceeds_the_kernels_buffer_is_dropped(ptys):
    """It could not be restored; the rest is."""
    _, locked = ptys
    set_up(locked, lflag_off=CANONICAL)
    for _ in range(10):
        type_keys(locked, b"0123456789" * 100)
    lock_and_unlock(locked.name)
    assert b"".join(reads(locked)) == (b"0123456789" * 410)[: typeahead.MOST]


def test_locked_terminal_is_private_and_raw(ptys):
    _, locked = ptys
    os.fchown(locked.slave, 1, 5)
    os.fchmod(locked.slave, 0o620)
    held = Tty(locked.name)
    before = held.look()
    held.take(before)
    status = os.fstat(locked.slave)
    assert (status.st_uid, status.st_mode & 0o7777) == (0, 0o600)
    os.write(locked.master, b"\x03\x1a\x1c\x13\x11\x04\x16\r\x7f")
    assert os.read(held.fd, 100) == b"\x03\x1a\x1c\x13\x11\x04\x16\r\x7f"
    assert locked.read() == "", "no echo"
    os.write(held.fd, b"\x1b[Ha\n")
    assert locked.read() == "\x1b[Ha\r\n"
    held.restore(before)
    held.close()
    status = os.fstat(locked.slave)
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1, 5, 0o620)


@pytest.mark.parametrize("stop", ["^S", "tcflow"])
def test_stopped_terminal_shows_the_prompt(ptys, stop):
    _, locked = ptys
    if stop == "^S":
        os.write(locked.master, b"\x13")
        assert reads(locked) == []
    else:
        termios.tcflow(locked.slave, termios.TCOOFF)
    with pytest.raises(BlockingIOError):
        os.write(locked.slave, b"kept")
    held = Tty(locked.name)
    held.take(held.look())
    os.write(held.fd, b"prompt")
    held.close()
    assert locked.read() == "prompt"


def test_restore_without_tiocsti_reports_lost_input(ptys, monkeypatch):
    """Everything else is restored all the same."""
    apart, locked = ptys
    type_keys(locked, b"typed ahead")

    def refuse(fd: int, request: int, *rest: bytes) -> bytes:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    held = Tty(locked.name)
    before = held.drain(held.look())
    held.take(before)
    with monkeypatch.context() as patched:
        patched.setattr(tty.fcntl, "ioctl", refuse)
        assert not held.restore(before)
    held.close()
    assert termios.tcgetattr(locked.slave) == termios.tcgetattr(apart.slave)


def size_of(pty: Pty) -> tuple[int, ...]:
    return struct.unpack("HHHH", fcntl.ioctl(pty.slave, termios.TIOCGWINSZ, bytes(8)))


@pytest.mark.parametrize("size", [(24, 80, 0, 0), (1, 80, 0, 0), (0, 0, 0, 0), (65535, 1, 7, 9)])
def test_size_is_restored_after_shrink(ptys, size):
    pty, _ = ptys
    fcntl.ioctl(pty.slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size))
    held = Tty(pty.name)
    old = held.shrink()
    assert old == size
    assert size_of(pty) != size
    held.restore_size(old)
    assert size_of(pty) == size
    held.shrink()
    fcntl.ioctl(pty.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    held.restore_size(old)
    assert size_of(pty) == (50, 100, 0, 0), "the person's own size"
    held.close()


def test_calls_after_a_hangup_raise():
    pty = Pty()
    held = Tty(pty.name)
    before = held.look()
    assert not held.is_gone()
    pty.close()
    assert held.is_gone()
    for step in (held.take, held.drain, held.restore):
        with pytest.raises(ReaperError, match="is gone") as caught:
            step(before)
        assert caught.value.problem == "line-gone"
    held.close()


def test_missing_terminal_raises():
    with pytest.raises(ReaperError, match="is gone"):
        Tty("pts/1000000")


def test_only_the_same_terminal_is_opened_again(ptys, tmp_path, monkeypatch):
    first, second = ptys
    held = Tty(first.name)
    before = held.look()
    held.close()
    with pytest.raises(ReaperError, match="different terminal"):
        Tty(second.name, before)
    monkeypatch.setattr(tty, "DEV", str(tmp_path))
    (tmp_path / "file").write_text("kept")
    os.symlink(f"/dev/{first.name}", tmp_path / "link")
    os.mkfifo(tmp_path / "fifo")
    os.mknod(tmp_path / "null", 0o600 | 0o020000, os.makedev(1, 3))
    for name in ("file", "link", "fifo", "null", "none"):
        with pytest.raises(ReaperError) as caught:
            Tty(name)
        assert caught.value.problem == "line-gone"


@pytest.mark.parametrize(
    "change",
    [{"flags": [1]}, {"keys": "x"}, {"owner": None}, {"typed": [["61", "never"]]}, {"typed": [["6", "line"]]}],
)
def test_broken_state_raises(ptys, change):
    held = Tty(ptys[0].name)
    plain = held.look().to_plain()
    held.close()
    for value in ({**plain, **change}, {}, None, []):
        with pytest.raises(ReaperError) as caught:
            SavedTty.from_plain(value)
        assert caught.value.problem == "lock-state"
