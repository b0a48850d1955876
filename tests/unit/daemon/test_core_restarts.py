"""Restarts, stops and suspends change no outcome, and no user loses a session without a warning."""

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


def test_reference_life_without_restarts():
    words = [word for word, _ in UNDISTURBED]
    assert words == ["opened", "warned", "cancelled", "resumed", "warned", "warned", "ending", "terminated"]


@pytest.mark.parametrize("second", [1, 20, 49, 51, 53, 70, 98, 110, 117, 119, 122, 127])
def test_one_restart_changes_no_outcome(second):
    assert life_of({second}) == UNDISTURBED


def test_many_restarts_change_no_outcome():
    assert life_of(set(range(1, 160, 3))) == UNDISTURBED


def test_restart_reports_no_tampered_terminal_twice(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(10)
    for _ in range(3):
        login.ttys["pts/1"].touch(bench.host.time.wall_ns)
        bench.run(10)
        bench.restart()
    assert bench.words().count("tampered") == 1


def test_restart_under_another_rule_warns_first():
    """The session was only observed before, so a warning that was only logged does not count."""
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


def test_user_is_warned_again_after_a_long_stop(bench):
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


def test_user_is_warned_again_after_a_suspend(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(59)
    bench.sleep(3600)
    bench.run(9.9)
    assert not signalled(login)
    bench.run(0.1)
    assert signalled(login)


def test_sessions_that_ended_while_no_daemon_ran_are_closed(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(10)
    bench.daemon.save()
    bench.host.leave(login)
    bench.restart()
    bench.run(6)
    assert bench.words() == ["opened", "closed"]
