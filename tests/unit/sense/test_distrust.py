"""Users whose processes are not read, in trees of files like /proc; and the process that tries to read them."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import time

import pytest

from reaper import procfs
from reaper.decide.session.stuck import Stuck
from reaper.sense import connections, distrust, executables, processes
from reaper.sense.distrust import Distrust, Probe, blame
from tests.unit.people import fork

UID = 1000
SLICE = "/user.slice/user-1000.slice"


class Tree:
    """Processes with only the files that never wait: reading any other fails the test."""

    def __init__(self, root, monkeypatch) -> None:
        self.root, self.sessions = root, {}
        monkeypatch.setattr(procfs, "PROC", str(root))
        monkeypatch.setattr(os, "getsid", self.getsid)

    def getsid(self, pid: int) -> int:
        if pid not in self.sessions:
            raise ProcessLookupError(errno.ESRCH, "gone")
        return self.sessions[pid]

    def add(self, pid: int, uid: int, group: str = "/", session: int = 0, parent: int = 1, state: str = "S") -> int:
        directory = self.root / str(pid)
        directory.mkdir()
        uids = f"{uid}\t0\t{uid}\t{uid}"  # the effective one means nothing
        (directory / "status").write_text(f"Name:\tx\nState:\t{state} (x)\nPPid:\t{parent}\nUid:\t{uids}\n")
        (directory / "cgroup").write_text(f"0::{group}\n")
        (directory / "stat").mkdir()
        (directory / "exe").symlink_to("/bin/sleep")
        (directory / "io").mkdir()
        self.sessions[pid] = session or pid
        return pid


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Tree:
    monkeypatch.setattr(distrust, "_PROCESS", re.compile(rf"{tmp_path}/([0-9]+)/"))
    return Tree(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def nothing_hidden(monkeypatch):
    monkeypatch.setattr(procfs, "is_hidden", None)


def test_only_that_users_processes_are_hidden(tree):
    users = Distrust([Stuck(99, UID, False, 0)])
    assert users.hides(tree.add(10, UID))
    assert users.hides(tree.add(11, 100_000, f"{SLICE}/user@1000.service/x"))  # a subordinate uid
    assert not users.hides(tree.add(12, 0, f"{SLICE}/session-1.scope"))  # the leader
    assert not users.hides(tree.add(13, 1001, "/user.slice/user-10000.slice/session-2.scope"))
    assert not users.hides(tree.add(14, 1001, f"/x{SLICE}"))
    assert not users.hides(15)  # gone
    assert users.covers(UID)
    assert not users.covers(1001)


def test_ended_entry_hides_nothing(tree):
    users = Distrust([Stuck(99, UID, False, 0, is_over=True), Stuck(98, 0, False, 0, is_over=True)])
    users.install()
    assert procfs.is_hidden is None
    assert not users.covers(UID)


def test_sshds_child_is_read_unless_one_has_blocked_a_read(tree):
    tree.add(10, 0, f"{SLICE}/session-1.scope")
    child = tree.add(11, UID, f"{SLICE}/session-1.scope", session=10, parent=10)
    below = tree.add(12, UID, f"{SLICE}/session-1.scope", session=10, parent=11)
    shell = tree.add(13, UID, f"{SLICE}/session-1.scope", parent=11)
    users = Distrust([Stuck(99, UID, False, 0)])
    assert [users.hides(pid) for pid in (child, below, shell)] == [False, True, True]
    found = blame(f"{procfs.PROC}/{child}/stat", 7)
    assert found == Stuck(child, UID, True, 7)
    assert Distrust([found]).hides(child)


def test_owner_of_the_blocking_process_is_blamed(tree):
    tree.add(10, UID)
    tree.add(11, 100_000, f"{SLICE}/user@1000.service")
    tree.add(12, 0, f"{SLICE}/session-1.scope")
    tree.add(13, UID, "/user.slice/user-0.slice/session-1.scope")
    uids = [found and found.uid for found in (blame(f"{procfs.PROC}/{pid}/stat", 0) for pid in (10, 11, 12, 13, 14))]
    assert uids == [UID, UID, 0, UID, None]
    assert blame("/sys/fs/cgroup/x/cgroup.procs", 0) is None


def test_subordinate_uids_outside_of_slices_count_as_one_user(tree):
    """Otherwise the daemon would have to restart for each of the 65,536 that a user has."""
    found = [blame(f"{procfs.PROC}/{tree.add(pid, 100_000 + pid)}/stat", 0) for pid in (10, 11)]
    assert found[0] == Stuck(10, distrust.SUBORDINATE_UID, False, 0)
    assert found[1] == Stuck(11, distrust.SUBORDINATE_UID, False, 0)
    users = Distrust(found[:1])
    assert users.hides(11)
    assert users.hides(tree.add(12, 600_000))
    assert users.covers(600_000)
    assert not users.hides(tree.add(13, UID))
    assert not users.covers(UID)


def test_roots_blocking_process_is_hidden_alone(tree):
    users = Distrust([Stuck(10, 0, False, 0)])
    assert users.hides(tree.add(10, 0))
    assert not users.hides(tree.add(11, 0))


def test_hidden_pid_that_root_reuses_is_read(tree):
    assert not Distrust([Stuck(10, UID, False, 0)]).hides(tree.add(10, 0))


def test_hidden_process_is_not_read_and_not_taken_for_ended(tree):
    pid = tree.add(10, UID)
    with pytest.raises(OSError):
        procfs.read_stat(pid)
    Distrust([Stuck(99, UID, False, 0)]).install()
    assert procfs.read_stat(pid) is None
    assert procfs.read_stat(pid, pid) is None
    assert procfs.read_io(pid) is None
    assert procfs.read_program(pid) is None
    assert procfs.read_link(pid, "ns/user") is None
    assert executables.read_status(pid) is None
    assert executables.ProgramFiles().read_status(pid) is None
    assert processes.is_alive((pid, 5))
    assert not processes.has_ended(processes.ProcessId(pid, 5))
    assert not processes.is_alive((tree.add(11, UID, state="Z"), 5))
    assert not processes.is_alive((12, 5))


def test_hidden_process_with_a_pty_counts_as_a_terminal_server(tree, monkeypatch):
    """mosh's server, after its ssh has ended: the person is still there."""
    tree.add(10, UID)
    tree.add(11, UID)
    monkeypatch.setattr(connections, "member_pids", lambda _scope: [10, 11])
    monkeypatch.setattr(connections, "held_ptys", lambda pid, _most: {"pts/5"} if pid == 10 else set())
    assert connections.remains(f"{SLICE}/session-1.scope", 5, UID, servers=("mosh-server",)) == []
    Distrust([Stuck(99, UID, False, 0)]).install()
    assert connections.remains(f"{SLICE}/session-1.scope", 5, UID, servers=("mosh-server",)) == [(10, 0)]
    assert connections.remains(f"{SLICE}/session-1.scope", 5, UID) == []


