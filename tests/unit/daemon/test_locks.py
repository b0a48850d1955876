"""Sessions that are locked at their limit: what becomes of the lock, until it is opened or the session ends."""

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
    phase,
    take,
    tracked_of,
)
from tests.unit.daemon.seen import shown, signalled
from tests.unit.daemon.test_restarts import restart
from tests.unit.fakes import make_limits, make_policy
from tests.unit.locked import KEEPER
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND


@pytest.fixture
def bench() -> Bench:
    return make_bench()


@pytest.fixture
def login(bench: Bench) -> FakeLogin:
    return bench.host.login(100, "pts/1")


# A lock begins.


def test_at_the_limit_it_is_ordered(bench, login):
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
    assert phase(bench) is Phase.LOCKED
    assert not signalled(login)
    assert bench.words() == ["opened", "warned", "warned"]
    assert bench.actor.dropped == [("alice", 1000, 0)]
    assert [event.message.count("it is locked in") for event in bench.told(word="warned")] == [1, 1]


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


def test_it_is_looked_at_soon_and_then_at_each_poll(bench, login):
    lock(bench, login)
    bench.run(100)
    assert phase(bench) is Phase.LOCKED
    assert bench.actor.started == bench.actor.ended_locks == []
    assert bench.warnings() == []
    assert not signalled(login)


def test_what_is_typed_at_a_lock_is_nothing(bench, login):
    lock(bench, login)
    for _ in range(10):
        login.ttys["pts/1"].type()
        login.ttys["pts/1"].chmod(0o600)
        bench.run(10)
    assert phase(bench) is Phase.LOCKED
    assert tracked_of(bench).life.evidence.value == "login"
    assert bench.words() == ["opened", "warned", "warned"]


def test_the_brake_does_not_count_locks():
    bench = Bench(make_policy(make_locking(), brake=Brake(1, 3600 * SECOND)))
    for pid in (100, 200, 300):
        bench.host.login(pid, f"pts/{pid}", user=f"u{pid}", uid=pid)
    bench.run(DUE)
    assert sorted(bench.actor.orders) == ["100", "200", "300"]
    assert bench.daemon.limiter.ledger.began_usec == ()


def test_max_ends_and_does_not_lock(bench, login):
    bench.adopt(make_policy(make_locking(idle_usec=None, max_usec=60 * SECOND)))
    bench.run(DUE)
    assert "This session on host1 ends in 20s" in shown(login)[0]
    assert bench.actor.orders == {}
    assert "ending" in bench.words()


# It is unlocked.


def test_unlocked(bench, login):
    lock(bench, login)
    bench.run(50)
    give_back(bench, login)
    bench.run(5)
    assert phase(bench) is Phase.ACTIVE
    assert tracked_of(bench).life.evidence.value == "unlocked"
    assert bench.actor.orders == bench.host.lock_states == {}
    assert "tampered" not in bench.words()
    bench.run(30)
    assert bench.words() == ["opened", "warned", "warned"]
    bench.run(50)
    assert phase(bench) is Phase.LOCKED
    assert bench.words() == ["opened", "warned", "warned", "warned", "warned"]


def test_what_is_typed_before_the_daemon_looks_counts(bench, login):
    lock(bench, login)
    bench.run(2)
    give_back(bench, login)
    since_usec = bench.host.time.boot_usec
    bench.host.time.boot_usec += 4 * SECOND  # nobody polls
    while not login.ttys["pts/1"].type():
        bench.host.time.boot_usec += SECOND
    typed_usec = bench.host.time.boot_usec
    bench.run(5)
    assert tracked_of(bench).life.evidence_usec >= typed_usec > since_usec


def test_who_unlocked_a_moment_before_its_end_stays(bench, login):
    lock(bench, login)
    bench.run(LOCK_FOR - 4)
    give_back(bench, login)
    bench.run(10)
    assert phase(bench) is Phase.ACTIVE
    assert not signalled(login)


