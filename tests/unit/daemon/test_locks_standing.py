"""Locks that stand already: whatever the daemon remembers, it loses none and begins none again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.limits import Action
from reaper.decide.policy.rules import Policy
from reaper.decide.session.lock_protocol import LockOrder, Stage
from reaper.decide.session.state import Phase, TerminationStep
from reaper.errors import ReaperError
from tests.unit.bench import Bench
from tests.unit.daemon.locking import (
    DUE,
    LOCK_FOR,
    give_back,
    keep,
    lock,
    make_locking,
    take,
)
from tests.unit.daemon.requesting import lock as order_lock
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.locked import KEEPER
from tests.unit.logins import CONT, KILL, TERM, FakeLogin
from tests.unit.simulated import SECOND

LOGGED_IN_FOR_SEC = 1
POLICY = make_policy(make_locking())


# What is stopped in a session that ends, where nobody keeps its lock.


@pytest.fixture
def frozen(bench, login) -> FakeLogin:
    """A locked session with frozen processes, which ends by SIGKILL alone."""
    login.leader.ends_on = frozenset([KILL])
    lock(bench, login)
    bench.host.frozen.add(login.session.key)
    return login


def test_frozen_processes_are_thawed_after_the_last_step(bench, frozen, monkeypatch):
    """Before it, whatever has the terminal open would read what is typed."""
    signalled: list[tuple[str, set]] = []
    monkeypatch.setattr(bench.actor, "thaw", lambda scope: signalled.append((scope, set(frozen.leader.signals))))
    bench.run(LOCK_FOR + 5)
    assert TerminationStep.TERM in [rung for rung, _, _ in bench.actor.escalations]
    assert signalled == []
    bench.run(8)
    assert [rung for rung, _, _ in bench.actor.escalations] == list(TerminationStep)
    assert signalled[0] == (frozen.session.scope, {TERM, CONT, KILL})


def test_frozen_processes_of_a_session_that_ended_by_itself_are_thawed(bench, frozen):
    """Its connection was lost while reaper-lock did not run."""
    bench.host.running.discard(KEEPER)
    bench.host.leave(frozen)
    bench.run(6)
    assert bench.words()[-1] == "closed"
    assert bench.actor.thawed == [frozen.session.scope]


def test_frozen_processes_of_a_session_whose_lock_was_withdrawn_are_thawed(bench, login):
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


def test_nothing_is_thawed_where_nothing_is_frozen(bench, login):
    login.leader.ends_on = frozenset([KILL])
    lock(bench, login)
    bench.run(LOCK_FOR + 30)
    assert bench.words()[-1] == "terminated"
    assert bench.actor.thawed == []


def test_failure_to_thaw_is_logged(bench, frozen):
    bench.actor.thaw_trouble = ReaperError("cannot-thaw", "\x1b")
    bench.host.leave(frozen)
    bench.run(6)
    assert bench.warnings() == ["the processes that session 100 left stay frozen: \\x1b"]
    assert bench.daemon.sessions == {}


# Where the daemon remembers nothing of it.


def forget(bench: Bench, policy: Policy | None = None) -> None:
    """Starts another daemon, which refuses the state of the one before: it is of another version."""
    bench.host.state = ""
    bench.daemon = bench.start()
    bench.adopt(policy or make_policy(make_locking()))


def test_daemon_without_a_state_ends_a_locked_session_at_the_same_moment(bench, login):
    lock(bench, login)
    order = bench.actor.orders["100"]
    bench.run(20)
    forget(bench)
    bench.run(1)
    assert bench.phase() is Phase.LOCKED
    assert bench.tracked().life.locked_usec == order.locked_usec
    assert bench.warnings() == ["the lock of session 100 is taken up again"]
    assert bench.actor.orders == {"100": order}
    assert bench.actor.dropped == [("alice", 1000, 0)]
    bench.run((order.until_usec - bench.host.time.boot_usec) / SECOND - 0.1)
    assert bench.phase() is Phase.LOCKED
    bench.run(0.2)
    assert signalled(login)
    assert bench.actor.ended_locks == ["100"]
    (ending,) = bench.events(word="ending")
    assert (ending.fields["reason"], ending.fields["rule"]) == ("lock", "environment:standard")
    assert "tampered" not in bench.words()


@pytest.mark.parametrize("limits", [{"action": Action.OBSERVE}, {"idle_usec": None}, {"lock_for_usec": SECOND}])
def test_lock_is_taken_up_whatever_its_rule_says_now(bench, login, limits):
    lock(bench, login)
    forget(bench, make_policy(make_limits(**limits)))
    login.ttys["pts/1"].type()
    bench.run(LOCK_FOR - 5)
    assert bench.phase() is Phase.LOCKED
    bench.run(2)
    assert signalled(login)
    assert all("locked in" in each for each in shown(login)[:-1])


def test_daemon_without_a_policy_takes_a_lock_up_too(bench, login):
    lock(bench, login)
    bench.daemon = bench.start()
    bench.run(20)
    assert bench.phase() is Phase.LOCKED
    give_back(bench, login)
    bench.run(16)
    assert bench.phase() is Phase.ACTIVE
    assert bench.tracked().limits is None


@pytest.mark.parametrize("stage", [None, Stage.LOCKING, Stage.LOCKED, Stage.UNLOCKING])
def test_lock_that_was_taken_up_can_be_unlocked(bench, login, stage):
    lock(bench, login)
    bench.host.lock_states.clear()
    if stage is not None:
        keep(bench, login, stage)
    forget(bench)
    bench.run(1)
    assert bench.phase() is Phase.LOCKED
    give_back(bench, login)
    bench.run(5)
    assert bench.phase() is Phase.ACTIVE
    assert bench.tracked().life.evidence.value == "unlocked"
    assert bench.actor.orders == bench.host.lock_states == {}
    assert "tampered" not in bench.words()


def test_refused_lock_that_was_taken_up_ends_the_session_at_once(bench, login):
    lock(bench, login)
    keep(bench, login, Stage.REFUSED, "5 attempts to unlock it failed")
    forget(bench)
    bench.run(1)
    assert signalled(login)
    assert bench.events(word="ending")[0].fields["why"] == "5 attempts to unlock it failed"


@pytest.mark.parametrize("stage", [Stage.UNLOCKED, Stage.FAILED])
def test_lock_that_is_over_is_not_taken_up(bench, login, stage):
    lock(bench, login)
    give_back(bench, login, stage)
    forget(bench)
    bench.run(1)
    assert bench.phase() is Phase.ACTIVE
    assert bench.warnings() == []


def test_lock_of_an_earlier_session_of_the_same_name_is_not_taken_up(bench, login):
    lock(bench, login)
    bench.host.leave(login)
    bench.host.logins.clear()
    bench.host.login(500, "pts/2", session_id="100")
    forget(bench)
    bench.run(1)
    assert bench.phase() is Phase.ACTIVE


def test_lock_that_is_newer_than_the_state_is_taken_up(bench, login):
    """/run had no room for a newer state."""
    bench.run(DUE - 5)
    bench.daemon.save()
    bench.actor.state_trouble = OSError(28, "No space left on device")
    bench.run(5)
    take(bench, login)
    since_usec = bench.tracked().life.locked_usec
    bench.resume()
    bench.run(20)
    assert bench.phase() is Phase.LOCKED
    assert bench.tracked().life.locked_usec == since_usec
    assert len(shown(login)) == 2
    assert bench.actor.orders["100"].locked_usec == since_usec


def test_termination_in_the_state_is_not_undone_by_its_lock(bench, login):
    login.leader.ends_on = login.processes[0].ends_on = frozenset()
    lock(bench, login)
    bench.run(LOCK_FOR)
    assert bench.phase() is Phase.ENDING
    bench.restart()
    assert bench.phase() is Phase.ENDING


# Where one is to begin.


def test_files_of_a_standing_lock_are_kept(bench, login):
    """The saved modes of its terminals are nowhere else."""
    bench.host.lock_orders["100"] = LockOrder(login.session, "Locked.", {}, 5, None)
    bench.host.keep(login.session, Stage.LOCKED, 5)
    order_lock(bench, login)
    assert bench.actor.orders["100"].locked_usec == 5
    assert bench.actor.started == ["100"]
    bench.run(10)
    assert bench.phase() is Phase.LOCKED


def test_files_of_an_earlier_session_of_the_same_name_are_replaced(bench, login):
    other = replace(login.session, key=login.session.key._replace(start_ticks=1))
    bench.host.lock_orders["100"] = LockOrder(other, "Locked.", {}, 5, None)
    order_lock(bench, login)
    assert bench.actor.orders["100"].session == login.session


@pytest.mark.parametrize("stage", [Stage.LOCKING, Stage.UNLOCKING])
def test_new_lock_waits_for_a_withdrawn_one_to_be_given_back(bench, login, stage):
    """Without the files of the first, what it holds would be lost."""
    bench.host.keep(login.session, stage, 5)
    order_lock(bench, login)
    bench.run(3)
    assert bench.phase() is Phase.ACTIVE
    assert bench.actor.orders == {}
    assert bench.host.lock_states["100"].stage is stage
    assert "still being given back" in bench.warnings()[0]
    bench.host.running.discard(KEEPER)
    order_lock(bench, login)
    assert "100" in bench.actor.orders
