"""What follows at one moment from what is remembered of a session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.limits import Action, Notify
from reaper.decide.session import state
from reaper.decide.session.state import Deadline, Phase, Reason
from tests.unit.decide.session.lives import DUE, USED, make_state
from tests.unit.fakes import make_limits
from tests.unit.simulated import SECOND

LIMITS = make_limits(lock_for_usec=100 * SECOND, busy=("rsync",), busy_max_usec=30 * SECOND)
UNLIMITED = make_limits(idle_usec=None)


def test_the_nearer_limit_is_the_one():
    both = replace(LIMITS, max_usec=USED + 10 * SECOND)
    assert state.nearest_limit(USED, LIMITS, 0) == Deadline(DUE, Reason.IDLE, 60 * SECOND)
    assert state.nearest_limit(USED, both, 0) == Deadline(USED + 10 * SECOND, Reason.MAX, USED + 10 * SECOND)
    assert state.nearest_limit(USED, UNLIMITED, 0) is None


@pytest.mark.parametrize(
    ("phase", "usec", "reason"),
    [
        (Phase.ACTIVE, DUE, Reason.IDLE),
        (Phase.WARNED, DUE, Reason.IDLE),
        (Phase.DEFERRED, DUE + (30 + 10) * SECOND, Reason.IDLE),
        (Phase.LOCKED, DUE + 100 * SECOND, Reason.LOCK),
    ],
)
def test_deadlines(phase, usec, reason):
    found = state.deadline(make_state(phase), LIMITS, 0)
    assert found is not None
    assert (found.usec, found.reason) == (usec, reason)


def test_a_late_warning_moves_the_end_by_the_shortest_lead():
    late = replace(make_state(Phase.WARNED), first_warned_usec=DUE + 100 * SECOND)
    found = state.deadline(late, LIMITS, 0)
    assert found is not None
    assert found.usec == DUE + 110 * SECOND


def test_a_locked_session_has_the_nearer_of_its_two_limits():
    limits = replace(LIMITS, max_usec=DUE + 50 * SECOND)
    assert state.deadline(make_state(Phase.LOCKED), limits, 0) == Deadline(
        DUE + 50 * SECOND, Reason.MAX, DUE + 50 * SECOND
    )
    assert state.deadline(make_state(Phase.LOCKED), replace(LIMITS, lock_for_usec=None), 0) is None


@pytest.mark.parametrize(
    ("phase", "due"),
    [
        (Phase.ACTIVE, DUE - 20 * SECOND),
        (Phase.WARNED, DUE),
        (Phase.DEFERRED, DUE + 30 * SECOND),
        (Phase.LOCKED, DUE + 100 * SECOND),
        (Phase.OBSERVED, None),
        (Phase.ENDING, DUE + 5 * SECOND),
        (Phase.GONE, None),
    ],
)
def test_when_time_alone_changes_something(phase, due):
    assert state.next_due(make_state(phase), LIMITS, 0) == due


def test_without_a_limit_time_changes_nothing():
    assert state.next_due(make_state(), UNLIMITED, 0) is None
    assert not state.is_due(make_state(), UNLIMITED, 0, 10**15)


@pytest.mark.parametrize("phase", list(Phase))
def test_only_what_is_used_warned_or_locked_comes_to_be_due(phase):
    limits = replace(LIMITS, warn_usec=())
    assert state.is_due(make_state(phase), limits, 0, DUE + 200 * SECOND) is (
        phase in (Phase.ACTIVE, Phase.WARNED, Phase.LOCKED)
    )


def test_a_session_is_due_only_after_a_warning_where_its_rule_warns():
    assert not state.is_due(make_state(), LIMITS, 0, DUE)
    assert state.is_due(make_state(Phase.WARNED), LIMITS, 0, DUE)
    assert not state.is_due(make_state(Phase.WARNED), LIMITS, 0, DUE - 1)


def test_who_only_observes_ends_nothing():
    assert not state.is_due(make_state(Phase.WARNED), replace(LIMITS, action=Action.OBSERVE), 0, DUE)


@pytest.mark.parametrize(
    ("action", "reason", "is_end"),
    [
        (Action.TERMINATE, Reason.IDLE, True),
        (Action.LOCK, Reason.IDLE, False),
        (Action.LOCK, Reason.MAX, True),
        (Action.LOCK, Reason.LOCK, True),
        (Action.OBSERVE, Reason.IDLE, False),
    ],
)
def test_what_ends_at_a_limit(action, reason, is_end):
    assert state.ends(Deadline(DUE, reason, 0), make_limits(action=action)) is is_end


@pytest.mark.parametrize(
    ("phase", "used", "left"), [(Phase.ACTIVE, 0, 30), (Phase.DEFERRED, 0, 30), (Phase.DEFERRED, 12, 18),
                                (Phase.DEFERRED, 31, 0), (Phase.LOCKED, 0, 0)]
)  # fmt: skip
def test_how_long_programs_may_still_defer_the_end(phase, used, left):
    assert state.busy_left_usec(make_state(phase), LIMITS, DUE + used * SECOND) == left * SECOND


def test_a_rule_that_names_no_program_defers_nothing():
    assert state.busy_left_usec(make_state(), replace(LIMITS, busy=()), DUE) == 0


def test_warnings_within_a_second_are_given_as_one():
    warned = replace(make_state(Phase.WARNED), stages=1)
    assert not state.is_about_to_warn(warned, LIMITS, 0, DUE - 11 * SECOND)
    assert state.is_about_to_warn(warned, LIMITS, 0, DUE - 11 * SECOND + 1)
    assert not state.is_about_to_warn(make_state(), LIMITS, 0, DUE - 20 * SECOND)


def test_a_warning_that_was_only_logged_leaves_the_user_untold():
    logged = replace(make_state(Phase.WARNED), was_shown=False)
    assert state.is_warning_unshown(logged, LIMITS)
    assert not state.is_warning_unshown(logged, make_limits(notify=Notify.NONE))
    assert not state.is_warning_unshown(make_state(Phase.WARNED), LIMITS)
    assert not state.is_warning_unshown(make_state(), LIMITS)


def test_lengths_of_limits():
    assert [state.limit_of(LIMITS, reason) for reason in (Reason.IDLE, Reason.MAX, Reason.LOCK)] == [
        60 * SECOND, 0, 100 * SECOND,
    ]  # fmt: skip
