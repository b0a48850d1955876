"""Messages on real terminals: they leave no trace in the times, go to nothing but a terminal, and never wait."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator

import pytest

from reaper.act import terminal_output
from reaper.act.terminal_output import Delivery
from tests.unit.act.ptys import Pty
from tests.unit.people import fork


@pytest.fixture
def pty() -> Iterator[Pty]:
    pty = Pty()
    yield pty
    pty.close()


def test_message_changes_neither_atime_nor_ctime(pty):
    """Our own messages are no evidence of a person."""
    before = os.stat(f"/dev/{pty.name}")
    terminal_output.write_message(pty.name, "hello", os.geteuid())
    after = os.stat(f"/dev/{pty.name}")
    assert (after.st_atime_ns, after.st_ctime_ns) == (before.st_atime_ns, before.st_ctime_ns)


def test_terminal_does_not_become_our_controlling_terminal(pty):
    def controlling() -> str:
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[4]

    before = controlling()
    terminal_output.write_message(pty.name, "hello", os.geteuid())
    assert controlling() == before


def test_only_terminals_are_written_to(tmp_path, monkeypatch):
    """No file, link or FIFO in the place of a terminal; and a FIFO does not make us wait."""
    monkeypatch.setattr(terminal_output, "DEV", str(tmp_path))
    (tmp_path / "file").write_text("kept")
    os.symlink(tmp_path / "file", tmp_path / "link")
    os.mkfifo(tmp_path / "fifo")
    for name in ("file", "link", "fifo", "file/below"):
        assert terminal_output.write_message(name, "x", os.geteuid()) is Delivery.GONE, name
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root can")
def test_terminal_without_write_permission_refuses(pty):
    """What a security module refuses root, the mode refuses another user."""
    os.chmod(f"/dev/{pty.name}", 0o600)

    def work() -> None:
        os.setresuid(65534, 65534, 65534)
        assert terminal_output.write_message(pty.name, "x", 0) is Delivery.REFUSED

    _, status = os.waitpid(fork(work), 0)
    assert status == 0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errno.EACCES, Delivery.REFUSED),
        (errno.EPERM, Delivery.REFUSED),
        (errno.EAGAIN, Delivery.BLOCKED),
        (errno.EINTR, Delivery.BLOCKED),
        (errno.EIO, Delivery.GONE),
        (errno.ENXIO, Delivery.GONE),
    ],
)
def test_error_of_a_write_decides_the_outcome(pty, monkeypatch, error, outcome):
    def write(_fd: int, _data: bytes) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "write", write)
    assert terminal_output.write_message(pty.name, "x", os.geteuid()) is outcome


def test_message_is_blocked_without_a_free_descriptor(pty):
    """The session's other terminals must still be written to, so this raises no exception."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        outcome = terminal_output.write_message(pty.name, "x", os.geteuid())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert outcome is Delivery.BLOCKED
