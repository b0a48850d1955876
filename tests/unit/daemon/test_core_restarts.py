"""A restart, a stop or a suspend: no outcome changes, and nobody is ended without a warning that they could see."""

from __future__ import annotations

import pytest

from reaper.decide.policy.limits import Action
from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import KILL
from tests.unit.simulated import SECOND


def life_of(restarts: set[int]) -> list[tuple[str, int]]:
    """What happens at which moment in a life with evidence and an end, with restarts at some seconds."""
    bench = Bench(make_policy())
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    login.leader.ends_on = frozenset([KILL])
    began = bench.host.time.boot_usec
    story: list[tuple[str, int]] = []
    for second in range(160):
        if second == 52:
            login.ttys["pts/1"].type()
        if second in restarts:
            bench.restart()
        bench.run(1)
        # The key is seen at the next poll, and when that is depends on the restart.
        fresh = bench.words()[len(story) :]
        story += [(word, 0 if word in ("cancelled", "resumed") else second) for word in fresh]
    assert bench.host.time.boot_usec == began + 160 * SECOND
    return story


UNDISTURBED = life_of(set())


def test_the_life_that_restarts_are_held_to():
    words = [word for word, _ in UNDISTURBED]
    assert words == ["opened", "warned", "cancelled", "resumed", "warned", "warned", "ending", "terminated"]


@pytest.mark.parametrize("second", [1, 20, 49, 51, 53, 70, 98, 110, 117, 119, 122, 127])
def test_a_restart_changes_no_outcome(second):
    assert life_of({second}) == UNDISTURBED


def test_many_restarts_change_no_outcome():
    assert life_of(set(range(1, 160, 3))) == UNDISTURBED


def test_a_restart_reports_no_terminal_twice(bench):
    """What was reported as tampered with stays reported."""
    login = bench.host.login(100, "pts/1")
    bench.run(10)
    for _ in range(3):
        login.ttys["pts/1"].touch(bench.host.time.wall_ns)
        bench.run(10)
        bench.restart()
    assert bench.words().count("tampered") == 1


def test_a_restart_under_another_rule_warns_first():
    """Observed before, and ended now: nobody had been told on the terminal, so a warning from then does not count."""
    calm = Rule("calm", Match(elevated=False), make_limits(action=Action.OBSERVE), ("action",))
    bench = Bench(make_policy(rules=(calm,)))
    login = bench.host.login(100, "pts/1")
    bench.run(66)
    bench.host.become_root(login.session, bench.host.time.boot_usec - 10 * SECOND)
    bench.restart()
    bench.run(9)
    assert not signalled(login)
    assert len(shown(login)) == 1
    bench.run(3)
    assert signalled(login)


def test_after_a_long_stop_the_person_is_warned_again(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    bench.daemon.save()
    bench.sleep(3600)
    bench.restart()
    bench.run(9.9)
    assert not signalled(login)
    assert len(shown(login)) == 2
    bench.run(0.1)
    assert signalled(login)


def test_after_a_suspend_the_person_is_warned_again(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(59)
    bench.sleep(3600)
    bench.run(9.9)
    assert not signalled(login)
    bench.run(0.1)
    assert signalled(login)


def test_sessions_that_ended_while_the_daemon_was_away(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(10)
    bench.daemon.save()
    bench.host.leave(login)
    bench.restart()
    bench.run(6)
    assert bench.words() == ["opened", "closed"]
