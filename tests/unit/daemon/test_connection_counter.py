"""What crosses a session's connection, as the daemon counts it from look to look."""

from __future__ import annotations

import pytest

from reaper.daemon.connection_counter import NO_SAMPLES, ConnectionCounter, weigh
from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.session.model import ConnectionSample, Traffic
from tests.unit.bench import Bench
from tests.unit.simulated import SECOND


class Session:
    """A session by ssh on one terminal, and the counter that looks at its connection."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.written = bench, {}
        self.login = bench.host.login(100, "pts/1")
        self.login.typed = 0
        bench.run(1)
        self.counter = ConnectionCounter(bench.host, self.written)

    @property
    def tracked(self):
        return self.bench.daemon.sessions[self.login.session.key]

    def count(self):
        return self.counter.count(self.tracked, self.tracked.readings, self.bench.host.clock())

    def wait(self, seconds: float) -> None:
        self.bench.host.time.boot_usec += round(seconds * SECOND)


@pytest.fixture
def session(bench) -> Session:
    return Session(bench)


def test_first_look_has_nothing_before_it(session):
    before, after = session.count()
    assert before is None
    assert after.traffic.typed == 0
    assert session.count().before == after


def test_keys_since_the_last_look_are_input_when_they_came(session):
    session.count()
    session.wait(20)
    session.login.send(3)
    heard_usec = session.bench.host.time.boot_usec
    session.wait(5)
    found = weigh(session.tracked, session.count(), session.bench.host.clock())
    assert found == (heard_usec, EvidenceKind.INPUT, True)


def test_nothing_is_no_evidence(session):
    session.count()
    session.wait(20)
    usec, _, is_counted = weigh(session.tracked, session.count(), session.bench.host.clock())
    assert (usec, is_counted) == (0, True)


def test_look_while_bytes_are_on_their_way_is_not_kept(session):
    kept = session.count().after
    session.login.is_moving = True
    session.wait(5)
    session.count()
    assert session.count().before == kept


def test_connection_that_cannot_be_read_tells_nothing(session):
    session.count()
    session.login.typed = None
    session.wait(5)
    before, after = session.count()
    assert before is not None
    assert after is None
    assert weigh(session.tracked, (before, after), session.bench.host.clock())[0] == 0
    assert weigh(session.tracked, NO_SAMPLES, session.bench.host.clock())[2] is False
    assert session.count().before is None


def test_own_messages_are_not_what_the_session_prints(session):
    session.written[session.login.session.key] = 100
    assert session.count().after.traffic.printed == -100


def test_reason_why_connections_cannot_be_counted_is_reported_once(session):
    now = session.bench.host.clock()
    traffic = Traffic(501, 0, 1, 1, 0, hindrance="ptrace is forbidden")
    session.login.typed = None
    session.login.line = ConnectionSample(now.boot_usec, now.wall_ns, traffic, 0, 0, 0, 0)
    session.count()
    (problem,) = session.counter.problems()
    assert "ptrace is forbidden" in str(problem)
    session.count()
    assert session.counter.problems() == []


def test_session_that_is_gone_is_forgotten(session):
    session.count()
    session.counter.forget(session.login.session.key)
    assert session.counter.samples == {}
    assert session.count().before is None
