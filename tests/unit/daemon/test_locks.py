"""Sessions that are locked at their limit, until they are unlocked or end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.limits import Action
from reaper.decide.policy.rules import Brake
from reaper.decide.session.lock_protocol import Stage
from reaper.decide.session.state import Phase
from tests.unit.bench import Bench
from tests.unit.daemon.locking import (
    DUE,
    LOCK_FOR,
    LOCKS,
    give_back,
    keep,
    lock,
    make_bench,
    make_locking,
    take,
)
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.locked import KEEPER
from tests.unit.simulated import SECOND

POLICY = make_policy(make_locking())


# A lock begins.


def test_lock_is_ordered_at_the_idle_limit(bench, login):
    bench.run(DUE - 1)
    assert shown(login) == [LOCKS.format("20s"), LOCKS.format("10s")]
    assert bench.actor.orders == {}
    bench.run(1)
    order = bench.actor.orders["100"]
    assert (order.session, order.heading) == (login.session, "Locked after 1min without input.")
    assert order.locked_usec == bench.host.time.boot_usec
    assert order.until_usec == order.locked_usec + LOCK_FOR * SECOND
    assert {name: order.fields[name] for name in ("session", "user", "rule", "reason", "idle_usec", "limit_usec")} == {
        "session": "100", "user": "alice", "rule": "environment:standard", "reason": "idle",
        "idle_usec": str(60 * SECOND), "limit_usec": str(60 * SECOND),
    }  # fmt: skip
    assert order.fields["policy"] == bench.daemon.policy_id
    assert "by" not in order.fields
    assert bench.phase() is Phase.LOCKED
    assert not signalled(login)
    assert bench.words() == ["opened", "warned", "warned"]
    assert bench.actor.dropped == [("alice", 1000, 0)]
    assert [event.message.count("it is locked in") for event in bench.events(word="warned")] == [1, 1]


def test_the_state_is_saved_before_the_lock(bench, login, monkeypatch):
    saved = []
    order = bench.actor.lock_terminals
    monkeypatch.setattr(
        bench.actor,
        "lock_terminals",
        lambda *args: (saved.append('"phase":"locked"' in bench.host.state), order(*args)),
    )
    bench.run(DUE)
    assert saved == [True]


def test_established_lock_stays_without_warnings_or_signals(bench, login):
    lock(bench, login)
    bench.run(100)
    assert bench.phase() is Phase.LOCKED
    assert bench.actor.started == bench.actor.ended_locks == []
    assert bench.warnings() == []
    assert not signalled(login)


def test_input_at_a_lock_is_no_evidence(bench, login):
    lock(bench, login)
    for _ in range(10):
        login.ttys["pts/1"].type()
        login.ttys["pts/1"].chmod(0o600)
        bench.run(10)
    assert bench.phase() is Phase.LOCKED
    assert bench.tracked().life.evidence.value == "login"
    assert bench.words() == ["opened", "warned", "warned"]


def test_the_brake_does_not_count_locks():
    bench = Bench(make_policy(make_locking(), brake=Brake(1, 3600 * SECOND)))
    for pid in (100, 200, 300):
        bench.host.login(pid, f"pts/{pid}", user=f"u{pid}", uid=pid)
    bench.run(DUE)
    assert sorted(bench.actor.orders) == ["100", "200", "300"]
    assert bench.daemon.limiter.ledger.began_usec == ()


def test_max_terminates_and_does_not_lock(bench, login):
    bench.adopt(make_policy(make_locking(idle_usec=None, max_usec=60 * SECOND)))
    bench.run(DUE)
    assert "This session on host1 ends in 20s" in shown(login)[0]
    assert bench.actor.orders == {}
    assert "ending" in bench.words()


# It is unlocked.


def test_unlocked_session_is_active_and_idles_again(bench, login):
    lock(bench, login)
    bench.run(50)
    give_back(bench, login)
    bench.run(5)
    assert bench.phase() is Phase.ACTIVE
    assert bench.tracked().life.evidence.value == "unlocked"
    assert bench.actor.orders == bench.host.lock_states == {}
    assert "tampered" not in bench.words()
    bench.run(30)
    assert bench.words() == ["opened", "warned", "warned"]
    bench.run(50)
    assert bench.phase() is Phase.LOCKED
    assert bench.words() == ["opened", "warned", "warned", "warned", "warned"]


def test_input_between_the_unlocking_and_the_next_look_counts(bench, login):
    lock(bench, login)
    bench.run(2)
    give_back(bench, login)
    since_usec = bench.host.time.boot_usec
    bench.host.time.boot_usec += 4 * SECOND  # nobody polls
    while not login.ttys["pts/1"].type():
        bench.host.time.boot_usec += SECOND
    typed_usec = bench.host.time.boot_usec
    bench.run(5)
    assert bench.tracked().life.evidence_usec >= typed_usec > since_usec


def test_session_unlocked_just_before_its_end_stays(bench, login):
    lock(bench, login)
    bench.run(LOCK_FOR - 4)
    give_back(bench, login)
    bench.run(10)
    assert bench.phase() is Phase.ACTIVE
    assert not signalled(login)


def test_daemon_waits_for_an_unlocking_in_progress(bench, login):
    lock(bench, login)
    bench.run(LOCK_FOR - 4)
    keep(bench, login, Stage.UNLOCKING)
    bench.run(10)
    assert bench.phase() is Phase.LOCKED
    assert not signalled(login)
    give_back(bench, login)
    bench.run(5)
    assert bench.phase() is Phase.ACTIVE


def test_daemon_waits_for_an_unlocking_only_briefly(bench, login):
    lock(bench, login)
    bench.run(LOCK_FOR - 4)
    keep(bench, login, Stage.UNLOCKING)
    bench.run(40)
    assert signalled(login)


# It ends.


def test_session_ends_when_lock_for_is_over(bench, login):
    lock(bench, login)
    bench.run(LOCK_FOR - 4)
    assert not signalled(login)
    bench.run(2)
    assert signalled(login)
    assert bench.actor.ended_locks == ["100"]
    bench.run(20)
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]
    (ending,) = bench.events(word="ending")
    assert (ending.fields["reason"], ending.fields["limit_usec"]) == ("lock", str(LOCK_FOR * SECOND))
    assert "at its limit of 3min 20s (lock, rule environment:standard)" in ending.message


def test_lock_for_never_locks_forever():
    bench = make_bench(lock_for_usec=None)
    login = bench.host.login(100, "pts/1")
    lock(bench, login)
    assert bench.actor.orders["100"].until_usec is None
    bench.run(100_000)
    assert bench.phase() is Phase.LOCKED
    assert not signalled(login)


def test_max_ends_a_locked_session():
    bench = make_bench(max_usec=150 * SECOND, lock_for_usec=None)
    login = bench.host.login(100, "pts/1")
    lock(bench, login)
    bench.run(150 - DUE)
    assert signalled(login)
    assert bench.events(word="ending")[0].fields["reason"] == "max"


def test_too_many_failed_attempts_end_the_session_at_once(bench, login):
    lock(bench, login)
    keep(bench, login, Stage.REFUSED, "5 attempts to unlock it failed")
    bench.run(5)
    assert signalled(login)
    (ending,) = bench.events(word="ending")
    assert (ending.fields["reason"], ending.fields["why"]) == ("lock", "5 attempts to unlock it failed")
    assert ending.message.endswith("; 5 attempts to unlock it failed.")
    assert bench.actor.ended_locks == ["100"]


def test_busy_program_defers_a_lock_but_not_the_end_of_a_locked_session():
    bench = make_bench(busy=("rsync",), busy_max_usec=50 * SECOND)
    login = bench.host.login(100, "pts/1")
    bench.host.start(login, "/usr/bin/rsync")
    bench.run(DUE)
    assert bench.phase() is Phase.DEFERRED
    assert bench.actor.orders == {}
    bench.run(50 + 11)
    assert bench.phase() is Phase.LOCKED
    take(bench, login)
    bench.run(LOCK_FOR + 1)
    assert signalled(login)


def test_brake_holds_back_the_end_of_locked_sessions():
    bench = Bench(make_policy(make_locking(), brake=Brake(1, 60 * SECOND)))
    logins = [bench.host.login(pid, f"pts/{pid}", user=f"u{pid}", uid=pid) for pid in (100, 200)]
    bench.run(DUE)
    for login in logins:
        take(bench, login)
    bench.run(LOCK_FOR + 1)
    assert [signalled(login) for login in logins] == [True, False]
    bench.run(61)
    assert signalled(logins[1])


def test_locked_session_that_ends_by_itself_is_closed(bench, login):
    lock(bench, login)
    bench.host.leave(login)
    bench.run(6)
    assert bench.words()[-1] == "closed"
    assert bench.daemon.sessions == {}
    assert bench.daemon.locks.locked == []


def test_lapse_does_not_stop_the_end_of_a_locked_session(bench, login):
    """Its terminals are hung up by then, so that a warning could not be answered on them."""
    login.leader.ends_on = login.processes[0].ends_on = frozenset()
    lock(bench, login)
    bench.run(LOCK_FOR)
    assert bench.phase() is Phase.ENDING
    bench.sleep(1000)
    bench.run(1)
    assert bench.phase() is Phase.ENDING
    bench.restart()
    bench.run(1)
    assert bench.phase() is Phase.ENDING
    assert bench.words().count("warned") == 2


# The keeper of a lock.


def test_dead_keeper_is_started_again(bench, login):
    lock(bench, login)
    bench.host.running.discard(KEEPER)
    bench.run(11)
    assert bench.actor.started == ["100", "100"]
    bench.host.running.add(KEEPER)
    bench.run(60)
    assert len(bench.actor.started) == 2
    assert bench.phase() is Phase.LOCKED


def test_keeper_that_was_stopped_is_not_started_again(bench, login):
    """It has hung up and removed its files; the session is about to end."""
    lock(bench, login)
    bench.host.running.discard(KEEPER)
    bench.actor.forget_lock(login.session.name)
    bench.run(11)
    assert bench.actor.started == []


@pytest.mark.parametrize(("stage", "seconds"), [(None, 30), ("dead", 30), (Stage.LOCKING, 120)])
def test_lock_that_is_never_established_is_given_up(bench, login, stage, seconds):
    """After 30 s if no keeper works on it, after 120 s otherwise: a busy machine is slow."""
    bench.run(DUE)
    if stage is not None:
        keep(bench, login, Stage.LOCKING)
    if stage == "dead":
        bench.host.running.clear()
    bench.run(seconds - 1)
    assert bench.phase() is Phase.LOCKED
    assert set(bench.actor.started) == (set() if stage is Stage.LOCKING else {"100"}), "perhaps it only takes another"
    bench.run(5)
    assert bench.phase() is Phase.WARNED
    assert bench.actor.withdrawn == ["100"]
    assert bench.warnings() == [
        "session 100 could not be locked and continues unlocked: reaper-lock did not lock it in time",
    ]


def test_frozen_session_whose_lock_files_are_gone_ends(bench, login):
    """Without them no program could give the terminals back."""
    lock(bench, login)
    bench.host.frozen.add(login.session.key)
    bench.host.lock_states.clear()
    bench.run(40)
    assert signalled(login)
    assert bench.events(word="ending")[0].fields["why"] == "the state of its lock is lost"


# Restarts and policies.


def test_restarts_change_no_lock(bench, login):
    lock(bench, login)
    since_usec = bench.tracked().life.locked_usec
    bench.restart()
    bench.run(20)
    bench.restart()
    assert bench.phase() is Phase.LOCKED
    assert bench.tracked().limits == make_locking()
    assert bench.tracked().life.locked_usec == since_usec
    bench.run(LOCK_FOR - 24)
    assert not signalled(login)
    bench.run(2)
    assert signalled(login)
    assert "tampered" not in bench.words()


def test_unlocking_while_no_daemon_ran_counts(bench, login):
    lock(bench, login)
    bench.daemon.save()
    bench.sleep(100)
    give_back(bench, login)
    bench.sleep(500)
    bench.restart()
    bench.run(1)
    assert bench.phase() is not Phase.LOCKED
    assert bench.tracked().life.evidence.value == "unlocked"
    assert not signalled(login)
    assert "tampered" not in bench.words()


def test_lock_for_that_passed_while_no_daemon_ran_ends_the_session(bench, login):
    lock(bench, login)
    bench.daemon.save()
    bench.sleep(LOCK_FOR + 500)
    bench.restart()
    bench.run(1)
    assert signalled(login)


@pytest.mark.parametrize("action", list(Action))
def test_no_policy_opens_a_lock(bench, login, action):
    lock(bench, login)
    bench.adopt(make_policy(make_limits(action=action, idle_usec=None)))
    bench.run(10)
    assert bench.phase() is Phase.LOCKED
    assert bench.tracked().limits == make_locking()
    give_back(bench, login)
    bench.run(5)
    assert bench.phase() is Phase.ACTIVE
    assert bench.tracked().limits == replace(make_locking(), action=action, idle_usec=None, lock_for_usec=1800 * SECOND)
