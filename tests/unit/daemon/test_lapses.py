"""Nobody watched: a daemon that was stopped, a host that slept. What was announced before is announced again.

Here the first warning comes after 48 s, the second after 58 s, and the end after 68 s; a poll is every 5 s.
"""

from __future__ import annotations

import pytest

from reaper.decide.output.events import EventKind
from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from reaper.decide.session.state import Phase
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.daemon.test_restarts import restart, resume
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import CONT, HUP, KILL, FakeLogin
from tests.unit.simulated import SECOND


def phase(bench: Bench, login: FakeLogin) -> Phase:
    return bench.daemon.sessions[login.session.key].life.phase


def test_five_seconds_late_is_only_late(bench):
    """A busy host: the tick that was to come after 60 s comes after 65 s, and the person has been warned."""
    login = bench.host.login(100, "pts/1")
    bench.run(59)
    bench.sleep(6)
    bench.run(2.9)
    assert not signalled(login)
    bench.run(0.1)
    assert signalled(login)
    assert bench.words() == ["opened", "warned", "warned", "ending"]


def test_more_than_five_seconds_late_is_a_lapse(bench):
    """Much less than a poll and a minute, and still long enough for the person not to be heard."""
    login = bench.host.login(100, "pts/1")
    bench.run(59)
    bench.sleep(6.001)
    bench.tick()
    assert bench.words() == ["opened", "warned", "warned", "warned"]
    assert shown(login)[2:] == ["reaper: This session on host1 is idle and ends in 10s. Press any key to stay."]
    bench.run(9.9)
    assert not signalled(login)
    bench.run(0.1)
    assert signalled(login)


def test_a_lapse_says_nothing_to_those_who_are_not_near_their_end(bench):
    """The warning does not count, so there is nothing to withdraw, and no Thank you to who did nothing."""
    login = bench.host.login(100, "pts/1")
    bench.run(49)
    login.ttys["pts/1"].type()
    bench.sleep(20)
    bench.run(5)
    assert bench.words() == ["opened", "warned"]
    assert len(shown(login)) == 1
    assert phase(bench, login) is Phase.ACTIVE


def test_an_end_that_a_lapse_broke_off_begins_anew(bench):
    """A suspend between two rungs: the person may be back at the keys, so nothing is signalled before a warning."""
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(68)
    assert login.processes[0].signals == [HUP, CONT]
    bench.sleep(3600)
    bench.tick()
    assert phase(bench, login) is Phase.WARNED
    bench.run(9.9)
    assert (login.processes[0].signals, login.leader.signals) == ([HUP, CONT], [])
    assert bench.words() == ["opened", "warned", "warned", "ending", "warned"]
    bench.run(0.1)
    assert login.processes[0].signals == [HUP, CONT] * 2
    assert login.leader.signals == []
    bench.run(11)
    assert bench.words()[-2:] == ["ending", "terminated"]


def test_an_end_that_a_lapse_broke_off_begins_anew_by_the_policy_of_now(bench):
    """An end keeps the limits that it began with, and this one is over."""
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(68)
    bench.adopt(make_policy(make_limits(idle_usec=None)))
    bench.sleep(3600)
    bench.run(300)
    assert login.processes[0].signals == [HUP, CONT]
    assert phase(bench, login) is Phase.ACTIVE
    assert bench.words() == ["opened", "warned", "warned", "ending"]


def test_an_end_that_a_lapse_broke_off_can_be_kept_from(bench):
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(68)
    bench.sleep(3600)
    login.ttys["pts/1"].type()
    bench.run(40)
    assert login.processes[0].signals == [HUP, CONT]
    assert phase(bench, login) is Phase.ACTIVE


