"""The table of transitions: what each phase does at each event, and what comes back to be done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Action, Notify
from reaper.decide.session.state import (
    Defer,
    LifecycleEvent,
    Lock,
    LogEvent,
    Phase,
    Reason,
    Signal,
    Stimulus,
    TerminationStep,
    Warn,
    WithdrawWarning,
    deadline,
)
from reaper.decide.session.transitions import RETRY_USEC, TABLE, step
from tests.unit.decide.session.lives import DUE, USED, make_state
from tests.unit.fakes import make_limits
from tests.unit.simulated import SECOND

LIMITS = make_limits(busy=("rsync",), busy_max_usec=30 * SECOND)
OBSERVING = make_limits(action=Action.OBSERVE)
LOCKING = make_limits(action=Action.LOCK)
IDLE = Reason.IDLE


def test_every_phase_meets_every_event():
    assert TABLE.keys() == {(phase, stimulus) for phase in Phase for stimulus in Stimulus}


def test_nothing_comes_back_from_gone():
    assert {turn.to for (phase, _), turn in TABLE.items() if phase is Phase.GONE} == {(Phase.GONE,)}


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.GONE])
def test_gone_is_logged_once(phase):
    life, acts = step(make_state(phase), Stimulus.GONE, LIMITS, 0, DUE)
    fact = LifecycleEvent.TERMINATED if phase is Phase.ENDING else LifecycleEvent.CLOSED
    assert life.phase is Phase.GONE
    assert [act.event for act in acts if isinstance(act, LogEvent)] == [fact]
    assert step(life, Stimulus.GONE, LIMITS, 0, DUE) == (life, [])


def test_leads_that_were_missed_together_are_announced_as_one():
    life, acts = step(make_state(), Stimulus.LEAD, LIMITS, 0, DUE - 9 * SECOND)
    assert (life.phase, life.stages, life.first_warned_usec) == (Phase.WARNED, 2, DUE - 9 * SECOND)
    assert acts == [Warn(IDLE, 10 * SECOND), LogEvent(LifecycleEvent.WARNED, IDLE, 10 * SECOND)]


def test_a_warning_names_the_end_that_it_announces():
    life, acts = step(make_state(), Stimulus.LEAD, LIMITS, 0, DUE - 20 * SECOND)
    assert (life.stages, life.announced_usec, life.was_shown) == (1, DUE, True)
    assert acts[0] == Warn(IDLE, 20 * SECOND)
    assert step(make_state(), Stimulus.LEAD, LOCKING, 0, DUE - 20 * SECOND)[0].announced_usec == 0


def test_a_silent_warning_tells_nobody():
    life, _ = step(make_state(), Stimulus.LEAD, make_limits(notify=Notify.NONE), 0, DUE - 20 * SECOND)
    assert (life.was_shown, life.announced_usec) == (False, 0)


@pytest.mark.parametrize("stimulus", list(Stimulus))
@pytest.mark.parametrize("phase", list(Phase))
def test_who_only_observes_touches_nothing(phase, stimulus):
    _, acts = step(make_state(phase), stimulus, OBSERVING, 0, DUE)
    assert [act for act in acts if not isinstance(act, LogEvent)] == []


def test_evidence_takes_a_warning_back():
    life, acts = step(make_state(Phase.WARNED), Stimulus.EVIDENCE, LIMITS, 0, DUE, gap_usec=50 * SECOND)
    assert life == make_state()
    assert acts == [WithdrawWarning(), LogEvent(LifecycleEvent.CANCELLED, IDLE, 50 * SECOND)]


def test_a_warning_that_nobody_was_shown_is_taken_back_without_a_word():
    logged = replace(make_state(Phase.WARNED), was_shown=False)
    assert [type(act) for act in step(logged, Stimulus.EVIDENCE, LIMITS, 0, DUE)[1]] == [LogEvent]


def test_a_deferral_counts_from_the_first():
    life, acts = step(replace(make_state(), deferred_usec=DUE), Stimulus.BUSY, LIMITS, 0, DUE + 12 * SECOND)
    assert (life.phase, life.deferred_usec) == (Phase.DEFERRED, DUE)
    assert acts == [Defer(IDLE, 18 * SECOND), LogEvent(LifecycleEvent.DEFERRED, IDLE, 18 * SECOND)]


def test_the_limit_begins_the_end():
    life, acts = step(make_state(Phase.WARNED), Stimulus.LIMIT, LIMITS, 0, DUE)
    assert (life.phase, life.ending, life.rung) == (Phase.ENDING, IDLE, TerminationStep.HANGUP)
    assert life.rung_until_usec == DUE + 5 * SECOND
    ending = LogEvent(LifecycleEvent.ENDING, IDLE, 60 * SECOND)
    assert acts == [ending, Signal(TerminationStep.HANGUP, IDLE)]


def test_the_idle_limit_locks_and_max_ends_where_the_action_is_lock():
    assert step(make_state(Phase.WARNED), Stimulus.LIMIT, LOCKING, 0, DUE)[1] == [Lock()]
    old = replace(LOCKING, idle_usec=None, max_usec=DUE)
    assert step(make_state(Phase.WARNED), Stimulus.LIMIT, old, 0, DUE)[0].phase is Phase.ENDING


def test_each_step_of_a_termination_waits_for_its_grace():
    life = make_state(Phase.ENDING)
    for rung in (TerminationStep.TERM, TerminationStep.KILL):
        life, acts = step(life, Stimulus.RUNG, LIMITS, 0, DUE)
        assert (life.rung, life.rung_until_usec) == (rung, DUE + 5 * SECOND)
        assert acts == [Signal(rung, IDLE)]


def test_what_survives_the_last_step_is_logged_and_killed_again_once_a_minute():
    life = replace(make_state(Phase.ENDING), rung=TerminationStep.KILL)
    after, acts = step(life, Stimulus.RUNG, LIMITS, 0, DUE)
    assert after.rung_until_usec == DUE + RETRY_USEC == DUE + 60 * SECOND
    assert [type(act) for act in acts] == [LogEvent, Signal]
    assert acts[0].event is LifecycleEvent.TERMINATE_FAILED


def test_a_termination_stops_where_the_policy_only_observes():
    assert step(make_state(Phase.ENDING), Stimulus.RUNG, OBSERVING, 0, DUE)[0].phase is Phase.OBSERVED


def test_a_lapse_breaks_an_end_off_but_none_out_of_a_lock():
    assert step(make_state(Phase.ENDING), Stimulus.LAPSE, LIMITS, 0, DUE)[0].phase is Phase.ACTIVE
    locked = replace(make_state(Phase.ENDING), locked_usec=DUE)
    assert step(locked, Stimulus.LAPSE, LIMITS, 0, DUE) == (locked, [])


def test_nothing_but_its_user_opens_a_lock():
    locked = make_state(Phase.LOCKED)
    for stimulus in (Stimulus.EVIDENCE, Stimulus.POLICY, Stimulus.LAPSE, Stimulus.LEAD, Stimulus.FREE, Stimulus.LOCK):
        assert step(locked, stimulus, LOCKING, 0, DUE) == (locked, [])
    life, acts = step(locked, Stimulus.UNLOCK, LOCKING, 0, DUE + SECOND)
    assert (life.phase, life.evidence, life.evidence_usec, acts) == (
        Phase.ACTIVE,
        EvidenceKind.UNLOCKED,
        DUE + SECOND,
        [],
    )


def test_other_limits_leave_a_warning_that_they_would_have_given_too():
    warned = make_state(Phase.WARNED)
    longer = make_limits(idle_usec=62 * SECOND)
    life, acts = step(warned, Stimulus.POLICY, LIMITS, 0, DUE, after=longer)
    assert (life.phase, acts) == (Phase.WARNED, [])
    assert life.stages == 0, "it is announced again, as the end has moved"
    same = replace(LIMITS, grace_usec=SECOND)
    life, acts = step(warned, Stimulus.POLICY, LIMITS, 0, DUE, after=same)
    assert (life.phase, life.stages, acts) == (Phase.WARNED, 2, [])
    assert deadline(life, same, 0) == deadline(warned, LIMITS, 0)


def test_other_limits_take_a_warning_back_that_they_would_not_have_given():
    life, acts = step(make_state(Phase.WARNED), Stimulus.POLICY, LIMITS, 0, DUE, after=make_limits(idle_usec=10**12))
    assert life.phase is Phase.ACTIVE
    assert WithdrawWarning() in acts
    assert life.evidence_usec == USED
