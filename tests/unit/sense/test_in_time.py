"""A look at processes for a person ends in time, and passes over the one that cannot be read."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from reaper import kernel_text, procfs
from reaper.sense.in_time import PatientReader
from tests.unit.waiting import waiting_files


@pytest.fixture
def waiting(tmp_path, monkeypatch) -> Iterator:
    """Makes processes whose stat cannot be read until the test is over."""
    monkeypatch.setattr(procfs, "PROC", str(tmp_path))
    monkeypatch.setattr(procfs, "is_hidden", None)
    with waiting_files() as wait:

        def make(pid: int) -> None:
            (tmp_path / str(pid)).mkdir()
            (tmp_path / str(pid) / "status").write_text("Name:\tx\nState:\tS (sleeping)\n")
            wait(tmp_path / str(pid) / "stat")

        yield make
        procfs.is_hidden = None


def test_look_that_is_done_at_once():
    reader = PatientReader()
    assert reader.look(lambda: 5) == [5]
    assert reader.look(lambda: None) == [None]
    assert not reader.passed_over


def test_what_a_look_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        PatientReader().look(lambda: 1 // 0)


def test_processes_that_cannot_be_read_are_passed_over(waiting):
    waiting(5)
    waiting(6)
    reader = PatientReader(stuck_sec=0.05)
    assert reader.look(lambda: [procfs.read_stat(pid) for pid in (5, 6, 7)]) == [[None, None, None]]
    assert reader.passed_over == {5, 6}
    assert procfs.is_withheld(5)
    began = time.monotonic()
    assert reader.look(lambda: procfs.read_stat(5)) == [None]
    assert time.monotonic() - began < 1


def test_all_looks_together_have_their_time(waiting):
    for pid in range(5, 15):
        waiting(pid)
    reader = PatientReader(most_sec=0.3, stuck_sec=0.1)
    began = time.monotonic()
    assert reader.look(lambda: [procfs.read_stat(pid) for pid in range(5, 15)]) == []
    assert reader.look(lambda: 5) == []
    assert time.monotonic() - began < 3
    assert 0 < len(reader.passed_over) < 10


def test_wait_that_is_no_processes_fault(tmp_path):
    """A file of no process's: nothing to pass over, and nothing is read again."""
    path = tmp_path / "file"
    tries = []

    def read() -> bytes | None:
        tries.append(1)
        return kernel_text.read(str(path))

    with waiting_files() as make:
        make(path)
        assert PatientReader(most_sec=0.2, stuck_sec=0.05).look(read) == []
    assert len(tries) == 1
