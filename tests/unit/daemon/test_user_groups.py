"""Rules by group: where a session's groups come from, and what the daemon does while something of them is unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.daemon.test_restarts import resume
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import SECOND

OPS = Rule("ops", Match(group=("ops",)), make_limits(idle_usec=None), ("idle",))
DEVELOPERS = Rule("developers", Match(group=("dev-*",)), make_limits(idle_usec=None), ("idle",))
UNKNOWN = (
    "no name service that reaperd can reach knows group ops: a rule for it matches only if the login record has the"
    " name"
)


@pytest.fixture
def bench() -> Bench:
    """Where only `ops` may idle."""
    return Bench(make_policy(rules=(OPS,)))


def without_answers(rule: Rule = OPS) -> Bench:
    """Where no name service has ever answered."""
    bench = Bench()
    bench.host.is_hung = True
    bench.adopt(make_policy(rules=(rule,)))
    return bench


def rules(bench: Bench) -> dict[int, str]:
    return {key.pid: tracked.rule for key, tracked in bench.daemon.sessions.items()}


def test_groups_of_a_session_are_read_once(bench):
    """Not at each terminal that comes and goes, nor at a reload."""
    first, second = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(10)
    for number in range(5):
        first.ttys[f"pts/1{number}"] = replace(first.ttys["pts/1"], name=f"pts/1{number}")
        second.ttys["pts/2"].type()
        bench.run(8)
    bench.adopt(make_policy(rules=(OPS,)))
    bench.run(10)
    assert sorted(bench.host.asked_groups) == ["alice", "bob"]
    assert bench.host.questions == ["ops", "ops"]


def test_nothing_is_read_or_asked_where_no_rule_names_a_group():
    bench = Bench(make_policy())
    bench.host.login(100, "pts/1")
    bench.run(30)
    assert (bench.host.asked_groups, bench.host.questions) == ([], [])


def test_who_is_put_into_a_group_is_in_it_from_the_next_login(bench):
    """As the kernel has it: the processes of the first session are not in it."""
    bench.host.login(100, "pts/1")
    bench.run(10)
    bench.host.let_be_in("alice", ops=5001)
    bench.host.login(300, "pts/3")
    bench.run(10)
    bench.adopt(make_policy(rules=(OPS,)))
    assert rules(bench) == {100: "environment:standard", 300: "ops"}


def test_number_alone_is_enough_for_the_groups_that_rules_name(bench):
    """A login under a slow name service has recorded no names, or the kernel has only numbers."""
    bench.host.unnamed.add("ops")
    bench.host.let_be_in("alice", ops=5001, users=100)
    bench.host.login(100, "pts/1")
    bench.run(1)
    assert rules(bench) == {100: "ops"}
    assert bench.host.questions == ["ops"]


def test_names_are_asked_for_patterns():
    bench = Bench(make_policy(rules=(DEVELOPERS,)))
    bench.host.unnamed |= {"dev-east", "users"}
    bench.host.let_be_in("alice", **{"dev-east": 6001, "users": 100, "alice": 1000})
    bench.host.login(100, "pts/1")
    bench.run(11)
    assert rules(bench) == {100: "developers"}
    assert sorted(bench.host.questions) == [100, 6001]
    bench.run(60)
    assert sorted(bench.host.questions) == [100, 6001]


def with_nameless_group() -> Bench:
    """Where a session has a group that no name service has a name for."""
    bench = Bench(make_policy(rules=(DEVELOPERS,)))
    bench.host.unnamed.add("dev-east")
    bench.host.unknown.add("dev-east")
    bench.host.let_be_in("alice", **{"dev-east": 6001})
    bench.host.login(100, "pts/1")
    return bench


def test_group_without_a_name_is_asked_for_again():
    """As a name service that does not answer in time, or crashes, is one that knows no name."""
    bench = with_nameless_group()
    bench.run(40)
    assert rules(bench) == {100: "environment:standard"}
    assert bench.host.questions == [6001, 6001]
    bench.host.unknown.clear()
    bench.run(25)
    assert rules(bench) == {100: "developers"}
    asked = list(bench.host.questions)
    bench.run(3600)
    assert bench.host.questions == asked, "a name that is known is asked for no more"


def test_group_without_a_name_is_asked_for_less_and_less_often():
    bench = with_nameless_group()
    bench.adopt(make_policy(make_limits(idle_usec=None), rules=(DEVELOPERS,)))
    bench.run(3600)
    assert 7 <= len(bench.host.questions) <= 14
    assert bench.warnings() == []


def test_group_of_a_later_session_does_not_wait_for_one_that_is_long_without_a_name():
    bench = with_nameless_group()
    bench.adopt(make_policy(make_limits(idle_usec=None), rules=(DEVELOPERS,)))
    bench.run(1800)
    bench.host.unnamed.add("dev-west")
    bench.host.unknown.add("dev-west")
    bench.host.let_be_in("bob", **{"dev-west": 6002})
    bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(6)
    assert bench.host.questions[-1] == 6002
    bench.host.unknown.clear()
    bench.run(21)
    assert rules(bench)[200] == "developers"


def test_name_service_that_hangs_delays_nobody():
    """The names that logins recorded decide meanwhile, and everybody's limits are in force."""
    bench = without_answers()
    bench.host.let_be_in("bob", ops=5001)
    bench.host.login(100, "pts/1")
    bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(80)
    assert bench.words(100)[-1] == "terminated"
    assert bench.words(200) == ["opened"]


