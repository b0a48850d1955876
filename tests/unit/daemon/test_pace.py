"""The daemon's own work is no lapse and delays nobody for long; a stop during it is a lapse.

Here the first warning comes after 48 s, the second after 58 s, and the end after 68 s; a poll is every 5 s.
"""

from __future__ import annotations

import pytest

from reaper.decide.policy.limits import Kill
from reaper.decide.session.state import Phase
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import SECOND


def crowd(bench: Bench, pid: int, seconds: float, **fields: object) -> FakeLogin:
    """A session with so many processes that listing them takes a while."""
    login = bench.host.login(pid, f"pts/{pid}", **fields)
    login.effort_usec = round(seconds * SECOND)
    return login


def run_slowly(bench: Bench, seconds: float) -> None:
    """Lets time pass while the daemon may have more to do than it can."""
    end = bench.host.time.boot_usec + round(seconds * SECOND)
    while bench.host.time.boot_usec < end:
        bench.tick()
        bench.host.time.boot_usec = min(max(bench.daemon.next_wake(), bench.host.time.boot_usec), end)


@pytest.mark.parametrize("kill", Kill)
def test_own_work_repeats_no_warning(kill):
    """Listing the processes of one session takes 8 s: the others end as they were warned."""
    bench = Bench(make_policy(make_limits(kill=kill)))
    crowd(bench, 100, 8, user="mallory", uid=666)
    bench.run(9)
    login = bench.host.login(200, "pts/1")
    run_slowly(bench, 100)
    assert bench.words(200) == ["opened", "warned", "warned", "ending", "terminated"]
    assert bench.words(100) == ["opened", "warned", "warned", "ending", "terminated"]
    assert len(shown(login)) == 3


def test_own_work_stops_no_termination(bench):
    login = crowd(bench, 100, 8)
    login.leader.ends_on = login.processes[0].ends_on = frozenset()
    run_slowly(bench, 68 + 60)
    assert [rung for rung, _, _ in bench.actor.escalations][:3] == [0, 1, 2]
    assert "warned" not in bench.words()[bench.words().index("ending") :]


def test_warning_after_own_work_leaves_the_time_that_it_names(bench):
    """It is dated when it is given; dated at the start of the tick, its lead would be 8 s short."""
    crowd(bench, 100, 8, user="mallory", uid=666)
    bench.run(20)
    login = bench.host.login(200, "pts/1")
    bench.run(37.9)  # the second warning of the crowd, and the end of it at 68 s
    run_slowly(bench, 10.2)
    assert bench.words(200) == ["opened", "warned"]
    run_slowly(bench, 9.9)
    assert bench.words(200) == ["opened", "warned"]
    told_usec = bench.daemon.sessions[login.session.key].life.first_warned_usec
    while not signalled(login):
        run_slowly(bench, 0.1)
    assert bench.host.time.boot_usec - told_usec >= 10 * SECOND


def test_input_during_own_work_is_seen_before_the_end(bench):
    """The user presses a key while the daemon lists another's processes."""
    other = crowd(bench, 100, 8, user="mallory", uid=666)
    login = bench.host.login(200, "pts/1")
    bench.run(67.9)
    targets = bench.host.targets

    def type_meanwhile(session, names, *, whole):
        found = targets(session, names, whole=whole)
        if session == other.session:
            login.ttys["pts/1"].type()
        return found

    bench.host.targets = type_meanwhile
    run_slowly(bench, 20)
    assert signalled(other)
    assert not signalled(login)
    assert bench.phase(login) is Phase.ACTIVE


@pytest.mark.parametrize(("seconds", "is_lapse"), [(4, False), (6, True), (3600, True)])
def test_stop_during_a_tick_ends_no_further_session(bench, seconds, is_lapse):
    """SIGSTOP or a suspend while the processes of one session are listed."""
    crowd(bench, 100, 0.1, user="mallory", uid=666)
    login = bench.host.login(200, "pts/1")
    bench.run(67.9)
    targets = bench.host.targets

    def stop_meanwhile(session, names, *, whole):
        bench.host.targets = targets
        bench.sleep(seconds)
        return targets(session, names, whole=whole)

    bench.host.targets = stop_meanwhile
    bench.sleep(0.1)
    bench.tick()
    bench.tick()
    assert signalled(login) is not is_lapse
    assert bench.words(200).count("warned") == (3 if is_lapse else 2)


def test_stop_between_the_last_look_and_the_act_ends_nothing(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(67.9)
    held_until = bench.daemon.limiter.admit

    def stop(*args):
        bench.sleep(3600)
        return held_until(*args)

    bench.daemon.limiter.admit = stop
    bench.sleep(0.1)
    bench.tick()
    assert not signalled(login)
    assert bench.phase(login) is Phase.ACTIVE


def test_user_with_many_sessions_delays_others_by_one_tick_only(bench):
    """Ticks are cut short, and users take turns."""
    many = [crowd(bench, pid, 2, user="mallory", uid=666) for pid in range(100, 1000, 100)]
    login = bench.host.login(1100, "pts/1")
    bench.run(67.9)
    bench.sleep(0.1)
    while not signalled(login):
        bench.tick()
    assert sum(map(signalled, many)) <= 2, "one before it, and one in the same tick"
    began = bench.host.time.boot_usec
    while not all(map(signalled, many)):
        bench.tick()
        bench.host.time.boot_usec += 1
    assert bench.host.time.boot_usec - began < 60 * SECOND


def test_clients_are_answered_between_two_expensive_sessions(bench):
    """A tick ends no more than one of them."""
    many = [crowd(bench, pid, 2, uid=pid, user=f"u{pid}") for pid in range(100, 500, 100)]
    bench.run(67.9)
    bench.sleep(0.1)
    bench.tick()
    assert sum(map(signalled, many)) == 1
    assert bench.daemon.next_wake() <= bench.host.time.boot_usec


# One message at a time.


@pytest.mark.parametrize("late", [9.3, 9.99, 9.999, 10])
def test_late_warning_and_the_next_are_given_as_one(late):
    """The tick for the first comes just before the second is due, and both would say the same."""
    bench = Bench(make_policy(make_limits(warn_usec=(14 * SECOND, 10 * SECOND))))
    login = bench.host.login(100, "pts/1")
    bench.run(53.9)
    bench.sleep(late - 6 + 0.1)
    bench.run(5)
    assert len(shown(login)) == 1
    assert bench.words() == ["opened", "warned"]


def test_warning_is_not_retried_just_before_the_next(bench):
    """The terminal takes output again: it shows one warning, that of this moment."""
    login = bench.host.login(100, "pts/1")
    login.ttys["pts/1"].is_blocked = True
    bench.run(57.5)
    login.ttys["pts/1"].is_blocked = False
    bench.sleep(0.4)
    bench.daemon.hasten(bench.host.time.boot_usec)
    bench.run(1)
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 10s. Press any key to stay."]
