"""The files between reaperd and reaper-lock: what is read back, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reaper.decide.session.lock_protocol import LockOrder, LockState, Stage, encode_order, encode_state
from reaper.decide.session.model import ProcessId
from reaper.errors import ReaperError
from reaper.sense import lock_files
from tests.unit.fakes import make_session

ORDER = LockOrder(make_session(100), "locked", {"session": "100"}, 5, None)
STATE = LockState(Stage.LOCKED, 7, 2, "", ProcessId(4711, 17))


@pytest.fixture
def lock(tmp_path) -> Path:
    (tmp_path / "100").mkdir()
    return tmp_path / "100"


def test_order_and_state_are_read_back(lock):
    directory = str(lock.parent)
    assert lock_files.read_order("100", directory) is None
    assert lock_files.read_state("100", directory) is None
    (lock / "order").write_text(encode_order(ORDER))
    (lock / "state").write_text(encode_state(STATE, lines=["pts/1"]))
    assert lock_files.read_order("100", directory) == ORDER
    assert lock_files.read_state("100", directory) == STATE


@pytest.mark.parametrize("name", ["", ".", "..", "100/../100", "101"])
def test_lock_with_an_odd_or_unknown_name_is_none(lock, name):
    (lock / "state").write_text(encode_state(STATE))
    (lock.parent / "state").write_text(encode_state(STATE))
    assert lock_files.read_state(name, str(lock.parent)) is None


def test_file_that_others_could_have_written_is_refused(lock):
    directory = str(lock.parent)
    (lock / "state").write_text(encode_state(STATE))
    (lock / "state").chmod(0o666)
    assert lock_files.read_state("100", directory) is None
    os.rename(lock / "state", lock / "elsewhere")
    (lock / "elsewhere").chmod(0o600)
    os.symlink("elsewhere", lock / "state")
    assert lock_files.read_state("100", directory) is None
    (lock / "state").unlink()
    os.mkfifo(lock / "state")
    assert lock_files.read_state("100", directory) is None


def test_broken_file_raises(lock):
    (lock / "order").write_text("{")
    (lock / "state").write_text('{"version": 0}')
    with pytest.raises(ReaperError, match="order of a lock is broken"):
        lock_files.read_order("100", str(lock.parent))
    with pytest.raises(ReaperError, match="state of a lock is broken"):
        lock_files.read_state("100", str(lock.parent))