def test_an_end_that_begins_anew_is_about_the_terminals_of_then(bench):
    """Those of the first beginning have gone by then, and others have come."""
    login = bench.host.login(100, "pts/1", "pts/2")
    first, second = login.processes
    first.ends_on = second.ends_on = frozenset([KILL])
    second.tty = ""
    tty = login.ttys.pop("pts/2")
    bench.run(68)
    assert (first.signals, second.signals) == ([HUP, CONT], [])
    bench.sleep(3600)
    first.is_alive = False
    login.ttys.clear()
    login.ttys["pts/2"], second.tty = tty, "pts/2"
    bench.run(100)
    assert second.signals[:2] == [HUP, CONT]


@pytest.mark.parametrize(("seconds", "ends_at"), [(1, 68), (6.9, 68), (7, 75.1), (3600, 3668.1)])
def test_a_stop(bench, seconds, ends_at):
    """The daemon before polled 55 s after the login, so the next tick was to come at 60, and after 65 it is a lapse."""
    login = bench.host.login(100, "pts/1")
    began = bench.host.time.boot_usec
    bench.run(58.1)
    bench.daemon.save()
    bench.sleep(seconds)
    resume(bench)
    while not signalled(login):
        bench.run(0.05)
    assert abs(bench.host.time.boot_usec - began - ends_at * SECOND) < 0.1 * SECOND


@pytest.mark.parametrize("seconds", [1, 3600])
def test_a_stop_in_the_middle_of_an_end(bench, seconds):
    """After a short one the ladder is escalated on; after a long one the person is warned before anything more."""
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(68.5)
    bench.daemon.save()
    bench.sleep(seconds)
    resume(bench)
    bench.run(9)
    assert bool(login.leader.signals) is (seconds == 1)
    assert bench.words().count("warned") == (2 if seconds == 1 else 3)


def test_a_daemon_that_sees_no_lapse_at_its_start():
    """There is no tick that was to come before the first."""
    bench = Bench(make_policy())
    bench.sleep(10_000)
    login = bench.host.login(100, "pts/1")
    bench.run(68)
    assert signalled(login)
    assert bench.words() == ["opened", "warned", "warned", "ending"]


# Over a restart, with a name service that does not answer.


@pytest.fixture
def grouped() -> Bench:
    ops = Rule("ops", Match(group=("ops",)), make_limits(idle_usec=600 * SECOND), ("idle",))
    return Bench(make_policy(rules=(ops,)))


def test_a_restored_session_gets_its_limits_at_once(grouped):
    """Nothing is due for a session without limits: were they not there at the first tick, its end would be late."""
    grouped.host.login(100, "pts/1")
    grouped.run(50)
    restart(grouped)
    assert [each.limits is not None for each in grouped.daemon.sessions.values()] == [True]


@pytest.mark.parametrize("seconds", [1, 3600])
def test_a_restored_session_whose_groups_nothing_tells_has_limits(grouped, seconds):
    """Those of a user in no group: warned again where nobody watched over what had been announced, and ended."""
    grouped.host.groups["alice"] = None
    login = grouped.host.login(100, "pts/1")
    grouped.run(60)
    grouped.daemon.save()
    grouped.sleep(seconds)
    resume(grouped)
    assert [each.limits is not None for each in grouped.daemon.sessions.values()] == [True]
    grouped.run(20)
    assert signalled(login)
    assert grouped.words().count("warned") == (2 if seconds == 1 else 3)


@pytest.mark.parametrize(("seconds", "words"), [(3600, "forward by 1h"), (-86400, "back by 1d"), (1, "")])
def test_a_clock_that_is_set_is_told_and_moves_no_limit(bench, seconds, words):
    login = bench.host.login(100, "pts/1")
    bench.run(21)
    bench.host.time.step(seconds * 1_000_000_000)
    bench.run(46)
    told = [event.message for event in bench.journal.events if event.kind is EventKind.CLOCK_STEPPED]
    assert len(told) == bool(words)
    assert all(words in message for message in told)
    assert not signalled(login)
    bench.run(2)
    assert bench.words(100) == ["opened", "warned", "warned", "ending"]
