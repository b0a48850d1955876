"""judge(): the first rule that matches, or the environment, and the ceiling over both."""

from dataclasses import replace

import pytest

from reaper.decide.policy.ceiling import Ceiling, cap
from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.limits import Action, Kill, Limits, Notify, Robots, Share, fit_leads, inherit
from reaper.decide.policy.match import Match, Origin, Subject
from reaper.decide.policy.rules import Rule, asks_to_lock, document, judge
from reaper.decide.policy.template import Template
from reaper.decide.text.hours import parse_hours

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
STANDARD = BUILT_IN.environments["standard"]
ALICE = Subject("alice", 1000, frozenset({"ops"}), Origin.SSH, "10.1.2.3", ("pts/3",), "sshd")


def rule(name, user, **limits):
    return Rule(name, Match(user=(user,)), replace(STANDARD, **limits))


def policy(*rules, **fields):
    return replace(BUILT_IN, rules=rules, **fields)


def test_built_in_policy():
    assert BUILT_IN.environment == "standard"
    assert BUILT_IN.poll_usec == 15 * SECOND
    assert BUILT_IN.rules == ()
    rest = (10 * SECOND, (), 16, SECOND, Share.SESSION, Robots.COUNT, (), 4 * HOUR, 0)
    ends = (Template(), Notify.TERMINAL, Action.TERMINATE, 30 * MINUTE)
    standard = Limits(15 * MINUTE, None, (5 * MINUTE, MINUTE), *ends, Kill.TERMINAL, *rest)
    restricted = Limits(10 * MINUTE, 8 * HOUR, (2 * MINUTE, 30 * SECOND), *ends, Kill.SESSION, *rest)
    assert BUILT_IN.environments == {"standard": standard, "restricted": restricted}
    assert (BUILT_IN.brake.sessions, BUILT_IN.brake.per_usec) == (10, MINUTE)
    assert BUILT_IN.ceiling == Ceiling(None, None, None, None, None, ())


def test_environment_applies_without_rules():
    verdict = judge(replace(BUILT_IN, environment="restricted"), ALICE)
    assert verdict.rule == "environment:restricted"
    assert verdict.limits == BUILT_IN.environments["restricted"]
    assert verdict.capped == verdict.passed_over == ()


def test_first_match_wins_and_the_rules_before_it_say_why_they_do_not_match():
    verdict = judge(policy(rule("b", "bob"), rule("a", "al*", idle_usec=HOUR), rule("all", "*")), ALICE)
    assert (verdict.rule, verdict.limits.idle_usec) == ("a", HOUR)
    assert verdict.passed_over == (("b", "user alice is not bob"),)


def test_ceiling_lowers_limits_and_says_so():
    verdict = judge(policy(rule("long", "*", idle_usec=HOUR), ceiling=Ceiling(10 * MINUTE, 8 * HOUR)), ALICE)
    assert (verdict.limits.idle_usec, verdict.limits.max_usec) == (10 * MINUTE, 8 * HOUR)
    assert verdict.capped == ("idle", "max")
    assert verdict.limits.warn_usec == (5 * MINUTE, MINUTE)


def test_ceiling_covers_the_environment_too():
    verdict = judge(policy(ceiling=Ceiling(10 * MINUTE)), ALICE)
    assert (verdict.rule, verdict.limits.idle_usec, verdict.capped) == ("environment:standard", 10 * MINUTE, ("idle",))


def test_ceiling_never_lengthens_a_limit():
    assert cap(STANDARD, Ceiling(HOUR, None)) == (STANDARD, ())
    assert cap(STANDARD, Ceiling(15 * MINUTE, None)) == (STANDARD, ())


def test_never_is_longer_than_any_ceiling():
    limits, capped = cap(replace(STANDARD, idle_usec=None), Ceiling(30 * MINUTE))
    assert (limits.idle_usec, limits.max_usec, capped) == (30 * MINUTE, None, ("idle",))


def test_exempt_rule_is_not_lowered():
    verdict = judge(policy(rule("free", "*", idle_usec=None), ceiling=Ceiling(MINUTE, MINUTE, exempt=("free",))), ALICE)
    assert (verdict.limits.idle_usec, verdict.limits.max_usec, verdict.capped) == (None, None, ())


def test_ceiling_covers_deferrals():
    deferring = rule("backup", "*", busy=("rsync",))
    verdict = judge(policy(deferring, ceiling=Ceiling(busy_max_usec=HOUR)), ALICE)
    assert (verdict.limits.busy_max_usec, verdict.capped) == (HOUR, ("busy_max",))
    assert judge(policy(deferring, ceiling=Ceiling(busy_max_usec=0)), ALICE).limits.busy_max_usec == 0


def test_ceiling_covers_locks_that_are_requested_too():
    for action in Action:
        verdict = judge(policy(rule("any", "*", action=action), ceiling=Ceiling(lock_for_usec=MINUTE)), ALICE)
        assert (verdict.limits.lock_for_usec, verdict.capped) == (MINUTE, ("lock_for",))
    never = rule("never", "*", lock_for_usec=None)
    assert judge(policy(never, ceiling=Ceiling(lock_for_usec=HOUR)), ALICE).limits.lock_for_usec == HOUR
    assert judge(policy(never), ALICE).limits.lock_for_usec is None


