"""One process, as the real kernel shows it: its own name has no effect, and no descriptor stays open."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time

import pytest

from reaper import procfs
from reaper.procparse import parse_stat
from tests.unit.people import fork


def test_unreadable_process_leaves_no_descriptor_open(tmp_path, monkeypatch):
    """EMFILE or EIO at its stat: the pidfd is open by then."""
    (tmp_path / str(os.getpid()) / "stat").mkdir(parents=True)
    monkeypatch.setattr(procfs, "PROC", str(tmp_path))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError):
        procfs.open_process(os.getpid(), 5)
    assert os.listdir("/proc/self/fd") == before


def test_reused_pid_leaves_no_descriptor_open():
    before = os.listdir("/proc/self/fd")
    assert procfs.open_process(os.getpid(), 5) is None
    assert os.listdir("/proc/self/fd") == before


def test_process_whose_first_thread_has_ended_is_alive():
    """It looks like a zombie, but its other threads run on."""

    def work() -> None:
        def run_on() -> None:
            while parse_stat(read("self")).state != "Z":
                os.sched_yield()
            stat = procfs.read_stat(os.getpid())
            os._exit(0 if stat and stat.pid == os.getpid() and stat.threads == 2 else 1)

        threading.Thread(target=run_on).start()
        ctypes.CDLL(None).pthread_exit(None)  # releases the GIL before

    def read(pid: str) -> bytes:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read()

    pid = fork(work)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert procfs.read_stat(pid) is None


def test_groups_are_the_effective_and_supplementary_ones():
    """The effective one, and all that setgroups(2) has set."""

    def work() -> None:
        os.setgroups([27, 4_000_000_000])
        os.setresgid(5, 6, 7)
        os.kill(os.getpid(), signal.SIGSTOP)

    if os.geteuid() != 0:
        pytest.skip("only root can set groups")
    pid = fork(work)
    os.waitpid(pid, os.WUNTRACED)
    assert procfs.read_gids(pid) == {6, 27, 4_000_000_000}
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert procfs.read_gids(pid) == frozenset()


LINE_ENDS = ["\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", ") ", "\n"]


@pytest.mark.parametrize("end", LINE_ENDS)
@pytest.mark.parametrize("field", ["Tgid:30", "Uid:zz", "Uid:\t0\t0", "SigIgn:zz", "S 1 1"])
def test_name_of_a_process_cannot_pose_as_a_field(end, field):
    """The kernel escapes only the line feed in a name; in stat, not even that."""
    name = (end + field).encode()
    ready, is_ready = os.pipe()

    def work() -> None:
        ctypes.CDLL(None).prctl(15, name, 0, 0, 0)
        os.write(is_ready, b"x")
        time.sleep(100)

    before = procfs.read_stat(os.getpid())
    ignored = procfs.read_ignored_signals(os.getpid())
    pid = fork(work)
    try:
        os.read(ready, 1)
        with open(f"/proc/{pid}/comm", "rb") as file:
            assert file.read() == name[:15] + b"\n"
        assert procfs.read_uids(pid) == (os.getuid(),) * 4
        assert procfs.read_tgid(pid) == pid
        assert procfs.read_ignored_signals(pid) == ignored
        stat = procfs.read_stat(pid)
        assert (stat.pid, stat.ppid, stat.session, stat.pgrp) == (pid, os.getpid(), before.session, before.pgrp)
        assert procfs.read_group(pid) == procfs.read_group(os.getpid())
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(is_ready)
