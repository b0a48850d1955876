"""What somebody's word changes about a session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.limits import Action
from reaper.decide.session import operations
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Order
from reaper.decide.session.state import LifecycleEvent, LogEvent, Phase, Signal, TerminationStep, WithdrawWarning
from tests.unit.decide.session.lives import DUE, make_tracked
from tests.unit.fakes import make_limits
from tests.unit.simulated import SECOND

NOW = DUE - 5 * SECOND
WANTED = Hold(NOW, NOW + 3600 * SECOND, 0, "root", "a build")


def test_a_hold_withdraws_a_warning_and_has_the_session_only_observed():
    change = operations.hold(make_tracked(Phase.WARNED), WANTED, NOW)
    held = change.tracked
    assert held.life.phase is Phase.ACTIVE
    assert held.limits is not None
    assert held.limits.action is Action.OBSERVE
    assert held.hold == WANTED._replace(action=Action.TERMINATE)
    assert WithdrawWarning() in change.acts
    assert held.due_usec is not None
    assert held.due_usec <= WANTED.until_usec


def test_a_hold_that_follows_another_keeps_the_action_of_the_rule():
    held = operations.hold(make_tracked(), WANTED, NOW).tracked
    again = operations.hold(held, WANTED._replace(until_usec=NOW + SECOND), NOW).tracked
    assert again.hold is not None
    assert (again.hold.action, again.hold.until_usec) == (Action.TERMINATE, NOW + SECOND)


def test_a_session_without_limits_is_held_too():
    held = operations.hold(replace(make_tracked(), limits=None), WANTED, NOW).tracked
    assert (held.hold, held.due_usec) == (WANTED, WANTED.until_usec)


def test_a_release_puts_the_session_under_its_rule_as_it_was():
    tracked = make_tracked()
    released = operations.release(operations.hold(tracked, WANTED, NOW).tracked, NOW)
    assert released == tracked


def test_what_was_counted_while_the_session_was_held_counts_no_more():
    held = operations.hold(make_tracked(), WANTED, NOW).tracked
    observed = replace(held, life=replace(held.life, phase=Phase.OBSERVED, stages=2, first_warned_usec=NOW))
    life = operations.release(observed, NOW).life
    assert (life.phase, life.stages, life.first_warned_usec) == (Phase.ACTIVE, 0, 0)


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("phase", [Phase.ACTIVE, Phase.WARNED, Phase.DEFERRED, Phase.LOCKED, Phase.OBSERVED])
def test_an_order_ends_a_session_whatever_its_limits_say(action, phase):
    order = Order("root", "maintenance")
    tracked = replace(make_tracked(phase, make_limits(action=action)), hold=WANTED)
    change = operations.terminate(tracked, order, NOW)
    assert (change.tracked.life.phase, change.tracked.order, change.tracked.hold) == (Phase.ENDING, order, None)
    assert [act.event for act in change.acts if isinstance(act, LogEvent)] == [LifecycleEvent.ENDING]
    assert [act.rung for act in change.acts if isinstance(act, Signal)] == [TerminationStep.HANGUP]


def test_an_order_ends_a_session_without_limits_too():
    change = operations.terminate(replace(make_tracked(), limits=None), Order("root", ""), NOW)
    assert change.tracked.life.phase is Phase.ENDING
    assert change.tracked.limits is not None