def test_answer_that_comes_late_puts_a_session_under_its_rule():
    bench = without_answers()
    bench.host.unnamed.add("ops")
    bench.host.let_be_in("alice", ops=5001)
    login = bench.host.login(100, "pts/1")
    bench.run(52)
    assert bench.words() == ["opened", "warned"]
    bench.host.is_hung = False
    bench.run(30)
    assert bench.words() == ["opened", "warned", "cancelled"]
    assert rules(bench) == {100: "ops"}
    assert not signalled(login)


def test_unknown_group_is_told_once_and_asked_again_less_and_less_often():
    bench = Bench()
    bench.host.unknown.add("ops")
    bench.adopt(make_policy(rules=(OPS,)))
    bench.run(3600)
    assert bench.warnings() == [UNKNOWN]
    assert bench.daemon.groups.unknown == ["ops"]
    assert 7 <= len(bench.host.questions) <= 14
    bench.host.unknown.clear()
    bench.run(605)
    assert bench.daemon.groups.unknown == []


def test_what_a_name_service_has_told_outlives_it(bench):
    """A reload while it does not answer, or does not know any more."""
    bench.host.unnamed.add("ops")
    bench.host.unknown.add("ops")
    bench.adopt(make_policy(rules=(OPS,)))
    bench.host.let_be_in("alice", ops=5001)
    bench.host.login(100, "pts/1")
    bench.run(1)
    assert rules(bench) == {100: "ops"}
    assert bench.daemon.groups.unknown == []


def test_restart_with_a_dead_name_service_changes_nothing(bench):
    """Nor does it where the user was deleted meanwhile: the groups are in the state."""
    bench.host.unnamed.add("ops")
    bench.host.let_be_in("alice", ops=5001)
    bench.host.login(100, "pts/1")
    login = bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(55)
    bench.daemon.save()
    bench.host.is_hung, bench.host.groups = True, {}
    resume(bench)
    bench.run(30)
    assert bench.words(100) == ["opened"]
    assert bench.words(200)[:4] == ["opened", "warned", "warned", "ending"]
    assert signalled(login)


def test_session_whose_groups_nothing_tells_is_under_the_rules_for_a_user_of_none(bench):
    """Unknown is not unlimited. It is told once, and looked for again at each poll."""
    bench.host.groups["alice"] = None
    login = bench.host.login(100, "pts/1")
    bench.run(30)
    assert rules(bench) == {100: "environment:standard"}
    told = "the groups of alice are not known yet: session 100 keeps the limits that it has, or is treated as"
    assert bench.warnings() == [f"{told} if the user were in no group"]
    assert 5 <= len(bench.host.asked_groups) <= 8
    bench.run(50)
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]
    assert signalled(login)


def test_groups_that_are_found_late_count_from_then_on(bench):
    bench.host.groups["alice"] = None
    login = bench.host.login(100, "pts/1")
    bench.run(52)
    bench.host.let_be_in("alice", ops=5001)
    bench.run(30)
    assert bench.words() == ["opened", "warned", "cancelled"]
    assert shown(login)[-1] == "reaper: Thank you, this session stays."


def test_looks_in_quick_succession_report_no_login_whose_first_process_is_to_come(bench):
    """Each reload looks at every session, and so does each answer of a name service."""
    bench.host.groups["alice"] = None
    bench.host.login(100, "pts/1")
    for _ in range(10):
        bench.adopt(make_policy(rules=(OPS,)))
        bench.run(0.1)
    assert bench.warnings() == []
    bench.run(10)
    assert len(bench.warnings()) == 1


def test_login_whose_first_process_is_to_come_is_not_told_of(bench):
    bench.host.groups["alice"] = None
    bench.host.login(100, "pts/1")
    bench.tick()
    bench.host.let_be_in("alice", ops=5001)
    bench.run(10)
    assert bench.warnings() == []
    assert rules(bench) == {100: "ops"}


def test_present_limits_stay_while_nothing_tells_the_groups():
    """The first rule by group comes with a reload: what was announced comes as announced."""
    bench = Bench(make_policy())
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    bench.host.groups["alice"] = None
    bench.adopt(make_policy(make_limits(idle_usec=3600 * SECOND), rules=(OPS,)))
    bench.run(17)
    assert not signalled(login)
    bench.run(1.1)
    assert bench.words() == ["opened", "warned", "warned", "ending"]


def test_session_that_is_gone_is_looked_for_no_more(bench):
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


def test_hostile_name_is_escaped_in_the_note(bench):
    bench.host.groups["al\x1b[2J"] = None
    bench.host.login(100, "pts/1", user="al\x1b[2J", session_id="7\n8")
    bench.run(11)
    (note,) = bench.warnings()
    assert "al\\x1b[2J" in note
    assert "session 7\\n8" in note
