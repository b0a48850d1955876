"""Locks that stand already, whatever the daemon remembers of them: never lost sight of, and never begun over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.lifecycle import Phase
from reaper.decide.locking import LockOrder, Stage
from tests.unit.bench import Bench
from tests.unit.daemon.locking import make_bench, phase
from tests.unit.daemon.test_requests import lock as order_lock
from tests.unit.fakes import FakeLogin
from tests.unit.locked import KEEPER


@pytest.fixture
def bench() -> Bench:
    return make_bench()


@pytest.fixture
def login(bench: Bench) -> FakeLogin:
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    return login


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
