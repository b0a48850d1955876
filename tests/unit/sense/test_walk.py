"""A session with very many processes: how many are read, and what is known of the others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reaper import procfs
from reaper.decide.session.model import Session, SessionKey, Usage
from reaper.procparse import Stat
from reaper.sense import connections, processes
from reaper.sense.elevations import Elevations
from reaper.sense.host import Host
from reaper.sense.login_records import LoginRecords
from reaper.sense.walk import Walk
from tests.unit.fakes import make_session
from tests.unit.sense.worlds import FakeLogind

SHELL, CROWD = 502, range(600, 640)
TICK_USEC = 1_000_000 // procfs.CLOCK_TICKS_PER_SEC


class Crowd:
    """An ssh session whose shell has started very many processes in the foreground of its terminal."""

    def __init__(self, tree, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr(processes, "device_number", {"pts/0": 34816}.get)
        self.scope = tree.scope("3")
        leader = tree.add(500, 1, "sshd", self.scope, uid=0)
        tree.add(501, 500, "sshd", self.scope, session=500)
        tree.add(SHELL, 501, scope=self.scope, tty_nr=34816, tpgid=600)
        for pid in CROWD:
            cpu = {"cpu_ticks": (1, 1, 0, 0)}
            tree.add(pid, SHELL, scope=self.scope, session=SHELL, pgrp=600, tty_nr=34816, tpgid=600, **cpu)
        self.session: Session = make_session(500, key=SessionKey(*leader), scope=self.scope, uid=1000)
        self.elevations = Elevations(str(tmp_path))
        self.host = Host(LoginRecords(str(tmp_path)), FakeLogind(), self.elevations)  # type: ignore[arg-type]
        self.reads: list[int] = []
        read_stat = procfs.read_stat

        def read(pid: int) -> Stat | None:
            self.reads.append(pid)
            return read_stat(pid)

        monkeypatch.setattr(procfs, "read_stat", read)
        # As system calls they read nothing from /proc.
        monkeypatch.setattr(procfs, "read_session", lambda pid: getattr(read_stat(pid), "session", None))


@pytest.fixture
def crowd(tree, tmp_path, monkeypatch) -> Iterator[Crowd]:
    crowd = Crowd(tree, tmp_path, monkeypatch)
    yield crowd
    crowd.elevations.close()


def test_each_process_is_read_once_per_step(crowd):
    """Except those that carry the connection, and those that sshd has started for it."""
    targets = crowd.host.targets(crowd.session, ["pts/0"], whole=True)
    assert len(targets.everything) == len(targets.holding.each) == 3 + len(CROWD)
    assert {each.process.pid for each in targets.attached} == {SHELL, *CROWD}
    assert all(crowd.reads.count(pid) == 1 for pid in CROWD)


def test_unneeded_processes_are_not_read(crowd, tree):
    """Many processes that have left the terminal (setsid(1)), and a step that concerns the terminal alone."""
    for pid in range(700, 740):
        tree.add(pid, 1, scope=crowd.scope)
    targets = crowd.host.targets(crowd.session, [], whole=False)
    assert [process.pid for process in targets.connection] == [500, 501]
    assert (targets.everything, targets.attached) == ((), ())
    assert not {*CROWD, *range(700, 740)} & {*crowd.reads}


def test_other_logins_are_found_without_reading_the_crowd(crowd, tree, monkeypatch):
    held = crowd.host.held_pids(crowd.session)
    monkeypatch.setattr(processes, "member_pids", None)
    assert not crowd.host.is_shared(crowd.session, held)
    tree.add(700, 1, "sshd", crowd.scope, uid=0)
    assert crowd.host.is_shared(crowd.session, [*held, 700])
    assert not {*CROWD} & {*crowd.reads}


def test_number_read_is_bounded_and_the_connection_comes_first(crowd, monkeypatch):
    monkeypatch.setattr("reaper.sense.walk.Walk.__init__.__defaults__", (10,))
    targets = crowd.host.targets(crowd.session, ["pts/0"], whole=True)
    assert {process.pid for process in targets.connection} == {500, 501}
    assert SHELL in {each.process.pid for each in targets.attached}, "its kernel session shows it"
    assert len(targets.holding.each) == 10
    assert len({*crowd.reads}) <= 12


def test_unread_processes_are_counted_by_the_scope(crowd, tree, monkeypatch):
    monkeypatch.setattr("reaper.sense.walk.Walk.__init__.__defaults__", (10,))
    tree.write_scope(crowd.scope, "memory.current", "1000000000\n")
    tree.write_scope(crowd.scope, "cpu.stat", "usage_usec 5000000\nuser_usec 1\n")
    holding = crowd.host.targets(crowd.session, ["pts/0"], whole=True).holding
    each = [usage for _, usage in holding.each]
    assert len(each) + holding.others.processes == 3 + len(CROWD)
    assert sum(usage.rss_bytes for usage in each) + holding.others.rss_bytes == 1_000_000_000
    assert sum(usage.cpu_usec for usage in each) + holding.others.cpu_usec == 5_000_000
    assert crowd.host.freed(holding) == Usage(0, 0, 0)
    tree.write_scope(crowd.scope, "cgroup.procs", "")
    assert crowd.host.freed(holding) == holding.others, "the processes that were read live on elsewhere"


def test_read_processes_are_counted_without_the_memory_controller(crowd, monkeypatch):
    monkeypatch.setattr("reaper.sense.walk.Walk.__init__.__defaults__", (10,))
    holding = crowd.host.targets(crowd.session, ["pts/0"], whole=True).holding
    assert holding.others.processes == 3 + len(CROWD) - 10
    assert holding.others[1:] == (0, 0)


def test_small_session_is_counted_by_process(crowd, tree):
    """The scope's own counters include processes that ended long ago, and pages that nobody has mapped."""
    tree.write_scope(crowd.scope, "memory.current", "1000000000\n")
    holding = crowd.host.targets(crowd.session, ["pts/0"], whole=True).holding
    assert holding.others == Usage(0, 0, 0)
    assert dict(holding.each)[next(process for process, _ in holding.each if process.pid == 600)] == Usage(
        1, 100 * procfs.PAGE_BYTES, 2 * TICK_USEC
    )


def test_walk_reads_no_process_twice(crowd):
    reader = Walk()
    assert [process.pid for process in reader.processes([SHELL, SHELL, 9999])] == [SHELL, SHELL]
    assert crowd.reads == [SHELL, 9999]


def test_connections_child_is_found_without_a_list_of_children(crowd, monkeypatch):
    def refuse(_pid: int) -> list[int]:
        raise FileNotFoundError

    monkeypatch.setattr(procfs, "read_children", refuse)
    assert [process.pid for process in connections.connection_holders(crowd.session)] == [500, 501]


def test_scope_with_cgroup_kill_is_killed_at_once(crowd, tree):
    assert not crowd.host.is_killed_at_once(crowd.session)
    tree.write_scope(crowd.scope, "cgroup.kill", "")
    assert crowd.host.is_killed_at_once(crowd.session)


def test_other_and_unwritable_groups_are_not_killed_at_once(crowd, tree, monkeypatch):
    """As in act/terminate.py: such a group is listed, and signalled process by process."""
    tree.write_scope(crowd.scope, "cgroup.kill", "")
    below = f"{crowd.scope}/below"
    (tree.directory / "cgroup" / below[1:]).mkdir()
    tree.write_scope(below, "cgroup.kill", "")
    assert not processes.can_be_killed_at_once(below)
    monkeypatch.setattr(processes.os, "access", lambda _path, _mode: False)
    assert not crowd.host.is_killed_at_once(crowd.session)