def test_who_is_being_let_in_is_waited_for(bench, login):
    lock(bench, login)
    bench.run(LOCK_FOR - 4)
    keep(bench, login, Stage.UNLOCKING)
    bench.run(10)
    assert phase(bench) is Phase.LOCKED
    assert not signalled(login)
    give_back(bench, login)
    bench.run(5)
    assert phase(bench) is Phase.ACTIVE


def test_nobody_is_waited_for_for_long(bench, login):
    lock(bench, login)
    bench.run(LOCK_FOR - 4)
    keep(bench, login, Stage.UNLOCKING)
    bench.run(40)
    assert signalled(login)


# It ends.


def test_lock_for_is_over(bench, login):
    lock(bench, login)
    bench.run(LOCK_FOR - 4)
    assert not signalled(login)
    bench.run(2)
    assert signalled(login)
    assert bench.actor.ended_locks == ["100"]
    bench.run(20)
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]
    (ending,) = bench.told(word="ending")
    assert (ending.fields["reason"], ending.fields["limit_usec"]) == ("lock", str(LOCK_FOR * SECOND))
    assert "at its limit of 3min 20s (lock, rule environment:standard)" in ending.message


def test_never_is_never():
    bench = make_bench(lock_for_usec=None)
    login = bench.host.login(100, "pts/1")
    lock(bench, login)
    assert bench.actor.orders["100"].until_usec is None
    bench.run(100_000)
    assert phase(bench) is Phase.LOCKED
    assert not signalled(login)


def test_max_ends_what_is_locked():
    bench = make_bench(max_usec=150 * SECOND, lock_for_usec=None)
    login = bench.host.login(100, "pts/1")
    lock(bench, login)
    bench.run(150 - DUE)
    assert signalled(login)
    assert bench.told(word="ending")[0].fields["reason"] == "max"


def test_too_many_attempts_end_it_at_once(bench, login):
    lock(bench, login)
    keep(bench, login, Stage.REFUSED, "5 attempts to unlock it failed")
    bench.run(5)
    assert signalled(login)
    (ending,) = bench.told(word="ending")
    assert (ending.fields["reason"], ending.fields["why"]) == ("lock", "5 attempts to unlock it failed")
    assert ending.message.endswith("; 5 attempts to unlock it failed.")
    assert bench.actor.ended_locks == ["100"]


def test_a_busy_program_defers_a_lock_and_never_its_end():
    bench = make_bench(busy=("rsync",), busy_max_usec=50 * SECOND)
    login = bench.host.login(100, "pts/1")
    bench.host.start(login, "/usr/bin/rsync")
    bench.run(DUE)
    assert phase(bench) is Phase.DEFERRED
    assert bench.actor.orders == {}
    bench.run(50 + 11)
    assert phase(bench) is Phase.LOCKED
    take(bench, login)
    bench.run(LOCK_FOR + 1)
    assert signalled(login)


def test_the_brake_holds_back_the_end_of_what_is_locked():
    bench = Bench(make_policy(make_locking(), brake=Brake(1, 60 * SECOND)))
    logins = [bench.host.login(pid, f"pts/{pid}", user=f"u{pid}", uid=pid) for pid in (100, 200)]
    bench.run(DUE)
    for login in logins:
        take(bench, login)
    bench.run(LOCK_FOR + 1)
    assert [signalled(login) for login in logins] == [True, False]
    bench.run(61)
    assert signalled(logins[1])


def test_the_person_logs_out_or_the_line_is_lost(bench, login):
    lock(bench, login)
    bench.host.leave(login)
    bench.run(6)
    assert bench.words()[-1] == "closed"
    assert bench.daemon.sessions == {}
    assert bench.daemon.locks.locked == []


def test_a_lapse_breaks_no_end_off_that_a_lock_has_come_to(bench, login):
    """Its terminals are hung up by then, and nobody could answer a warning on them."""
    login.leader.ends_on = login.processes[0].ends_on = frozenset()
    lock(bench, login)
    bench.run(LOCK_FOR)
    assert phase(bench) is Phase.ENDING
    bench.sleep(1000)
    bench.run(1)
    assert phase(bench) is Phase.ENDING
    restart(bench)
    bench.run(1)
    assert phase(bench) is Phase.ENDING
    assert bench.words().count("warned") == 2


