"""How the kernel's files are read: whole, bounded, and None if their subject is gone."""

from __future__ import annotations

import os
import signal

import pytest

from reaper import kernel_text
from tests.unit.people import fork


def test_file_is_read_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one\rtwo\n" * 100_000)
    assert kernel_text.read(str(path)) == b"one\rtwo\n" * 100_000


def test_read_that_is_not_noted(tmp_path, monkeypatch):
    """A thread that was left behind neither shows as a wait of the daemon's nor hides one."""
    (tmp_path / "file").write_bytes(b"one\n")
    for noted in (None, "/proc/1/stat"):
        monkeypatch.setattr(kernel_text, "reading", noted)
        assert kernel_text.read_unnoted(str(tmp_path / "file")) == b"one\n"
        assert kernel_text.reading is noted


def test_empty_file_is_empty(tmp_path):
    (tmp_path / "file").touch()
    assert kernel_text.read(str(tmp_path / "file")) == b""
    assert kernel_text.lines(b"") == []


@pytest.mark.parametrize("most", [1, 3, 4, 5, 70_000])
def test_long_file_is_cut_off_at_a_line(tmp_path, most):
    """A number without its last digits would be another number."""
    path = tmp_path / "file"
    path.write_bytes(b"123\n" * 100_000)
    text = kernel_text.read(str(path), most)
    assert text == b"123\n" * (most // 4)


def test_file_larger_than_the_limit_is_cut(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * (kernel_text.MOST_BYTES + 5))
    assert kernel_text.read(str(path)) == b""


def test_missing_file_is_none(tmp_path):
    assert kernel_text.read(str(tmp_path / "none")) is None
    (tmp_path / "file").touch()
    assert kernel_text.read(str(tmp_path / "file" / "below")) is None


def test_process_that_ends_during_the_read_is_none():
    """ESRCH at a read of a file that was opened before."""
    pid = fork(signal.pause)
    path = f"/proc/{pid}/stat"
    directory = os.open(f"/proc/{pid}", os.O_RDONLY)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    try:
        assert kernel_text.read(path) is None
        assert kernel_text.read(f"/proc/self/fd/{directory}/stat") is None
    finally:
        os.close(directory)


def test_other_errors_are_raised(tmp_path):
    with pytest.raises(IsADirectoryError):
        kernel_text.read(str(tmp_path))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(IsADirectoryError):
        kernel_text.read(str(tmp_path))
    assert os.listdir("/proc/self/fd") == before
