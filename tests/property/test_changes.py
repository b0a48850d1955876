"""Limits that change again and again (rule 9 of the lifecycle): a loop of sudo under a rule for `elevated`."""

from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from reaper.decide.policy.limits import Action
from reaper.decide.session.state import Phase
from tests.property.lives import POLL_USEC, Watcher, limits_of
from tests.property.observer import quiet
from tests.unit.simulated import SECOND

IDLE = st.integers(16, 100)
LEADS = st.lists(st.integers(1, 60), max_size=2).map(lambda leads: [1, *leads])
# What is locked ends by `max` without a warning, for which test_locks.py has its own observer.
BOUNDED = st.one_of(
    st.builds(limits_of, IDLE, st.none() | st.integers(16, 200), LEADS, st.just(Action.TERMINATE)),
    st.builds(limits_of, IDLE, st.none(), LEADS, st.just(Action.LOCK)),
    st.builds(limits_of, IDLE, st.none(), LEADS, st.just(Action.TERMINATE)).map(quiet),
)
SILENT = quiet(limits_of(60, None, [30], Action.TERMINATE))
PAUSES = st.lists(st.integers(500, 30_000), min_size=1, max_size=12)  # milliseconds


@given(st.lists(BOUNDED, min_size=2, max_size=3), PAUSES)
@example([limits_of(60, None, [30], Action.TERMINATE), limits_of(16, None, [8], Action.TERMINATE)], [5_001])
@example([limits_of(60, None, [30], Action.TERMINATE), limits_of(60, None, [9], Action.TERMINATE)], [6_000, 6_001])
@example([limits_of(60, None, [30], Action.LOCK), limits_of(60, None, [30], Action.TERMINATE)], [6_000])
@example([SILENT, limits_of(60, None, [30], Action.TERMINATE)], [6_000])
@example([SILENT, limits_of(60, None, [30], Action.LOCK)], [6_000])
@example([SILENT, quiet(limits_of(60, None, [29], Action.TERMINATE))], [6_000])
def test_limits_that_change_forever_keep_no_session(rules, pauses):
    """Nobody types, and soon after the laxest of the limits the session is over, in whatever order they come.

    And it was warned as the limits say that it ends under: the observer sees to it.
    """
    watcher = Watcher(rules[0])
    begun, lead = watcher.clock.boot_usec, max(each.warn_usec[0] for each in rules)
    laxest = max(min(each.idle_usec or 0, each.max_usec or each.idle_usec or 0) for each in rules)
    # The 8 seconds of the terminal's clock; a lead for a lock, one for an end after it, one that is longer, and one for
    # who was told of neither.
    bound = begun + laxest + 8 * SECOND + 4 * lead + POLL_USEC
    changes = zip(itertools.cycle(rules), itertools.cycle(pauses))
    while watcher.tracked.life.phase not in (Phase.LOCKED, Phase.ENDING):
        assert watcher.clock.boot_usec <= bound
        limits, pause = next(changes)
        watcher.do_policy(limits)
        watcher.do_wait(pause)
