"""How the real host finds sessions: through login records, through logind, and through both at once."""

from __future__ import annotations

import os

import pytest

from reaper.decide.policy.match import Origin
from reaper.decide.session.model import SessionKey
from reaper.sense import login_sessions
from reaper.sense.discovery import RECORD_DUE_USEC
from tests.unit.sense.trees import START_TICKS
from tests.unit.sense.worlds import RealWorld, in_logind


def record(world: RealWorld, session_id: str = "", key: SessionKey | None = None) -> None:
    key = key or world.session.key
    values = {
        "VERSION": 1,
        "USER": "alice",
        "UID": 1000,
        "SERVICE": "sshd",
        "TTY": "ssh",
        "RHOST": "192.0.2.7",
        "XDG_SESSION_ID": session_id,
        "LEADER": key.pid,
        "START_TICKS": key.start_ticks,
        "OPENED_USEC": 5,
    }
    path = os.path.join(world.directory, str(key))
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    os.chmod(path, 0o600)


def test_record_makes_a_session(real):
    record(real, "c7")
    found = real.host.discover([], [])
    (session,) = found.sessions
    assert (session.key, session.user, session.uid) == (real.session.key, "alice", 1000)
    assert (session.origin, session.remote, session.source) == (Origin.SSH, "192.0.2.7", "pam")
    assert (found.dead_records, found.problems) == ([], [])
    assert real.host.discover([session.key], ["c7"]).sessions == []


def test_session_that_only_logind_knows_is_found(scoped):
    in_logind(scoped)
    (session,) = scoped.host.discover([], []).sessions
    assert (session.key, session.session_id, session.source) == (scoped.session.key, "c7", "logind")
    assert session.scope == "/user.slice/user-1000.slice/session-c7.scope"
    assert scoped.host.is_alive(session)
    assert scoped.host.discover([session.key], ["c7"]).sessions == []


def test_new_login_is_left_for_its_record(scoped):
    """logind reports a session before pam_reaper has written what only the hook knows."""
    in_logind(scoped, age_usec=RECORD_DUE_USEC - 1)
    assert scoped.host.discover([], []).sessions == []
    record(scoped, "c7")
    (session,) = scoped.host.discover([], []).sessions
    assert session.source == "pam"


def test_login_without_a_record_is_found_a_little_later(scoped):
    """Although logind reports no change meanwhile."""
    in_logind(scoped, age_usec=RECORD_DUE_USEC - 1)
    assert scoped.host.discover([], []).sessions == []
    in_logind(scoped)
    (session,) = scoped.host.discover([], []).sessions
    assert session.source == "logind"


def test_record_and_logind_make_one_session(scoped):
    record(scoped, "c7")
    in_logind(scoped)
    assert len(scoped.host.discover([], []).sessions) == 1


def test_recorded_session_is_not_found_again_through_logind(scoped):
    """Its record names no XDG_SESSION_ID, so logind's seems to be another one; but the leader is the same."""
    record(scoped)
    (session,) = scoped.host.discover([], []).sessions
    in_logind(scoped)
    assert scoped.host.discover([session.key], [""]).sessions == []


def test_leader_outside_its_sessions_scope_is_another_process(real, tree):
    """logind reports a bare pid: the leader has ended, and the pid was reused, here by a process of another session."""
    tree.scope("c7")
    for pid, scope in ((700, tree.scope("c8", 1001)), (701, "")):
        tree.add(pid, 1, "sshd", scope)
        in_logind(real, leader=pid)
        real.logind.asked.clear()
        assert real.host.discover([], []).sessions == []
        real.logind.known.clear()
        real.host.discover([], [])


@pytest.mark.parametrize("leader", [700, 9999])
def test_remaining_connection_stands_for_its_leader(real, tree, leader):
    """The leader has ended, or its pid was reused: sshd's child in the scope becomes the session's key."""
    scope = tree.scope("c7")
    tree.add(700, 1, "cron")
    tree.add(702, 1, "bash", scope)
    survivor = tree.add(703, 1, "sshd", scope, session=leader)
    in_logind(real, leader=leader)
    (session,) = real.host.discover([], []).sessions
    assert (session.key, session.scope) == (SessionKey(*survivor), scope)
    assert real.host.is_alive(session)
    assert [*real.host.targets(session, [], whole=False).connection] == [survivor]


def test_recorded_session_in_another_scope_has_no_scope(real, tree):
    """An administrator runs an sshd in their own session: its logins do not own the administrator's scope."""
    tree.show(real.session.key, tree.scope("c1", 0))
    record(real, "c7")
    (session,) = real.host.discover([], []).sessions
    assert session.scope == ""
    assert real.leader in real.host.everything(session)


