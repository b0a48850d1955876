"""How long programs defer the end of a session, to the second."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from reaper.decide.policy.limits import Action
from reaper.decide.session.state import Signal, TerminationStep
from tests.property.lives import POLL_USEC, Watcher, limits_of
from tests.unit.simulated import SECOND


def ended_usec(watcher: Watcher) -> int:
    """Returns when the end of a session began."""
    ((ended, _),) = [
        each for each in watcher.acts if isinstance(each[1], Signal) and each[1].rung is TerminationStep.HANGUP
    ]
    return ended


@given(st.integers(16, 100), st.lists(st.integers(1, 40), max_size=3), st.integers(0, 200), st.integers(0, 300))
def test_program_defers_the_end_and_no_longer_than_busy_max(idle, leads, busy_max, runs):
    """The end neither comes while it runs and has time left, nor later than the time, a poll and a warning."""
    limits = limits_of(idle, None, leads, Action.TERMINATE, busy_max)
    watcher = Watcher(limits)
    watcher.do_busy(True)
    due = watcher.tracked.life.evidence_usec + idle * SECOND
    first_free = min(due + busy_max * SECOND, due + runs * SECOND)
    watcher.do_wait((due - watcher.clock.boot_usec) // 1000 + runs * 1000)
    watcher.do_busy(False)
    watcher.do_wait(60_000)
    ended = ended_usec(watcher)
    shortest = limits.warn_usec[-1] if limits.warn_usec and busy_max else 0
    assert ended - first_free >= (shortest if runs else 0)
    assert ended - first_free <= shortest + POLL_USEC


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=2),
    st.integers(0, 60),
    st.lists(st.integers(1, 20_000), max_size=30),
)
@example([2], 60, [30_000, 1_000, 1_500, 1_000] + [6_000, 1_000] * 6)
def test_programs_that_take_turns_share_busy_max(leads, busy_max, turns):
    limits = limits_of(20, None, leads, Action.TERMINATE, busy_max)
    watcher = Watcher(limits)
    due = watcher.tracked.life.evidence_usec + 20 * SECOND
    for number, milliseconds in enumerate(turns):
        watcher.do_busy(number % 2 == 0)
        watcher.do_wait(milliseconds)
    watcher.do_wait(150_000)
    ended = ended_usec(watcher)
    assert due <= ended <= due + (busy_max * SECOND + limits.warn_usec[-1] if busy_max else 0)
