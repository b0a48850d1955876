"""What a policy does to sessions, and what happens when another policy is adopted during their lives."""

from __future__ import annotations

from dataclasses import replace

from reaper.decide.policy.limits import Action, Kill
from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from reaper.decide.session.state import TerminationStep
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import CONT, HUP, KILL
from tests.unit.simulated import SECOND


def test_observe_touches_nothing():
    bench = Bench(make_policy(make_limits(action=Action.OBSERVE)))
    login = bench.host.login(100, "pts/1")
    bench.run(300)
    assert bench.words() == ["opened", "warned", "warned", "observed"]
    assert all(event.fields["observed"] == "1" for event in bench.events())
    assert shown(login) == []
    assert not signalled(login)
    login.ttys["pts/1"].type()
    bench.run(300)
    assert bench.words()[4:] == ["resumed", "warned", "warned", "observed"]
    assert shown(login) == []


def test_without_a_policy_no_session_is_touched():
    bench = Bench()
    login = bench.host.login(100, "pts/1")
    bench.run(100_000)
    assert bench.words() == ["opened"]
    assert not signalled(login)
    assert shown(login) == []


def test_a_stricter_policy_warns_first(bench):
    """Idle for 50 min under a limit of 1 h; then the limit is 1 min."""
    bench.adopt(make_policy(make_limits(idle_usec=3600 * SECOND)))
    login = bench.host.login(100, "pts/1")
    bench.run(3000)
    bench.adopt(make_policy())
    bench.tick()
    assert bench.words() == ["opened", "warned"]
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 10s. Press any key to stay."]
    bench.run(9.9)
    assert "ending" not in bench.words()
    bench.run(0.1)
    assert "ending" in bench.words()


def test_milder_policy_withdraws_the_warning(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    bench.adopt(make_policy(make_limits(idle_usec=3600 * SECOND)))
    bench.run(100)
    assert bench.words() == ["opened", "warned", "cancelled"]
    assert shown(login)[-1] == "reaper: Thank you, this session stays."


def test_from_observe_to_terminate_warns_first(bench):
    bench.adopt(make_policy(make_limits(action=Action.OBSERVE)))
    login = bench.host.login(100, "pts/1")
    bench.run(300)
    bench.adopt(make_policy())
    bench.run(9)
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 10s. Press any key to stay."]
    assert not signalled(login)
    bench.run(2)
    assert signalled(login)


def test_change_to_observe_stops_a_termination(bench):
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(68)
    assert login.processes[0].signals == [HUP, CONT]
    bench.adopt(make_policy(make_limits(action=Action.OBSERVE)))
    bench.run(100)
    assert login.leader.signals == []
    assert login.processes[0].signals == [HUP, CONT]
    assert bench.words()[-1] == "observed"


def test_termination_keeps_the_limits_that_it_began_with(bench):
    """Neither a milder nor a stricter policy changes whom it reaches and how long it waits."""
    login = bench.host.login(100, "pts/1")
    detached = replace(login.processes[0], id=login.processes[0].id._replace(pid=140), tty="", signals=[])
    login.processes.append(detached)
    login.processes[0].ends_on = login.leader.ends_on = frozenset([KILL])
    bench.run(68)
    for limits in (make_limits(idle_usec=3600 * SECOND), make_limits(kill=Kill.SESSION, grace_usec=600 * SECOND)):
        bench.adopt(make_policy(limits))
        bench.tick()
        assert bench.words()[-1] == "ending"
    bench.run(10.5)
    assert [(rung, kill) for rung, kill, _ in bench.actor.escalations] == [
        (rung, Kill.TERMINAL) for rung in TerminationStep
    ]
    assert bench.words()[-1] == "terminated"
    assert detached.signals == []


def test_session_whose_terminal_has_ended_keeps_its_rule():
    """During its end it has no terminal, but the rule for sessions without a terminal does not apply."""
    jobs = Rule("jobs", Match(terminal=("none",)), make_limits(action=Action.OBSERVE), ("action",))
    bench = Bench(make_policy(rules=(jobs,)))
    login = bench.host.login(100, "pts/1")
    bench.run(68.1)
    login.ttys.clear()
    bench.run(30)
    assert bench.words()[-2:] == ["ending", "terminated"]
    assert bench.events()[-1].fields["rule"] == "environment:standard"


def test_groups_are_read_only_if_a_rule_names_one(bench):
    bench.host.trouble["alice"] = OSError("the name service is slow")
    bench.host.login(100, "pts/1")
    bench.run(10)
    assert bench.warnings() == []


def test_rule_by_group_applies_to_its_members(bench):
    ops = Rule("ops", Match(group=("ops",)), make_limits(idle_usec=None), ("idle",))
    bench.adopt(make_policy(rules=(ops,)))
    bench.host.groups["alice"] = frozenset(["ops", "users"])
    bench.host.login(100, "pts/1")
    bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(100)
    assert bench.words(100) == ["opened"]
    assert "terminated" in bench.words(200)
