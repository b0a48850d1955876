"""The end of a session deferred for a program."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.session import operations
from reaper.decide.session.state import Defer, Phase
from tests.unit.decide.session.lives import DUE, make_tracked
from tests.unit.fakes import make_limits
from tests.unit.simulated import SECOND

LIMITS = make_limits(busy=("rsync",), busy_max_usec=30 * SECOND)


def test_a_session_that_is_due_is_deferred_and_is_due_again_when_the_time_is_over():
    change = operations.defer(make_tracked(Phase.WARNED, LIMITS), DUE)
    assert change.tracked.life.phase is Phase.DEFERRED
    assert change.tracked.due_usec == DUE + 30 * SECOND
    assert any(isinstance(act, Defer) for act in change.acts)
    assert operations.busy_left_usec(change.tracked, DUE + 10 * SECOND) == 20 * SECOND


def test_without_the_program_the_user_is_warned_next():
    change = operations.end_deferral(make_tracked(Phase.DEFERRED, LIMITS), DUE + 5 * SECOND)
    assert change.tracked.life.phase is Phase.ACTIVE
    assert change.acts == ()
    assert change.tracked.due_usec is not None
    assert change.tracked.due_usec <= DUE + 5 * SECOND


def test_a_session_without_limits_is_not_deferred():
    tracked = make_tracked()
    without = replace(tracked, limits=None)
    assert operations.busy_left_usec(without, DUE) == 0
    with pytest.raises(AssertionError):
        operations.defer(without, DUE)
