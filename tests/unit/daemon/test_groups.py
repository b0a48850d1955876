"""Rules by group: whom the daemon asks for a user's groups and how often, and what it does while nobody tells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy import Match, Rule
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import SECOND

OPS = Rule("ops", Match(group=("ops",)), make_limits(idle_usec=None), ("idle",))


@pytest.fixture
def bench() -> Bench:
    """Where only `ops` may idle."""
    return Bench(make_policy(rules=(OPS,)))


def limits_are_known(bench: Bench) -> list[bool]:
    return [each.limits is not None for each in bench.daemon.sessions.values()]


def test_a_user_is_asked_for_once(bench):
    """Not at each terminal that comes and goes: a name service may be slow."""
    first, second = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(10)
    assert sorted(bench.host.asked_groups) == ["alice", "bob"]
    for number in range(5):
        first.ttys[f"pts/1{number}"] = replace(first.ttys["pts/1"], name=f"pts/1{number}")
        second.ttys["pts/2"].type()
        bench.run(8)
    assert sorted(bench.host.asked_groups) == ["alice", "bob"]


def test_a_login_and_a_reload_ask_anew(bench):
    """As the session of a user who has just been put into a group would have it."""
    bench.host.login(100, "pts/1")
    bench.run(10)
    bench.host.groups["alice"] = frozenset(["ops"])
    bench.run(10)
    bench.host.login(300, "pts/3")
    bench.run(10)
    assert bench.host.asked_groups == ["alice"] * 2
    rules = {key.pid: tracked.rule for key, tracked in bench.daemon.sessions.items()}
    assert rules == {100: "environment:standard", 300: "ops"}
    bench.adopt(make_policy(rules=(OPS,)))
    assert bench.host.asked_groups == ["alice"] * 3
    assert {tracked.rule for tracked in bench.daemon.sessions.values()} == {"ops"}


def test_nobody_is_judged_while_no_name_service_tells(bench):
    """A new session has no limits then: nothing is due. It is told once, and asked again at each poll."""
    bench.host.groups["alice"] = None
    login = bench.host.login(100, "pts/1")
    bench.run(1000)
    assert bench.words() == ["opened"]
    assert not signalled(login)
    assert limits_are_known(bench) == [False]
    assert bench.warnings() == ["the groups of alice cannot be told, so no rule is applied anew to session 100 yet"]
    assert 195 <= len(bench.host.asked_groups) <= 205
    bench.host.groups["alice"] = frozenset()
    bench.run(5)
    assert bench.words() == ["opened", "warned"]
    bench.run(10)
    assert bench.words()[2:] == ["ending"]
    bench.run(5)
    assert len(bench.warnings()) == 1


def test_the_others_are_judged_meanwhile(bench):
    bench.host.groups["alice"] = None
    bench.host.login(100, "pts/1")
    bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(80)
    assert bench.words(100) == ["opened"]
    assert bench.words(200)[-1] == "terminated"


def test_the_present_limits_stay_while_no_name_service_tells(bench):
    """A reload in the middle of an outage: what was announced comes as announced."""
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    bench.host.groups["alice"] = None
    bench.adopt(make_policy(make_limits(idle_usec=3600 * SECOND), rules=(OPS,)))
    bench.run(17)
    assert not signalled(login)
    bench.run(1.1)
    assert bench.words() == ["opened", "warned", "warned", "ending"]


def test_the_new_limits_come_when_a_name_service_tells(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    bench.host.groups["alice"] = None
    bench.adopt(make_policy(make_limits(idle_usec=3600 * SECOND), rules=(OPS,)))
    bench.run(4)
    bench.host.groups["alice"] = frozenset()
    bench.run(20)
    assert bench.words() == ["opened", "warned", "cancelled"]
    assert shown(login)[-1] == "reaper: Thank you, this session stays."


def test_a_session_that_is_gone_is_asked_for_no_more(bench):
    bench.host.groups["alice"] = None
    login = bench.host.login(100, "pts/1")
    bench.run(20)
    bench.host.leave(login)
    bench.run(20)
    asked = len(bench.host.asked_groups)
    bench.run(100)
    assert len(bench.host.asked_groups) == asked
    assert bench.words() == ["opened", "closed"]
    assert len(bench.warnings()) == 1


def test_a_hostile_name_is_escaped_in_the_note(bench):
    bench.host.groups["al\x1b[2J"] = None
    bench.host.login(100, "pts/1", user="al\x1b[2J", session_id="7\n8")
    bench.run(1)
    (note,) = bench.warnings()
    assert "al\\x1b[2J" in note
    assert "session 7\\n8" in note