def test_sessions_that_may_be_locked():
    lab = replace(STANDARD, action=Action.LOCK)
    locks, ends = rule("locks", "a*", action=Action.LOCK), rule("ends", "*")
    some = policy(locks, ends)
    assert some.locks
    assert [asks_to_lock(some, name) for name in ("locks", "ends", "environment:standard")] == [True, False, False]
    environment = policy(ends, environment="lab", environments={**BUILT_IN.environments, "lab": lab})
    assert environment.locks
    assert asks_to_lock(environment, "environment:lab")
    assert not asks_to_lock(environment, "environment:standard")
    assert not BUILT_IN.locks


def test_ceiling_leaves_busy_max_alone_without_programs():
    assert cap(STANDARD, Ceiling(busy_max_usec=HOUR)) == (STANDARD, ())


def test_observe_stays_observe_under_a_ceiling():
    verdict = judge(policy(rule("try", "*", action=Action.OBSERVE), ceiling=Ceiling(10 * MINUTE)), ALICE)
    assert (verdict.limits.action, verdict.limits.idle_usec) == (Action.OBSERVE, 10 * MINUTE)


@pytest.mark.parametrize(
    ("idle", "longest", "leads", "fitting"),
    [
        (4 * MINUTE, None, (5 * MINUTE, MINUTE), (MINUTE,)),
        (15 * MINUTE, 4 * MINUTE, (5 * MINUTE, MINUTE), (MINUTE,)),
        (MINUTE + 8 * SECOND, None, (5 * MINUTE, MINUTE), (MINUTE,)),
        (MINUTE + 7 * SECOND, None, (5 * MINUTE, MINUTE), (33 * SECOND,)),
        (30 * SECOND, None, (5 * MINUTE, MINUTE), (15 * SECOND,)),
        (16 * SECOND, None, (MINUTE,), (8 * SECOND,)),
        (16 * SECOND, None, (8 * SECOND,), (8 * SECOND,)),
        (17 * SECOND, None, (MINUTE,), (8 * SECOND,)),
        (16 * SECOND, None, (), ()),
        (None, None, (5 * MINUTE,), (5 * MINUTE,)),
    ],
)
def test_warnings_that_do_not_fit_are_dropped_and_one_stays(idle, longest, leads, fitting):
    limits = replace(STANDARD, idle_usec=idle, max_usec=longest, warn_usec=leads)
    assert fit_leads(limits).warn_usec == fitting


def test_inherited_warnings_give_way_to_a_shorter_limit_and_given_ones_do_not():
    assert inherit(STANDARD, {"idle_usec": 2 * MINUTE}).warn_usec == (MINUTE,)
    assert inherit(STANDARD, {"idle_usec": 2 * MINUTE, "warn_usec": (HOUR,)}).warn_usec == (HOUR,)
    assert inherit(STANDARD, {"kill": Kill.SESSION}) == replace(STANDARD, kill=Kill.SESSION)


def test_id_depends_on_what_is_enforced_alone():
    assert BUILT_IN.id == replace(BUILT_IN, sources=("/etc/reaper/reaper.yaml",)).id
    assert BUILT_IN.id == replace(BUILT_IN, environments=dict(reversed(list(BUILT_IN.environments.items())))).id
    assert BUILT_IN.id != replace(BUILT_IN, poll_usec=SECOND).id
    assert policy(rule("a", "*"), rule("b", "*")).id != policy(rule("b", "*"), rule("a", "*")).id
    assert len(BUILT_IN.id) == 12
    assert set(BUILT_IN.id) <= set("0123456789abcdef")


def test_id_of_the_built_in_policy_is_the_same_everywhere():
    assert BUILT_IN.id == "bfa96b5ed480"


@pytest.mark.parametrize("elevated", [True, False])
def test_condition_that_must_be_false_is_in_the_document(elevated):
    given = Rule("x", Match(elevated=elevated, hours=(parse_hours("mon 8:00 - 9:00"),)), STANDARD)
    assert document(policy(given))["rules"] == [
        {"name": "x", "match": {"elevated": elevated, "hours": ["Mon 08:00-09:00"]}}
    ]
    assert policy(given).id != policy(replace(given, match=replace(given.match, elevated=not elevated))).id


def test_document_is_complete():
    assert list(document(BUILT_IN)) == [
        "environment",
        "poll",
        "terminal_servers",
        "environments",
        "ceiling",
        "brake",
        "rules",
    ]
    given = Rule("x", Match(), replace(STANDARD, idle_usec=None), ("idle",))
    assert document(policy(given))["rules"] == [{"name": "x", "idle": "never"}]
    assert document(policy(brake=replace(BUILT_IN.brake, sessions=None)))["brake"]["sessions"] == "unlimited"
