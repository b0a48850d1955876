"""Laws of the policy: what files can contain, that they can be read back, and that the strictest limit wins."""

from dataclasses import fields, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reaper.decide.policy.ceiling import cap
from reaper.decide.policy.files.parse import parse
from reaper.decide.policy.files.problems import PolicyError, Source
from reaper.decide.policy.files.render import describe
from reaper.decide.policy.limits import (
    TTY_STEP_USEC,
    Limits,
    longest_lead,
)
from reaper.decide.policy.rules import judge
from reaper.decide.text.duration import LONGEST_USEC, DurationError, format_duration, parse_duration

from .policies import FEWER, SECOND, ceilings, documents, limits, policies, subjects


@FEWER
@given(policies())
def test_policy_can_be_written_and_read_back(policy):
    again = parse([Source("x", describe(policy))])
    assert again == policy
    assert again.id == policy.id


@given(st.text())
@example('"\\ud800": 1')
@example("? &a [*a]")
@example("%YAML 1.1\n%TAG ! !\n--- !<!> x")
@example("\u2028a: b\x85c")
def test_any_text_makes_a_policy_or_a_policy_error(text):
    try:
        policy = parse([Source("x", text)])
    except PolicyError as error:
        assert_tellable(error)
    else:
        assert parse([Source("x", describe(policy))]) == policy


@given(st.lists(documents, min_size=1, max_size=3))
def test_any_words_of_the_language_make_a_policy_or_a_policy_error(texts):
    try:
        policy = parse([Source(f"{rank}", text) for rank, text in enumerate(texts)])
    except PolicyError as error:
        assert_tellable(error)
    else:
        assert parse([Source("x", describe(policy))]) == replace(policy, sources=("x",))


def assert_tellable(error):
    assert error.problems
    for problem in error.problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.hint
        assert str(problem).isprintable(), repr(str(problem))


def no_longer(limit, than):
    return than is None or (limit is not None and limit <= than)


@given(limits, ceilings)
def test_under_a_ceiling_the_strictest_wins(before, ceiling):
    after, capped = cap(before, ceiling)
    for name in ("idle", "max", "lock_for", "hold_max", *(["busy_max"] if before.busy else [])):
        was, least, now = (getattr(it, f"{name}_usec") for it in (before, ceiling, after))
        assert no_longer(now, was)
        assert no_longer(now, least)
        assert now in (was, least)
        assert (name in capped) == (now != was)
    lowered = {"idle_usec", "max_usec", "warn_usec", "lock_for_usec", "hold_max_usec"}
    lowered |= {"busy_max_usec"} if before.busy else set()
    untouched = {field.name for field in fields(Limits)} - lowered
    assert all(getattr(before, name) == getattr(after, name) for name in untouched)
    assert cap(after, ceiling) == (after, ())


@given(limits, ceilings)
def test_ceiling_keeps_a_warning_and_none_comes_too_soon(before, ceiling):
    after, _ = cap(before, ceiling)
    assert bool(after.warn_usec) == bool(before.warn_usec)
    assert after.warn_usec == tuple(sorted(set(after.warn_usec), reverse=True))
    longest = longest_lead(after.idle_usec, after.max_usec)
    if longest is not None:
        assert longest >= TTY_STEP_USEC
        assert all(SECOND <= lead <= longest for lead in after.warn_usec)


@FEWER
@given(policies(), subjects)
def test_every_session_has_a_verdict(policy, subject):
    verdict = judge(policy, subject)
    order = [rule.name for rule in policy.rules]
    over = [name for name, why in verdict.passed_over if why]
    assert over == order[: len(verdict.passed_over)]
    if verdict.rule.startswith("environment:"):
        assert over == order
        assert verdict.rule == f"environment:{policy.environment}"
    else:
        assert verdict.rule == order[len(over)]
    if verdict.rule not in policy.ceiling.exempt:
        assert no_longer(verdict.limits.idle_usec, policy.ceiling.idle_usec)
        assert no_longer(verdict.limits.max_usec, policy.ceiling.max_usec)


@given(st.integers(0, LONGEST_USEC))
def test_durations_can_be_written_and_read_back(usec):
    assert parse_duration(format_duration(usec)) == usec


@given(st.text() | st.from_regex(r"[0-9. ]*(min|h|s|ms|y|M)?[0-9.]*(w|us|\u00b5s)?", fullmatch=True))
def test_any_text_is_a_duration_or_a_duration_error(text):
    try:
        assert 0 <= parse_duration(text) <= LONGEST_USEC
    except DurationError as error:
        assert_remedy(error)


def assert_remedy(error):
    assert error.hint


@pytest.mark.parametrize("text", ["{" * 65000, "- " * 30000, "[a, " * 15000, "? " * 30000, "[{a: " * 9000])
def test_no_nesting_exhausts_the_stack(text):
    with pytest.raises(PolicyError, match=r"nested too deeply|a key is|not YAML"):
        parse([Source("x", text)])
