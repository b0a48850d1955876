"""The ceiling over all limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.ceiling import Ceiling, cap
from tests.unit.fakes import make_limits
from tests.unit.simulated import SECOND

LIMITS = make_limits(max_usec=None, lock_for_usec=None, hold_max_usec=50 * SECOND)


def test_an_empty_ceiling_changes_nothing():
    assert cap(LIMITS, Ceiling()) == (LIMITS, ())


@pytest.mark.parametrize(
    ("name", "field"), [("idle", "idle_usec"), ("lock_for", "lock_for_usec"), ("hold_max", "hold_max_usec")]
)
def test_each_limit_is_lowered_alone(name, field):
    after, capped = cap(LIMITS, Ceiling(**{field: 40 * SECOND}))
    assert capped == (name,)
    assert after == replace(LIMITS, **{field: 40 * SECOND})


def test_never_is_lowered_to_the_ceiling():
    after, capped = cap(make_limits(idle_usec=None, max_usec=None, warn_usec=()), Ceiling(30 * SECOND, 90 * SECOND))
    assert (after.idle_usec, after.max_usec, capped) == (30 * SECOND, 90 * SECOND, ("idle", "max"))


def test_what_is_stricter_stays():
    assert cap(LIMITS, Ceiling(idle_usec=60 * SECOND, hold_max_usec=51 * SECOND)) == (LIMITS, ())


def test_busy_max_is_lowered_only_where_programs_may_defer():
    ceiling = Ceiling(busy_max_usec=SECOND)
    assert cap(replace(LIMITS, busy=()), ceiling)[1] == ()
    after, capped = cap(replace(LIMITS, busy=("rsync",)), ceiling)
    assert (after.busy_max_usec, capped) == (SECOND, ("busy_max",))


def test_warnings_that_no_longer_fit_are_dropped():
    """20 s before a limit of 24 s would be less than 8 s after the last input."""
    assert cap(LIMITS, Ceiling(idle_usec=24 * SECOND))[0].warn_usec == (10 * SECOND,)


def test_somebody_who_was_warned_still_is():
    assert cap(LIMITS, Ceiling(idle_usec=16 * SECOND))[0].warn_usec == (8 * SECOND,)
