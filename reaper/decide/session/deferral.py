"""The end of a session put off for a program that runs in it.  Pure."""

from __future__ import annotations

from reaper.decide.session import lifecycle, state
from reaper.decide.session.tracking import Change, TrackedSession, go_on


def busy_left_usec(tracked: TrackedSession, now_usec: int) -> int:
    """For how much longer a program may put the end of the session off."""
    return 0 if tracked.limits is None else state.busy_left_usec(tracked.life, tracked.limits, now_usec)


def defer(tracked: TrackedSession, now_usec: int) -> Change:
    """Puts off the end of a session that is due, for a program that runs in it."""
    assert tracked.limits is not None
    return go_on(tracked, *lifecycle.defer(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec))


def free(tracked: TrackedSession, now_usec: int) -> Change:
    """No program that its rule names runs in the session any more."""
    assert tracked.limits is not None
    return go_on(tracked, *lifecycle.free(tracked.life, tracked.limits, tracked.session.opened_usec, now_usec))