# The keeper of a lock.


def test_a_keeper_that_is_dead_is_started_anew(bench, login):
    lock(bench, login)
    bench.host.running.discard(KEEPER)
    bench.run(11)
    assert bench.actor.started == ["100", "100"]
    bench.host.running.add(KEEPER)
    bench.run(60)
    assert len(bench.actor.started) == 2
    assert phase(bench) is Phase.LOCKED


def test_a_keeper_that_was_stopped_is_not_started_anew(bench, login):
    """It has hung up, and cleared its files away; the session is about to be gone."""
    lock(bench, login)
    bench.host.running.discard(KEEPER)
    bench.actor.forget_lock(login.session.name)
    bench.run(11)
    assert bench.actor.started == []


@pytest.mark.parametrize(("stage", "seconds"), [(None, 30), ("dead", 30), (Stage.LOCKING, 120)])
def test_a_lock_that_is_never_established_is_given_up(bench, login, stage, seconds):
    """Sooner where nobody is at it: a machine that does much else at this moment is slow."""
    bench.run(DUE)
    if stage is not None:
        keep(bench, login, Stage.LOCKING)
    if stage == "dead":
        bench.host.running.clear()
    bench.run(seconds - 1)
    assert phase(bench) is Phase.LOCKED
    assert set(bench.actor.started) == (set() if stage is Stage.LOCKING else {"100"}), "perhaps it only takes another"
    bench.run(5)
    assert phase(bench) is Phase.WARNED
    assert bench.actor.withdrawn == ["100"]
    assert bench.warnings() == [
        "session 100 could not be locked and continues unlocked: reaper-lock did not lock it in time",
    ]


def test_a_session_whose_lock_nobody_knows_of_any_more_ends(bench, login):
    """Its files are gone, and its processes are frozen: nobody could give anything back."""
    lock(bench, login)
    bench.host.frozen.add(login.session.key)
    bench.host.lock_states.clear()
    bench.run(40)
    assert signalled(login)
    assert bench.told(word="ending")[0].fields["why"] == "the state of its lock is lost"


# Restarts and policies.


def test_a_restart_while_it_is_locked(bench, login):
    lock(bench, login)
    since_usec = tracked_of(bench).life.locked_usec
    restart(bench)
    bench.run(20)
    restart(bench)
    assert phase(bench) is Phase.LOCKED
    assert tracked_of(bench).limits == make_locking()
    assert tracked_of(bench).life.locked_usec == since_usec
    bench.run(LOCK_FOR - 24)
    assert not signalled(login)
    bench.run(2)
    assert signalled(login)
    assert "tampered" not in bench.words()


def test_unlocked_while_nobody_watched(bench, login):
    lock(bench, login)
    bench.daemon.save()
    bench.sleep(100)
    give_back(bench, login)
    bench.sleep(500)
    restart(bench)
    bench.run(1)
    assert phase(bench) is not Phase.LOCKED
    assert tracked_of(bench).life.evidence.value == "unlocked"
    assert not signalled(login)
    assert "tampered" not in bench.words()


def test_lock_for_is_over_while_nobody_watched(bench, login):
    lock(bench, login)
    bench.daemon.save()
    bench.sleep(LOCK_FOR + 500)
    restart(bench)
    bench.run(1)
    assert signalled(login)


@pytest.mark.parametrize("action", list(Action))
def test_another_policy_opens_no_lock(bench, login, action):
    lock(bench, login)
    bench.adopt(make_policy(make_limits(action=action, idle_usec=None)))
    bench.run(10)
    assert phase(bench) is Phase.LOCKED
    assert tracked_of(bench).limits == make_locking()
    give_back(bench, login)
    bench.run(5)
    assert phase(bench) is Phase.ACTIVE
    assert tracked_of(bench).limits == replace(
        make_locking(), action=action, idle_usec=None, lock_for_usec=1800 * SECOND
    )
