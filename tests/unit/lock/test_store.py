"""The state of a lock in its file."""

from __future__ import annotations

import errno
import os

import pytest

from reaper.decide.session.lock_protocol import LockState, Stage
from reaper.decide.session.model import ProcessId
from reaper.lock import store
from reaper.lock.store import Store

KEEPER = ProcessId(7, 7)


@pytest.fixture
def files(tmp_path) -> Store:
    (tmp_path / "3").mkdir()
    return Store("3", str(tmp_path))


def test_state_is_overwritten_in_place_on_a_full_disk(files, tmp_path, monkeypatch):
    """Also if it is shorter than before; no half-written file is left beside it."""
    files.write_state(LockState(Stage.LOCKED, 1, 0, "", KEEPER), lines=["pts/0"] * 100)
    write = store._write

    def refuse(path: str, data: bytes, *flags: int) -> None:
        if path.endswith(".new"):
            write(path, data[:10], *flags)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data, *flags)

    monkeypatch.setattr(store, "_write", refuse)
    files.write_state(LockState(Stage.UNLOCKED, 2, 1, "", KEEPER), lines=[])
    known = files.read_state()
    assert known is not None
    assert known[0] == LockState(Stage.UNLOCKED, 2, 1, "", KEEPER)
    assert [path.name for path in (tmp_path / "3").iterdir()] == ["state"]


def test_state_that_cannot_be_written_raises(files, tmp_path):
    (tmp_path / "3").rmdir()
    with pytest.raises(FileNotFoundError):
        files.write_state(LockState(Stage.LOCKED, 1, 0, "", KEEPER))