def test_session_without_its_scope_yet_is_asked_for_again(real, tree):
    """logind reports the session first and has its scope made then; by the next look its leader may have ended."""
    leader = tree.add(700, 1, "sshd")
    in_logind(real, leader=leader.pid)
    assert real.host.discover([], []).sessions == []
    tree.write(leader.pid, "cgroup", f"0::{tree.scope('c7')}\n")
    (session,) = real.host.discover([], []).sessions
    assert (session.key, session.session_id) == (SessionKey(*leader), "c7")
    assert real.logind.asked == ["c7", "c7"]


def test_unreadable_session_hides_no_other(real, tree):
    """Whatever the error is: it is reported, and the other logins are found, through records and through logind."""
    for pid, session_id, name in ((700, "c7", "stat"), (710, "c8", "cgroup")):
        tree.add(pid, 1, "sshd", tree.scope(session_id))
        tree.hide(pid, name)
        in_logind(real, session_id, pid)
    in_logind(real, "c9", tree.add(720, 1, "sshd", tree.scope("c9")).pid)
    tree.add(690, 1, "sshd")
    tree.hide(690, "stat")
    record(real, "", SessionKey(690, START_TICKS))
    tree.show(real.session.key)
    record(real, "c5")
    found = real.host.discover([], [])
    assert {session.session_id for session in found.sessions} == {"c5", "c9"}
    assert [problem.problem for problem in found.problems] == ["session-unreadable"] * 3
    assert {word for problem in found.problems for word in ("690.50", "c7", "c8") if word in str(problem)} == {
        "690.50",
        "c7",
        "c8",
    }


def test_unreadable_session_is_forgotten_after_its_end(real, tree):
    """Otherwise every such login that a host ever had would be kept."""
    tree.add(700, 1, "sshd", tree.scope("c7"))
    tree.hide(700, "stat")
    in_logind(real, "c7", 700)
    tree.add(690, 1, "sshd")
    tree.hide(690, "stat")
    record(real, "", SessionKey(690, START_TICKS))
    real.host.discover([], [])
    assert real.host._finder._reported == {"c7", "690.50"}
    assert real.host.discover([], []).problems == []
    real.logind.known.clear()
    os.unlink(f"{real.directory}/690.50")
    real.host.discover([], [])
    assert real.host._finder._reported == set()


def test_internal_error_about_one_session_hides_no_other(real, tree, monkeypatch):
    """A barrier around each session: the bug is reported once, with its traceback, and the session is tried again."""
    read = login_sessions.from_record

    def fail(record):
        if record.key.pid == 690:
            raise ZeroDivisionError
        return read(record)

    monkeypatch.setattr(login_sessions, "from_record", fail)
    tree.add(690, 1, "sshd")
    record(real, "", SessionKey(690, START_TICKS))
    tree.show(real.session.key)
    record(real, "c5")
    found = real.host.discover([], [])
    assert [session.session_id for session in found.sessions] == ["c5"]
    (problem,) = found.problems
    assert problem.problem == "session-unreadable"
    assert "690.50" in str(problem)
    assert "ZeroDivisionError" in str(problem)
    assert real.host.discover([real.session.key], []).problems == []
    monkeypatch.setattr(login_sessions, "from_record", read)
    assert [each.key for each in real.host.discover([real.session.key], []).sessions] == [(690, START_TICKS)]


def test_broken_record_is_reported_once_and_logind_is_used(scoped):
    real = scoped
    record(real, "c7")
    with open(os.path.join(real.directory, str(real.session.key)), "a", encoding="ascii") as file:
        file.write("garbage")
    in_logind(real)
    found = real.host.discover([], [])
    assert [problem.problem for problem in found.problems] == ["record-broken"]
    assert [session.source for session in found.sessions] == ["logind"]
    assert real.host.discover([real.session.key], ["c7"]).problems == []


def test_record_of_a_dead_leader_is_returned(real):
    dead = real.session.key._replace(start_ticks=real.session.key.start_ticks + 1)
    record(real, "", dead)
    found = real.host.discover([], [])
    assert (found.sessions, found.dead_records) == ([], [dead])


def test_silent_logind_is_reported_and_asked_again(scoped):
    real = scoped
    in_logind(real)
    real.logind.is_silent = True
    assert [problem.problem for problem in real.host.discover([], []).problems] == ["logind-silent"]
    assert real.host.discover([], []).problems == []
    assert real.logind.recalls == 2
    real.logind.is_silent = False
    assert len(real.host.discover([], []).sessions) == 1


def test_logind_is_asked_once_about_an_ended_session(real):
    """The leader and all it had are gone: logind still lists the session, and is not asked at each poll."""
    entry = in_logind(real)
    real.logind.known["c7"] = entry._replace(leader=2**22 - 1)
    for _ in range(3):
        assert real.host.discover([], []).sessions == []
    assert real.logind.asked == ["c7"]