def run(probe: Probe, active, now_usec: int = 0):
    """Returns the result of one try."""
    assert probe.look(active, now_usec) is None
    process = probe._process
    if process is not None:
        process.wait(20)
    return probe.look(active, now_usec)


def test_probe_finds_a_user_who_can_be_read_again():
    pid = fork(lambda: (os.setuid(54_321), time.sleep(100)))
    try:
        assert run(Probe(), [Stuck(pid, 54_321, False, 0)]) == Stuck(pid, 54_321, False, 0)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_failed_probe_finds_nobody():
    waiting = (sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGALRM)")
    assert run(Probe(waiting), [Stuck(5, 6, False, 0)]) is None


def test_probe_tries_one_user_at_a_time():
    probe = Probe((sys.executable, "-c", "raise SystemExit(1)"))
    one, other = Stuck(5, 6, False, 0), Stuck(7, 8, False, 0)
    tried = []
    for number in range(4):
        run(probe, [one, other], number * 60_000_000)
        tried.append(probe._of)
    assert tried == [one, other, one, other]


def test_probe_starts_in_time_and_never_waits():
    probe = Probe((sys.executable, "-c", "import time; time.sleep(100)"))
    again = Stuck(5, 6, False, 0, times=2)
    assert probe.look([again], 0) is None
    assert probe._process is None
    assert probe.look([again], again.until_usec) is None
    first = probe._process
    assert probe.look([again], again.until_usec + 60_000_000) is None
    assert probe._process is first
    probe.close()
    first.wait()
