"""Holding one process: no descriptor stays behind, whatever reading about the process comes to."""

from __future__ import annotations

import ctypes
import os
import threading

import pytest

from reaper import procfs
from tests.unit.people import fork


def test_no_descriptor_stays_where_the_process_cannot_be_read(tmp_path, monkeypatch):
    """EMFILE or EIO at its stat: the pidfd is open by then."""
    (tmp_path / str(os.getpid()) / "stat").mkdir(parents=True)
    monkeypatch.setattr(procfs, "PROC", str(tmp_path))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError):
        procfs.open_process(os.getpid(), 5)
    assert os.listdir("/proc/self/fd") == before


def test_no_descriptor_stays_where_the_pid_is_anothers():
    before = os.listdir("/proc/self/fd")
    assert procfs.open_process(os.getpid(), 5) is None
    assert os.listdir("/proc/self/fd") == before


def test_a_process_whose_first_thread_has_ended_is_alive():
    """It looks like a zombie, and its other threads run on."""

    def work() -> None:
        def run_on() -> None:
            while procfs.parse_stat(read("self")).state != "Z":
                os.sched_yield()
            stat = procfs.read_stat(os.getpid())
            os._exit(0 if stat and stat.pid == os.getpid() and stat.threads == 2 else 1)

        threading.Thread(target=run_on).start()
        ctypes.CDLL(None).pthread_exit(None)  # lets go of the GIL before

    def read(pid: str) -> str:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read()

    pid = fork(work)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert procfs.read_stat(pid) is None
