"""Telling a terminal from a later one of the same name; on files, which the kernel treats alike."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reaper.sense.terminal_handles import TerminalHandles


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[TerminalHandles]:
    (tmp_path / "pts").mkdir()
    (tmp_path / "pts" / "0").touch()
    lines = TerminalHandles(str(tmp_path))
    yield lines
    lines.keep(())


def test_terminal_keeps_its_number_while_it_exists(lines, tmp_path):
    _, first = lines.status("pts/0")
    os.utime(tmp_path / "pts" / "0", (1, 1))
    os.chmod(tmp_path / "pts" / "0", 0o600)
    status, second = lines.status("pts/0")
    assert first == second != 0
    assert (status.st_mtime, status.st_mode & 0o777) == (1, 0o600)


def test_later_terminal_of_the_name_has_another_number(lines, tmp_path):
    _, first = lines.status("pts/0")
    os.unlink(tmp_path / "pts" / "0")
    with pytest.raises(FileNotFoundError):
        lines.status("pts/0")
    (tmp_path / "pts" / "0").touch()
    status, second = lines.status("pts/0")
    assert second not in (0, first)
    assert status.st_ino == os.stat(tmp_path / "pts" / "0").st_ino


def test_terminal_not_kept_holds_no_descriptor(lines):
    before = os.listdir("/proc/self/fd")
    lines.status("pts/0")
    lines.keep({"pts/0"})
    assert len(os.listdir("/proc/self/fd")) == len(before) + 1
    lines.keep({"pts/1"})
    assert os.listdir("/proc/self/fd") == before


def test_terminal_is_read_by_name_without_a_free_descriptor(lines, monkeypatch, tmp_path):
    def refuse(*_arguments: object) -> int:
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(os, "open", refuse)
    status, number = lines.status("pts/0")
    assert number == 0
    assert status.st_ino == os.stat(tmp_path / "pts" / "0").st_ino
