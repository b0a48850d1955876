"""How the real host finds sessions: through login records, through logind, and through both at once."""

from __future__ import annotations

import os

import pytest

from reaper.decide.model import SessionKey
from reaper.decide.policy import Origin
from reaper.sense.logind import LogindSession
from tests.unit.sense.worlds import RealWorld


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


def in_logind(world: RealWorld, session_id: str = "c7") -> LogindSession:
    entry = LogindSession(session_id, world.session.key.pid, "alice", 1000, "sshd", "", "192.0.2.7", "tty", 9)
    world.logind.known[session_id] = entry
    return entry


def test_a_record_makes_a_session(real):
    record(real, "c7")
    found = real.host.discover([], [])
    (session,) = found.sessions
    assert (session.key, session.user, session.uid) == (real.session.key, "alice", 1000)
    assert (session.origin, session.remote, session.source) == (Origin.SSH, "192.0.2.7", "pam")
    assert (found.dead_records, found.problems) == ([], [])
    assert real.host.discover([session.key], ["c7"]).sessions == []


def test_logind_alone_suffices(real):
    in_logind(real)
    (session,) = real.host.discover([], []).sessions
    assert (session.key, session.session_id, session.source) == (real.session.key, "c7", "logind")
    assert real.host.is_alive(session)
    assert real.host.discover([session.key], ["c7"]).sessions == []


def test_both_are_one_session(real):
    record(real, "c7")
    in_logind(real)
    assert len(real.host.discover([], []).sessions) == 1


def test_a_session_is_not_found_again_through_logind(real):
    """Its record names no XDG_SESSION_ID, so logind's seems another; but the leader is the same."""
    record(real)
    (session,) = real.host.discover([], []).sessions
    in_logind(real)
    assert real.host.discover([session.key], [""]).sessions == []


def test_a_broken_record_is_told_once_and_logind_stands_in(real):
    record(real, "c7")
    with open(os.path.join(real.directory, str(real.session.key)), "a", encoding="ascii") as file:
        file.write("garbage")
    in_logind(real)
    found = real.host.discover([], [])
    assert [problem.problem for problem in found.problems] == ["record-broken"]
    assert [session.source for session in found.sessions] == ["logind"]
    assert real.host.discover([real.session.key], ["c7"]).problems == []


def test_the_record_of_a_dead_leader_is_told(real):
    dead = real.session.key._replace(start_ticks=real.session.key.start_ticks + 1)
    record(real, "", dead)
    found = real.host.discover([], [])
    assert (found.sessions, found.dead_records) == ([], [dead])


def test_a_silent_logind_is_told_and_asked_again(real):
    in_logind(real)
    real.logind.is_silent = True
    assert [problem.problem for problem in real.host.discover([], []).problems] == ["logind-silent"]
    real.logind.is_silent = False
    assert len(real.host.discover([], []).sessions) == 1


def test_logind_is_asked_once_for_what_is_no_session(real):
    """A leader that is gone with all it had: logind still lists it, and is not asked at each poll."""
    entry = in_logind(real)
    real.logind.known["c7"] = entry._replace(leader=2**22 - 1)
    for _ in range(3):
        assert real.host.discover([], []).sessions == []
    assert real.logind.asked == ["c7"]


@pytest.mark.parametrize(
    ("service", "tty", "kind", "origin"),
    [
        ("sshd", "", "tty", Origin.SSH),
        ("login", "tty1", "tty", Origin.CONSOLE),
        ("login", "/dev/tty63", "tty", Origin.CONSOLE),
        ("login", "ttyS0", "tty", Origin.SERIAL),
        ("login", "hvc0", "tty", Origin.SERIAL),
        ("gdm-password", "tty2", "wayland", Origin.GRAPHICAL),
        ("lightdm", "", "unspecified", Origin.GRAPHICAL),
        ("telnetd", "pts/3", "tty", Origin.OTHER),
    ],
)
def test_origins(real, service, tty, kind, origin):
    real.logind.known["c7"] = in_logind(real)._replace(service=service, tty=tty, kind=kind)
    (session,) = real.host.discover([], []).sessions
    assert session.origin is origin
