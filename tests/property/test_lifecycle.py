"""The laws of a session's life (reaper/decide/session/lifecycle.py), over any life that lives.py can make."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reaper.daemon.intervals import LAPSE_USEC
from reaper.decide.policy.limits import Action, Notify
from reaper.decide.session import observation, operations, snapshot, state
from reaper.decide.session.brake import Ledger
from reaper.decide.session.model import Instant
from reaper.decide.session.snapshot import Snapshot
from reaper.decide.session.state import (
    LifecycleEvent,
    LogEvent,
    Phase,
    Reason,
    Signal,
    TerminationStep,
    Warn,
    WithdrawWarning,
)
from reaper.decide.session.tracked_session import TrackedSession
from tests.property.lives import ANY, LIMITS, LIVES, POLL_USEC, Watcher, limits_of
from tests.unit.simulated import SECOND


@given(ANY)
@example((limits_of(16, 16, [1, 4], Action.TERMINATE), [("wait", 12_001), ("stop", 3_999), ("wait", 1)]))
@example((limits_of(16, None, [], Action.TERMINATE), [("wait", 33_520), ("type", 0), ("stop", 7_386), ("wait", 1)]))
def test_no_life_breaks_a_law(case):
    limits, steps = case
    Watcher(limits).live(steps)


CUT_SHORT = limits_of(16, None, [], Action.TERMINATE)
OLD_AGE = limits_of(None, 16, [], Action.TERMINATE)


@given(ANY, st.integers(1, 5))
@example((CUT_SHORT, [("wait", 23_941), ("policy", OLD_AGE), ("wait", 1)]), 1)
@example((CUT_SHORT, [("wait", 23_941), ("policy", replace(OLD_AGE, grace_usec=9 * SECOND)), ("wait", 9_000)]), 1)
def test_restarts_change_no_outcome(case, every):
    """Law 4: the same life with and without restarts has the same acts at the same moments."""
    limits, steps = case
    assert Watcher(limits, restarts_every=every).live(steps) == Watcher(limits).live(steps)


@given(st.integers(16, 300), st.lists(st.integers(1, 40), max_size=3), st.integers(1, 60_000))
@example(16, [8], 7_999)
def test_session_ends_at_the_limit_after_the_last_input(idle, leads, after):
    """No sooner, and at most 8 s later."""
    limits = limits_of(idle, None, leads, Action.TERMINATE)
    watcher = Watcher(limits)
    watcher.do_wait(after)
    if watcher.observer.is_ending:
        return
    typed = watcher.clock.boot_usec
    watcher.do_type(0)
    watcher.do_wait((idle + 9) * 1000)
    ((ended, _),) = [
        each for each in watcher.acts if isinstance(each[1], Signal) and each[1].rung is TerminationStep.HANGUP
    ]
    assert idle * SECOND <= ended - typed <= (idle + 8) * SECOND


@given(LIMITS, st.integers(0, 300))
def test_warning_is_withdrawn_once(limits, seconds):
    """Law 2: input after a warning that the limit moves by is answered by one Spare, and the session stays.

    Who has read no warning reads nothing of its withdrawal.
    """
    limits = replace(limits, action=Action.TERMINATE, max_usec=None)
    watcher = Watcher(limits)
    watcher.do_wait(seconds * 1000 + 1)
    was_warned = watcher.tracked.life.phase is Phase.WARNED
    if watcher.observer.is_ending:
        return
    before = len(watcher.acts)
    watcher.clock.boot_usec += 8 * SECOND
    watcher.do_type(0)
    now = watcher.clock.now()
    watcher.take(observation.look(watcher.tracked, watcher.read(), watcher.polled, now))
    watcher.take(observation.look(watcher.tracked, watcher.read(), now, now))
    fresh = [act for _, act in watcher.acts[before:]]
    assert sum(isinstance(act, WithdrawWarning) for act in fresh) == (was_warned and limits.notify is Notify.TERMINAL)
    assert sum(isinstance(act, LogEvent) and act.event is LifecycleEvent.CANCELLED for act in fresh) == was_warned
    assert watcher.tracked.life.phase is Phase.ACTIVE


@given(LIMITS, LIVES, st.integers((POLL_USEC + LAPSE_USEC) // 1000 + 1, 300_000))
def test_warnings_and_ends_from_before_a_lapse_do_not_count(limits, steps, milliseconds):
    """Nothing is shown of that."""
    watcher = Watcher(limits)
    for what, argument in steps:
        getattr(watcher, f"do_{what}")(argument)
    before = watcher.tracked.life
    after = operations.lapse(watcher.tracked, watcher.clock.boot_usec).life
    if before.phase in (Phase.WARNED, Phase.ENDING):
        assert (after.phase, after.first_warned_usec, after.stages) == (Phase.ACTIVE, 0, 0)
        assert (after.evidence, after.evidence_usec) == (before.evidence, before.evidence_usec)
    else:
        assert after == before
    told = len(watcher.acts)
    watcher.do_stop(milliseconds)
    watcher.moment()
    assert not any(isinstance(act, Signal) for _, act in watcher.acts[told:]) or not watcher.limits.warn_usec


def test_equal_limits_end_a_session_once():
    """idle and max are over in the same moment; either is a correct reason."""
    limits = limits_of(20, 20, [], Action.TERMINATE)
    for begun in (0, 1):
        end = state.deadline(state.begin("login", begun), limits, 0)
        assert end is not None
        assert end.usec == 20 * SECOND + begun * (end.reason is Reason.IDLE)


@pytest.mark.parametrize("action", [Action.TERMINATE, Action.OBSERVE])
def test_session_without_a_terminal_is_never_due(action):
    watcher = Watcher(limits_of(16, 20, [5], action))
    watcher.ttys.clear()
    watcher.do_wait(10_000_000)
    assert not any(isinstance(act, (Warn, Signal)) for _, act in watcher.acts)
    assert watcher.tracked.due_usec is None


def test_simulated_life_is_not_trivial():
    """The laws are not kept by nothing happening."""
    acts = Watcher(limits_of(30, None, [10, 5], Action.TERMINATE)).live(
        [("wait", 30_000), ("type", 0), ("wait", 60_000)]
    )
    kinds = [type(act).__name__ if not isinstance(act, LogEvent) else act.event.value for _, act in acts]
    assert kinds[:4] == ["Warn", "warned", "WithdrawWarning", "cancelled"]
    assert [each for each in kinds if each in ("Signal", "ending", "terminated")][-1] == "terminated"


def tracked_states() -> list[TrackedSession]:
    """Returns one session in each phase."""
    found = []
    for milliseconds in (1, 20_000, 25_000, 39_000, 42_000):
        watcher = Watcher(limits_of(30, None, [10, 5], Action.TERMINATE))
        watcher.do_wait(milliseconds)
        found.append(watcher.tracked)
    return found


@pytest.mark.parametrize("tracked", tracked_states(), ids=lambda tracked: tracked.life.phase.value)
def test_session_in_each_phase_is_read_back_from_a_snapshot(tracked):
    state = Snapshot("b00t", Instant(5, 6), "poll: 5s\n", Ledger((1, 2)), (tracked,))
    (back,) = snapshot.decode(snapshot.encode(state), "b00t").sessions
    assert (back.session, back.life) == (tracked.session, tracked.life)
    readings = tuple(reading._replace(line=0) for reading in tracked.readings)
    assert back.readings == readings, "the next daemon counts its lines by itself"
    assert (back.rule, back.tampered) == (tracked.rule, tracked.tampered)
