"""Graphical sessions under `action: lock`: locked and unlocked by their desktops, as logind reports."""

from __future__ import annotations

from reaper.decide.policy.match import Match, Origin
from reaper.decide.policy.rules import Rule
from reaper.decide.session.state import Phase
from tests.unit.bench import Bench
from tests.unit.daemon.locking import (
    LOCK_FOR,
    make_locking,
)
from tests.unit.daemon.seen import signalled
from tests.unit.fakes import make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND


def make_desktop() -> tuple[Bench, FakeLogin]:
    bench = Bench(make_policy(rules=(Rule("desktops", Match(origin=(Origin.GRAPHICAL,)), make_locking()),)))
    login = bench.host.login(100, origin=Origin.GRAPHICAL, session_id="c3")
    login.idle_usec = 0
    bench.run(1)
    return bench, login


def idle(bench: Bench, login: FakeLogin, seconds: int) -> None:
    """Lets time pass without input, as the desktop reports it."""
    for _ in range(seconds):
        login.idle_usec += SECOND
        bench.run(1)


def lock_desktop() -> tuple[Bench, FakeLogin]:
    bench, login = make_desktop()
    idle(bench, login, 70)
    assert bench.actor.locked == ["c3"]
    assert bench.phase() is Phase.LOCKED
    assert bench.actor.orders == {}
    assert bench.words() == ["opened", "locked"]
    (told,) = bench.events(word="locked")
    assert "is locked by its desktop after 1min" in told.message
    assert (told.fields["reason"], told.fields["action"]) == ("idle", "lock")
    return bench, login


def test_desktop_locks_itself_and_reports_when_it_is_unlocked():
    bench, login = lock_desktop()
    bench.host.hints["c3"] = True
    idle(bench, login, 20)
    login.idle_usec = 0  # somebody types at the lock
    idle(bench, login, 10)
    assert bench.phase() is Phase.LOCKED
    bench.host.hints["c3"] = False
    login.idle_usec = 0
    bench.run(5)
    assert bench.phase() is Phase.ACTIVE
    assert bench.tracked().life.evidence.value in ("unlocked", "desktop")
    assert bench.words() == ["opened", "locked", "unlocked"]
    assert "is unlocked by its desktop, " in bench.events(word="unlocked")[0].message


def test_desktop_that_never_reports_its_lock_is_unlocked_by_use():
    bench, login = lock_desktop()
    bench.host.hints["c3"] = False
    idle(bench, login, 20)
    assert bench.phase() is Phase.LOCKED
    login.idle_usec = 0
    bench.run(5)
    assert bench.phase() is Phase.ACTIVE


def test_desktop_that_reports_nothing_stays_locked_until_it_ends():
    bench, login = lock_desktop()
    idle(bench, login, LOCK_FOR - 50)
    assert not signalled(login)
    idle(bench, login, 60)
    assert signalled(login)
    assert bench.actor.ended_locks == []


def test_desktop_that_logind_does_not_know_is_terminated():
    bench = Bench(make_policy(rules=(Rule("desktops", Match(origin=(Origin.GRAPHICAL,)), make_locking()),)))
    login = bench.host.login(100, origin=Origin.GRAPHICAL, session_id="")
    login.idle_usec = 0
    bench.run(1)
    idle(bench, login, 130)
    assert bench.actor.locked == []
    assert signalled(login)
