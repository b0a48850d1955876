"""Times in which no daemon ran, or the host slept: what was announced before them is announced again.

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
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import CONT, HUP, KILL
from tests.unit.simulated import SECOND


def test_tick_that_is_five_seconds_late_is_no_lapse(bench):
    """On a busy host the tick due after 60 s comes after 65 s; the user has been warned."""
    login = bench.host.login(100, "pts/1")
    bench.run(59)
    bench.sleep(6)
    bench.run(2.9)
    assert not signalled(login)
    bench.run(0.1)
    assert signalled(login)
    assert bench.words() == ["opened", "warned", "warned", "ending"]


def test_tick_that_is_more_than_five_seconds_late_is_a_lapse(bench):
    """Less than a poll and a minute, but long enough to miss a key."""
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


def test_lapse_shows_nothing_to_a_user_who_is_not_idle(bench):
    """The warning no longer counts, so nothing is withdrawn."""
    login = bench.host.login(100, "pts/1")
    bench.run(49)
    login.ttys["pts/1"].type()
    bench.sleep(20)
    bench.run(5)
    assert bench.words() == ["opened", "warned"]
    assert len(shown(login)) == 1
    assert bench.phase(login) is Phase.ACTIVE


def test_termination_stopped_by_a_lapse_begins_again_with_a_warning(bench):
    """The user may be back after a suspend, so nothing is signalled before it."""
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(68)
    assert login.processes[0].signals == [HUP, CONT]
    bench.sleep(3600)
    bench.tick()
    assert bench.phase(login) is Phase.WARNED
    bench.run(9.9)
    assert (login.processes[0].signals, login.leader.signals) == ([HUP, CONT], [])
    assert bench.words() == ["opened", "warned", "warned", "ending", "warned"]
    bench.run(0.1)
    assert login.processes[0].signals == [HUP, CONT] * 2
    assert login.leader.signals == []
    bench.run(11)
    assert bench.words()[-2:] == ["ending", "terminated"]


def test_termination_stopped_by_a_lapse_begins_again_under_the_present_policy(bench):
    """A termination keeps its first limits, but this one has stopped."""
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(68)
    bench.adopt(make_policy(make_limits(idle_usec=None)))
    bench.sleep(3600)
    bench.run(300)
    assert login.processes[0].signals == [HUP, CONT]
    assert bench.phase(login) is Phase.ACTIVE
    assert bench.words() == ["opened", "warned", "warned", "ending"]


def test_key_after_a_lapse_keeps_a_session_whose_end_had_begun(bench):
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(68)
    bench.sleep(3600)
    login.ttys["pts/1"].type()
    bench.run(40)
    assert login.processes[0].signals == [HUP, CONT]
    assert bench.phase(login) is Phase.ACTIVE


def test_termination_that_begins_again_reaches_the_present_terminals(bench):
    """Those of its first beginning are gone, and others are open."""
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
def test_long_stop_is_a_lapse_and_a_short_one_is_not(bench, seconds, ends_at):
    """The last poll was 55 s after the login, so the next tick was due at 60 s, and after 65 s it is a lapse."""
    login = bench.host.login(100, "pts/1")
    began = bench.host.time.boot_usec
    bench.run(58.1)
    bench.daemon.save()
    bench.sleep(seconds)
    bench.resume()
    while not signalled(login):
        bench.run(0.05)
    assert abs(bench.host.time.boot_usec - began - ends_at * SECOND) < 0.1 * SECOND


@pytest.mark.parametrize("seconds", [1, 3600])
def test_short_stop_continues_a_termination_and_a_long_one_warns_first(bench, seconds):
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(68.5)
    bench.daemon.save()
    bench.sleep(seconds)
    bench.resume()
    bench.run(9)
    assert bool(login.leader.signals) is (seconds == 1)
    assert bench.words().count("warned") == (2 if seconds == 1 else 3)


def test_first_tick_is_no_lapse():
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


def test_restored_session_has_limits_before_the_first_tick(grouped):
    """Without limits nothing would be due at the first tick, and its end would be late."""
    grouped.host.login(100, "pts/1")
    grouped.run(50)
    grouped.restart()
    assert [each.limits is not None for each in grouped.daemon.sessions.values()] == [True]


@pytest.mark.parametrize("seconds", [1, 3600])
def test_restored_session_whose_groups_are_unknown_has_limits(grouped, seconds):
    """Those of a user in no group. After a lapse it is warned again, and ends."""
    grouped.host.groups["alice"] = None
    login = grouped.host.login(100, "pts/1")
    grouped.run(60)
    grouped.daemon.save()
    grouped.sleep(seconds)
    grouped.resume()
    assert [each.limits is not None for each in grouped.daemon.sessions.values()] == [True]
    grouped.run(20)
    assert signalled(login)
    assert grouped.words().count("warned") == (2 if seconds == 1 else 3)


@pytest.mark.parametrize(("seconds", "words"), [(3600, "forward by 1h"), (-86400, "back by 1d"), (1, "")])
def test_clock_change_is_logged_and_moves_no_limit(bench, seconds, words):
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
