"""Rules by group: where a session's groups come from, and what the daemon does while some are unknown."""

from __future__ import annotations

from dataclasses import replace

from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import SECOND

OPS = Rule("ops", Match(group=("ops",)), make_limits(idle_usec=None), ("idle",))
DEVELOPERS = Rule("developers", Match(group=("dev-*",)), make_limits(idle_usec=None), ("idle",))
UNKNOWN = (
    "no name service that reaperd can reach knows group ops: a rule for it matches only if the login record has the"
    " name"
)

# Where only `ops` may idle.
POLICY = make_policy(rules=(OPS,))


def without_answers(rule: Rule = OPS) -> Bench:
    """A daemon whose name service has never answered."""
    bench = Bench()
    bench.host.is_hung = True
    bench.adopt(make_policy(rules=(rule,)))
    return bench


def rules(bench: Bench) -> dict[int, str]:
    return {key.pid: tracked.rule for key, tracked in bench.daemon.sessions.items()}


def test_groups_of_a_session_are_read_once(bench):
    """Not again when a terminal opens or closes, nor at a reload."""
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


def test_new_group_applies_from_the_next_login(bench):
    """As in the kernel: the processes of the first session are not in it."""
    bench.host.login(100, "pts/1")
    bench.run(10)
    bench.host.set_groups("alice", ops=5001)
    bench.host.login(300, "pts/3")
    bench.run(10)
    bench.adopt(make_policy(rules=(OPS,)))
    assert rules(bench) == {100: "environment:standard", 300: "ops"}


def test_number_alone_is_enough_for_the_groups_that_rules_name(bench):
    """A login under a slow name service has recorded no names, and the kernel has only numbers."""
    bench.host.unnamed.add("ops")
    bench.host.set_groups("alice", ops=5001, users=100)
    bench.host.login(100, "pts/1")
    bench.run(1)
    assert rules(bench) == {100: "ops"}
    assert bench.host.questions == ["ops"]


def test_names_are_looked_up_for_patterns():
    bench = Bench(make_policy(rules=(DEVELOPERS,)))
    bench.host.unnamed |= {"dev-east", "users"}
    bench.host.set_groups("alice", **{"dev-east": 6001, "users": 100, "alice": 1000})
    bench.host.login(100, "pts/1")
    bench.run(11)
    assert rules(bench) == {100: "developers"}
    assert sorted(bench.host.questions) == [100, 6001]
    bench.run(60)
    assert sorted(bench.host.questions) == [100, 6001]


def with_nameless_group() -> Bench:
    """A daemon with a session in a group that the name service does not know."""
    bench = Bench(make_policy(rules=(DEVELOPERS,)))
    bench.host.unnamed.add("dev-east")
    bench.host.unknown.add("dev-east")
    bench.host.set_groups("alice", **{"dev-east": 6001})
    bench.host.login(100, "pts/1")
    return bench


def test_group_without_a_name_is_asked_for_again():
    """A name service that is slow or crashes gives the same answer as one that knows no name."""
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
    bench.host.set_groups("bob", **{"dev-west": 6002})
    bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(6)
    assert bench.host.questions[-1] == 6002
    bench.host.unknown.clear()
    bench.run(21)
    assert rules(bench)[200] == "developers"


def test_name_service_that_hangs_delays_nobody():
    """Meanwhile the names that logins recorded decide, and every session has limits."""
    bench = without_answers()
    bench.host.set_groups("bob", ops=5001)
    bench.host.login(100, "pts/1")
    bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(80)
    assert bench.words(100)[-1] == "terminated"
    assert bench.words(200) == ["opened"]


def test_answer_that_comes_late_puts_a_session_under_its_rule():
    bench = without_answers()
    bench.host.unnamed.add("ops")
    bench.host.set_groups("alice", ops=5001)
    login = bench.host.login(100, "pts/1")
    bench.run(52)
    assert bench.words() == ["opened", "warned"]
    bench.host.is_hung = False
    bench.run(30)
    assert bench.words() == ["opened", "warned", "cancelled"]
    assert rules(bench) == {100: "ops"}
    assert not signalled(login)


def test_unknown_group_is_logged_once_and_asked_for_less_and_less_often():
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


def test_earlier_answers_outlive_the_name_service(bench):
    """Over a reload while it does not answer, or no longer knows the group."""
    bench.host.unnamed.add("ops")
    bench.host.unknown.add("ops")
    bench.adopt(make_policy(rules=(OPS,)))
    bench.host.set_groups("alice", ops=5001)
    bench.host.login(100, "pts/1")
    bench.run(1)
    assert rules(bench) == {100: "ops"}
    assert bench.daemon.groups.unknown == []


def test_restart_with_a_dead_name_service_changes_nothing(bench):
    """Nor if the user was deleted meanwhile: the groups are in the state."""
    bench.host.unnamed.add("ops")
    bench.host.set_groups("alice", ops=5001)
    bench.host.login(100, "pts/1")
    login = bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(55)
    bench.daemon.save()
    bench.host.is_hung, bench.host.groups = True, {}
    bench.resume()
    bench.run(30)
    assert bench.words(100) == ["opened"]
    assert bench.words(200)[:4] == ["opened", "warned", "warned", "ending"]
    assert signalled(login)


def test_session_with_unknown_groups_is_under_the_rules_for_a_user_of_none(bench):
    """Unknown is not unlimited. It is logged once, and tried again at each poll."""
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
    bench.host.set_groups("alice", ops=5001)
    bench.run(30)
    assert bench.words() == ["opened", "warned", "cancelled"]
    assert shown(login)[-1] == "reaper: Thank you, this session stays."


def test_quick_looks_report_no_login_whose_first_process_is_to_come(bench):
    """Each reload and each answer of a name service looks at every session."""
    bench.host.groups["alice"] = None
    bench.host.login(100, "pts/1")
    for _ in range(10):
        bench.adopt(make_policy(rules=(OPS,)))
        bench.run(0.1)
    assert bench.warnings() == []
    bench.run(10)
    assert len(bench.warnings()) == 1


def test_login_whose_first_process_is_to_come_is_not_reported(bench):
    bench.host.groups["alice"] = None
    bench.host.login(100, "pts/1")
    bench.tick()
    bench.host.set_groups("alice", ops=5001)
    bench.run(10)
    assert bench.warnings() == []
    assert rules(bench) == {100: "ops"}


def test_present_limits_stay_while_the_groups_are_unknown():
    """The first rule by group comes with a reload; what was announced comes as announced."""
    bench = Bench(make_policy())
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    bench.host.groups["alice"] = None
    bench.adopt(make_policy(make_limits(idle_usec=3600 * SECOND), rules=(OPS,)))
    bench.run(17)
    assert not signalled(login)
    bench.run(1.1)
    assert bench.words() == ["opened", "warned", "warned", "ending"]


def test_groups_of_a_session_that_is_gone_are_not_read(bench):
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
