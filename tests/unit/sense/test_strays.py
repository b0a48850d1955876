"""A session's processes outside of its scope: what its login alone has started, and nothing of anybody else's."""

from __future__ import annotations

import pytest

from reaper.decide.session.model import ProcessId, Session
from reaper.sense import strays
from reaper.sense.belonging import Homes, NestedSession
from tests.unit.sense.trees import PANE, START_TICKS, add_login, add_process

MANAGER = "/user.slice/user-1000.slice/user@1000.service"


@pytest.fixture
def ours(tree) -> Session:
    add_process(tree, 40, 1, f"{MANAGER}/init.scope", 99)
    return add_login(tree, 10, "c1", 71)


def found(ours: Session, *others: Session, asides: tuple[NestedSession, ...] = ()) -> set[int]:
    return {process.pid for process in strays.find(ours, [ours, *others], asides, Homes())}


def test_panes_of_the_session_are_found(tree, ours):
    other = add_login(tree, 20, "c2", 72)
    add_process(tree, 30, 1, PANE, 71)
    add_process(tree, 31, 1, f"{MANAGER}/a.slice/b.slice/run-1.scope", 71, uid=0)
    add_process(tree, 32, 1, PANE, 72)
    add_process(tree, 33, 40, f"{MANAGER}/app.slice/x.service", 99)
    add_process(tree, 34, 1, PANE)
    both = {ProcessId(30, START_TICKS), ProcessId(31, START_TICKS)}
    assert set(strays.find(ours, [ours, other], (), Homes())) == both
    assert found(other, ours) == {32}


def test_processes_in_foreign_groups_are_left_alone(tree, ours):
    add_process(tree, 30, 1, "/machine.slice/libpod-1.scope", 71)
    add_process(tree, 31, 1, "/system.slice/run-2.scope", 71)
    add_process(tree, 32, 1, "/user.slice/user-1001.slice/user@1001.service/x.scope", 71)
    add_process(tree, 33, 1, tree.scope("c8"), 71)
    assert found(ours) == set()


def test_shared_audit_session_finds_nothing(tree, ours):
    """The user's manager, or a second login, has the same one: the panes could be of either."""
    add_process(tree, 30, 1, PANE, 71)
    assert found(ours) == {30}
    assert found(ours, add_login(tree, 20, "c2", 71)) == set()
    tree.log_in(40, 71)
    assert found(ours) == set()


def test_session_without_an_audit_session_has_no_strays(tree):
    ours = add_login(tree, 10, "c1")
    add_process(tree, 30, 1, PANE)
    assert found(ours) == set()


def test_sessions_nested_session_of_su_is_found(tree, ours):
    """All of this login's processes in it; not an sshd that somebody started there, and not another login's su."""
    server = add_process(tree, 30, 1, ours.scope, 71)
    su = add_process(tree, 31, server, tree.scope("c5", 0), 71)
    add_process(tree, 32, 1, tree.scope("c5", 0), 71, uid=0)
    add_process(tree, 33, 1, tree.scope("c5", 0), 80, uid=0)
    add_process(tree, 34, 1, tree.scope("c6", 0), 72)
    asides = tuple(
        NestedSession(ProcessId(pid, START_TICKS), tree.scope(name, 0)) for pid, name in ((su, "c5"), (34, "c6"))
    )
    assert found(ours, asides=asides) == {31, 32}
    other = add_login(tree, 20, "c2", 72)
    assert found(other, ours, asides=asides) == {34}


def test_run0s_session_is_found_while_its_leader_lives(tree, ours, monkeypatch):
    leader = add_process(tree, 51, 1, tree.scope("c9", 0), uid=0)
    add_process(tree, 52, leader, tree.scope("c9", 0), uid=0)
    monkeypatch.setattr(Homes, "of", lambda _self, pid, _known, _clients: ours.key if pid == leader else None)
    aside = NestedSession(ProcessId(leader, START_TICKS), tree.scope("c9", 0))
    assert found(ours, asides=(aside,)) == {51, 52}
    stale = NestedSession(ProcessId(leader, START_TICKS - 1), aside.scope)
    assert found(ours, asides=(stale,)) == set()
    assert found(add_login(tree, 20, "c2", 72), ours, asides=(aside,)) == set()


def test_number_of_groups_and_processes_is_bounded(tree, ours, monkeypatch):
    monkeypatch.setattr(strays, "MOST_PROCESSES", 2)
    for pid in range(30, 35):
        add_process(tree, pid, 1, PANE, 71)
    add_process(tree, 36, 1, f"{MANAGER}/z.scope", 71)
    assert len(found(ours)) <= 2
    monkeypatch.setattr(strays, "MOST_GROUPS", 0)
    assert found(ours) == set()


def test_reused_pid_is_not_found(tree, ours, monkeypatch):
    """The pid is reused between two reads: the start time counts only if the audit session is the same after it."""
    pid = add_process(tree, 30, 1, PANE, 71)
    read = strays.procfs.read_stat

    def replaced(of: int):
        tree.log_in(pid, 72)
        return read(of)

    monkeypatch.setattr(strays.procfs, "read_stat", replaced)
    assert list(strays._of_login([pid], 71)) == []


def test_nested_sessions_of_other_logins_are_skipped(tree, ours):
    """However many of them a user has: they do not use up the limit."""
    others = [
        NestedSession(ProcessId(add_process(tree, 100 + number, 1, tree.scope(f"c{number}", 0), 99), START_TICKS), "")
        for number in range(5)
    ]
    leader = add_process(tree, 51, 1, tree.scope("c9", 0), 71, uid=0)
    aside = NestedSession(ProcessId(leader, START_TICKS), tree.scope("c9", 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strays, "MOST_GROUPS", 1)
        assert found(ours, asides=(*others, aside)) == {51}
