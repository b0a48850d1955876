"""How a session comes under a policy, another policy, or none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.limits import Action
from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from reaper.decide.session import policy_change, tracked_session
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Order
from reaper.decide.session.state import Phase, WithdrawWarning
from tests.unit.decide.session.lives import DUE, USED, judged, make_tracked
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import SECOND


def test_without_a_policy_nothing_is_due():
    tracked = policy_change.apply_policy(make_tracked(), None, frozenset(), DUE).tracked
    assert (tracked.limits, tracked.rule, tracked.due_usec) == (None, "", None)
    assert not tracked_session.is_limited(tracked)


@pytest.mark.parametrize("action", list(Action))
def test_an_end_goes_on_under_the_limits_that_it_began_with_unless_the_policy_only_observes(action):
    ending = make_tracked(Phase.ENDING)
    after = judged(ending, make_limits(action=action, idle_usec=600 * SECOND), DUE).tracked
    assert (after.limits == ending.limits) is (action is not Action.OBSERVE)


@pytest.mark.parametrize("action", list(Action))
def test_a_locked_session_keeps_its_limits_under_any_policy(action):
    locked = make_tracked(Phase.LOCKED, make_limits(action=Action.LOCK))
    assert judged(locked, make_limits(action=action), DUE).tracked == tracked_session.scheduled(locked)
    assert policy_change.apply_policy(locked, None, frozenset(), DUE).tracked.limits == locked.limits


def test_what_cannot_be_locked_is_terminated():
    policy = make_policy(make_limits(action=Action.LOCK))
    change = policy_change.apply_policy(make_tracked(), policy, frozenset(), USED, unlockable="no password")
    assert change.tracked.limits is not None
    assert change.tracked.limits.action is Action.TERMINATE


def test_a_held_session_is_only_observed_under_another_policy_too():
    held = replace(make_tracked(), hold=Hold(0, USED + 10 * SECOND, 0, "root", ""))
    after = judged(held, make_limits(idle_usec=30 * SECOND), USED).tracked
    assert after.limits is not None
    assert after.hold is not None
    assert (after.limits.action, after.hold.action) == (Action.OBSERVE, Action.TERMINATE)


def test_an_order_stands_under_any_policy():
    ordered = replace(make_tracked(Phase.ENDING), order=Order("root", ""))
    for policy in (None, make_policy(make_limits(action=Action.OBSERVE))):
        assert policy_change.apply_policy(ordered, policy, frozenset(), DUE).tracked.limits == ordered.limits


def test_a_milder_policy_takes_a_warning_back():
    change = judged(make_tracked(Phase.WARNED), make_limits(idle_usec=600 * SECOND), DUE)
    assert change.tracked.life.phase is Phase.ACTIVE
    assert WithdrawWarning() in change.acts


def test_a_restored_warning_counts_only_under_the_rule_that_gave_it():
    restored = replace(make_tracked(Phase.WARNED), limits=None)
    assert judged(restored, make_limits(), DUE).tracked.life == restored.life
    rule = Rule("alice", Match(user=("alice",)), make_limits())
    other = policy_change.apply_policy(restored, make_policy(rules=(rule,)), frozenset(), DUE)
    assert (other.tracked.life.phase, other.tracked.rule, other.acts) == (Phase.ACTIVE, "alice", ())
