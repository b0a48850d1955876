"""Many sessions that are to be locked at the same moment, as after a suspend: a few at a time, and all of them."""

from __future__ import annotations

from reaper.decide.policy.match import Match, Origin
from reaper.decide.policy.rules import Rule
from reaper.decide.session.lock_protocol import Stage
from reaper.decide.session.state import Phase
from tests.unit.bench import Bench
from tests.unit.daemon.locking import DUE, keep, make_locking, take
from tests.unit.daemon.requesting import lock as order_lock
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND


def crowd(bench: Bench, count: int = 20) -> list[FakeLogin]:
    """Logs that many users in at the same moment."""
    return [bench.host.login(pid, f"pts/{pid}", user=f"u{pid}", uid=pid) for pid in range(100, 100 + count)]


def ordered(bench: Bench) -> int:
    return len(bench.actor.orders)


POLICY = make_policy(make_locking())


def take_those(bench: Bench, logins: list[FakeLogin]) -> None:
    """reaper-lock takes the terminals of all sessions whose lock was ordered."""
    for login in logins:
        if login.session.name in bench.actor.orders and login.session.name not in bench.host.lock_states:
            take(bench, login)


def test_eight_locks_are_ordered_at_a_time(bench):
    logins = crowd(bench)
    bench.run(DUE)
    assert ordered(bench) == 8
    bench.run(1)
    assert ordered(bench) == 8
    take_those(bench, logins)
    bench.run(2)
    assert ordered(bench) == 16
    take_those(bench, logins[:10])
    bench.run(2)
    assert ordered(bench) == 18, "as many as have come to be in force"
    take_those(bench, logins)
    bench.run(2)
    assert ordered(bench) == 20
    take_those(bench, logins)
    bench.run(100)
    assert {each.life.phase for each in bench.daemon.sessions.values()} == {Phase.LOCKED}
    assert bench.actor.withdrawn == []
    assert not any(map(signalled, logins))


def test_stalled_lock_delays_others_only_briefly(bench):
    """Its user may stall it on purpose, in as many sessions as they like."""
    logins = crowd(bench)
    bench.run(DUE)
    for login in logins[:8]:
        keep(bench, login, Stage.LOCKING)
    bench.run(9)
    assert ordered(bench) == 8
    bench.run(3)
    assert ordered(bench) == 16


def test_user_who_returns_while_their_lock_waits_is_not_locked_out(bench):
    logins = crowd(bench)
    bench.run(DUE)
    late = logins[-1]
    while not late.ttys[f"pts/{late.session.key.pid}"].type():
        bench.run(0.1)
    assert late.session.name not in bench.actor.orders
    for _ in range(10):
        take_those(bench, logins)
        bench.run(2)
    assert ordered(bench) == 19
    assert late.session.name not in bench.actor.orders
    assert shown(late, "pts/119")[2:] == ["reaper: Thank you, this session stays."]


def test_requested_lock_does_not_wait(bench):
    logins = crowd(bench)
    bench.run(DUE)
    order_lock(bench, logins[-1])
    assert ordered(bench) == 9


def test_restart_continues_with_the_waiting_locks(bench):
    logins = crowd(bench)
    bench.run(DUE)
    bench.restart()
    bench.run(3)
    assert ordered(bench) == 8
    take_those(bench, logins)
    bench.run(2)
    assert ordered(bench) == 16


def test_desktops_are_asked_a_few_at_a_time():
    """logind answers in milliseconds or hangs, and the daemon waits for each answer."""
    bench = Bench(make_policy(rules=(Rule("desktops", Match(origin=(Origin.GRAPHICAL,)), make_locking(warn_usec=())),)))
    logins = [bench.host.login(pid, origin=Origin.GRAPHICAL, session_id=f"c{pid}") for pid in range(100, 110)]
    for login in logins:
        login.idle_usec = 0
    bench.run(1)
    bench.run(60)
    for login in logins:
        login.idle_usec = 61 * SECOND
    while not bench.actor.locked:
        bench.run(0.5)
    assert len(bench.actor.locked) == 8
    bench.run(2)
    assert len(bench.actor.locked) == 10


def test_suspend_does_not_count_as_time_to_establish_a_lock(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(DUE)
    bench.sleep(100)
    bench.run(25)
    assert bench.phase() is Phase.LOCKED
    assert bench.actor.withdrawn == []
    bench.run(10)
    assert bench.actor.withdrawn == [login.session.name]
