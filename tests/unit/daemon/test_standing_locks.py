"""Locks that stand already, whatever the daemon remembers of them: never lost sight of, and never begun over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.lifecycle import Phase, Rung
from reaper.decide.locking import LockOrder, Stage
from reaper.errors import ReaperError
from tests.unit.bench import Bench
from tests.unit.daemon.locking import DUE, LOCK_FOR, keep, lock, make_bench, phase
from tests.unit.daemon.test_requests import lock as order_lock
from tests.unit.fakes import CONT, KILL, TERM, FakeLogin
from tests.unit.locked import KEEPER


@pytest.fixture
def bench() -> Bench:
    return make_bench()


@pytest.fixture
def login(bench: Bench) -> FakeLogin:
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    return login


# What is stopped in a session that ends, where nobody keeps its lock.


@pytest.fixture
def frozen(bench, login) -> FakeLogin:
    """It is locked, and stopped, and its connection ends by force alone."""
    login.leader.ends_on = frozenset([KILL])
    lock(bench, login)
    bench.host.frozen.add(login.session.key)
    return login


def test_what_is_stopped_goes_on_after_the_last_rung(bench, frozen, monkeypatch):
    """And not before: what is typed until then would be read by what has the terminal open."""
    signalled: list[tuple[str, set]] = []
    monkeypatch.setattr(bench.actor, "thaw", lambda scope: signalled.append((scope, set(frozen.leader.signals))))
    bench.run(LOCK_FOR + 5)
    assert Rung.TERM in [rung for rung, _, _ in bench.actor.climbs]
    assert signalled == []
    bench.run(8)
    assert [rung for rung, _, _ in bench.actor.climbs] == list(Rung)
    assert signalled[0] == (frozen.session.scope, {TERM, CONT, KILL})


def test_what_a_session_leaves_that_is_gone_by_itself_goes_on(bench, frozen):
    """Its line was lost while reaper-lock did not run."""
    bench.host.running.discard(KEEPER)
    bench.host.leave(frozen)
    bench.run(6)
    assert bench.words()[-1] == "closed"
    assert bench.actor.thawed == [frozen.session.scope]


def test_what_a_session_leaves_whose_lock_was_withdrawn_goes_on(bench, login):
    bench.run(DUE)
    bench.host.frozen.add(login.session.key)
    bench.host.running.discard(KEEPER)
    keep(bench, login, Stage.LOCKING)
    bench.run(40)
    assert bench.actor.withdrawn == ["100"]
    assert bench.actor.thawed == []
    bench.host.leave(login)
    bench.run(6)
    assert bench.actor.thawed == [login.session.scope]


def test_where_nothing_is_stopped_nothing_is_thawed(bench, login):
    login.leader.ends_on = frozenset([KILL])
    lock(bench, login)
    bench.run(LOCK_FOR + 30)
    assert bench.words()[-1] == "terminated"
    assert bench.actor.thawed == []


def test_what_cannot_be_thawed_is_told(bench, frozen):
    bench.actor.thaw_trouble = ReaperError("cannot-thaw", "\x1b")
    bench.host.leave(frozen)
    bench.run(6)
    assert bench.warnings() == ["what session 100 leaves stays frozen: \\x1b"]
    assert bench.daemon.sessions == {}


# Where one is to begin.


def test_the_files_of_a_lock_that_stands_are_let_be(bench, login):
    """What the terminals were like before it stands nowhere else."""
    bench.host.lock_orders["100"] = LockOrder(login.session, "Locked.", {}, 5, None)
    bench.host.keep(login.session, Stage.LOCKED, 5)
    order_lock(bench, login)
    assert bench.actor.orders["100"].locked_usec == 5
    assert bench.actor.started == ["100"]
    bench.run(10)
    assert phase(bench) is Phase.LOCKED


def test_those_of_another_session_by_its_name_are_not(bench, login):
    other = replace(login.session, key=login.session.key._replace(start_ticks=1))
    bench.host.lock_orders["100"] = LockOrder(other, "Locked.", {}, 5, None)
    order_lock(bench, login)
    assert bench.actor.orders["100"].session == login.session


@pytest.mark.parametrize("stage", [Stage.LOCKING, Stage.UNLOCKING])
def test_a_lock_that_is_being_given_back_is_waited_for(bench, login, stage):
    """It was withdrawn; without its state, what it holds would be lost."""
    bench.host.keep(login.session, stage, 5)
    order_lock(bench, login)
    bench.run(3)
    assert phase(bench) is Phase.ACTIVE
    assert bench.actor.orders == {}
    assert bench.host.lock_states["100"].stage is stage
    assert "still being given back" in bench.warnings()[0]
    bench.host.running.discard(KEEPER)
    order_lock(bench, login)
    assert "100" in bench.actor.orders
