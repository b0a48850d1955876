"""How one moment of a session's life leads to the next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Action
from reaper.decide.session import lifecycle
from reaper.decide.session.state import (
    LifecycleEvent,
    LogEvent,
    Phase,
    Reason,
    Signal,
    TerminationStep,
    Warn,
)
from tests.unit.decide.session.lives import DUE, USED, make_state
from tests.unit.fakes import make_limits
from tests.unit.simulated import SECOND

LIMITS = make_limits(busy=("rsync",), busy_max_usec=30 * SECOND)


def test_time_alone_ends_nothing():
    life = make_state()
    for usec in range(USED, USED + 200 * SECOND, SECOND):
        life, acts = lifecycle.advance(life, LIMITS, 0, usec)
        assert not any(isinstance(act, Signal) for act in acts)
    assert life.phase is Phase.WARNED


def test_nothing_happens_before_its_moment():
    assert lifecycle.advance(make_state(), LIMITS, 0, DUE - 20 * SECOND - 1) == (make_state(), [])
    assert lifecycle.advance(make_state(Phase.ENDING), LIMITS, 0, DUE + 5 * SECOND - 1)[1] == []


def test_each_lead_is_announced():
    life, acts = lifecycle.advance(make_state(), LIMITS, 0, DUE - 20 * SECOND)
    assert acts[0] == Warn(Reason.IDLE, 20 * SECOND)
    life, acts = lifecycle.advance(life, LIMITS, 0, DUE - 10 * SECOND)
    assert acts[0] == Warn(Reason.IDLE, 10 * SECOND)
    assert lifecycle.advance(life, LIMITS, 0, DUE) == (life, [])


def test_a_lead_that_was_missed_until_the_end_is_not_announced():
    warned = replace(make_state(Phase.WARNED), stages=1)
    life, acts = lifecycle.advance(warned, LIMITS, 0, DUE)
    assert (life.stages, acts) == (2, [])


def test_what_would_have_happened_is_logged_where_the_action_is_observe():
    limits = replace(LIMITS, action=Action.OBSERVE)
    life, acts = lifecycle.advance(replace(make_state(), stages=2, first_warned_usec=USED), limits, 0, DUE)
    assert life.phase is Phase.OBSERVED
    assert acts == [LogEvent(LifecycleEvent.OBSERVED, Reason.IDLE, 60 * SECOND)]


def test_a_deferral_that_has_had_its_time_warns_again():
    life, acts = lifecycle.advance(make_state(Phase.DEFERRED), LIMITS, 0, DUE + 30 * SECOND)
    assert life.phase is Phase.WARNED
    assert acts[0] == Warn(Reason.IDLE, 10 * SECOND)


def test_the_next_step_of_a_termination_comes_after_its_grace():
    life, acts = lifecycle.advance(make_state(Phase.ENDING), LIMITS, 0, DUE + 5 * SECOND)
    assert life.rung is TerminationStep.TERM
    assert acts == [Signal(TerminationStep.TERM, Reason.IDLE)]


def test_evidence_moves_the_limit():
    life, acts = lifecycle.add_evidence(
        make_state(), EvidenceKind.INPUT, DUE - 30 * SECOND, LIMITS, 0, DUE - 28 * SECOND
    )
    assert (life.evidence, life.evidence_usec, acts) == (EvidenceKind.INPUT, DUE - 30 * SECOND, [])


def test_a_gap_of_a_minute_is_logged_but_not_where_the_input_was_in_another_session():
    for kind, facts in ((EvidenceKind.INPUT, [LifecycleEvent.RESUMED]), (EvidenceKind.SHARED, [])):
        _, acts = lifecycle.add_evidence(make_state(), kind, USED + 60 * SECOND, LIMITS, 0, USED + 61 * SECOND)
        assert [act.event for act in acts] == facts


def test_older_evidence_changes_nothing():
    assert lifecycle.add_evidence(make_state(), EvidenceKind.INPUT, USED, LIMITS, 0, DUE) == (make_state(), [])


@pytest.mark.parametrize("phase", [Phase.LOCKED, Phase.GONE])
def test_what_is_typed_at_a_lock_is_no_evidence(phase):
    assert lifecycle.add_evidence(make_state(phase), EvidenceKind.INPUT, DUE, LIMITS, 0, DUE) == (make_state(phase), [])


def test_evidence_stops_no_end():
    life, acts = lifecycle.add_evidence(make_state(Phase.ENDING), EvidenceKind.INPUT, DUE, LIMITS, 0, DUE)
    assert (life.phase, life.evidence_usec, acts) == (Phase.ENDING, DUE, [])


def test_evidence_does_not_move_max_and_so_takes_no_warning_of_it_back():
    limits = replace(LIMITS, idle_usec=None, max_usec=DUE)
    life, acts = lifecycle.add_evidence(
        make_state(Phase.WARNED), EvidenceKind.INPUT, DUE - SECOND, limits, 0, DUE - SECOND
    )
    assert (life.phase, life.evidence_usec) == (Phase.WARNED, DUE - SECOND)
    assert acts == []


def test_evidence_gives_programs_their_time_back():
    life, _ = lifecycle.add_evidence(make_state(Phase.DEFERRED), EvidenceKind.INPUT, DUE, LIMITS, 0, DUE)
    assert (life.phase, life.deferred_usec) == (Phase.ACTIVE, 0)


def test_what_a_robot_gave_is_taken_back_but_every_lead_is_left():
    now = USED + 10 * SECOND
    life, acts = lifecycle.discard_robot_evidence(make_state(), USED - 3600 * SECOND, LIMITS, now)
    assert life.evidence_usec == now + 20 * SECOND - 60 * SECOND
    assert acts == [LogEvent(LifecycleEvent.ROBOT, Reason.IDLE, 3610 * SECOND)]


def test_without_warnings_the_whole_limit_is_left_after_a_robot():
    limits = replace(LIMITS, warn_usec=())
    assert lifecycle.discard_robot_evidence(make_state(), 0, limits, USED + 10 * SECOND)[0].evidence_usec == USED


def test_what_was_announced_stands_when_a_robot_is_found():
    warned = make_state(Phase.WARNED)
    assert lifecycle.discard_robot_evidence(warned, 0, LIMITS, DUE)[0] == warned


def test_a_step_is_brought_forward_but_not_after_the_last():
    ending = make_state(Phase.ENDING)
    assert lifecycle.shorten_grace(ending, DUE + SECOND).rung_until_usec == DUE + SECOND
    assert lifecycle.shorten_grace(ending, DUE + 60 * SECOND) == ending
    last = replace(ending, rung=TerminationStep.KILL)
    assert lifecycle.shorten_grace(last, DUE) == last


def test_only_a_session_that_is_due_is_ended_or_deferred():
    for begin in (lifecycle.end, lifecycle.defer):
        with pytest.raises(AssertionError):
            begin(make_state(Phase.WARNED), LIMITS, 0, DUE - 1)
    with pytest.raises(AssertionError):
        lifecycle.defer(make_state(Phase.WARNED), make_limits(), 0, DUE)
    assert lifecycle.end(make_state(Phase.WARNED), LIMITS, 0, DUE)[0].phase is Phase.ENDING
    assert lifecycle.defer(make_state(Phase.WARNED), LIMITS, 0, DUE)[0].phase is Phase.DEFERRED


def test_a_lock_and_its_unlocking():
    locked, _ = lifecycle.lock(make_state(), LIMITS, 0, DUE)
    assert (locked.phase, locked.locked_usec) == (Phase.LOCKED, DUE)
    opened, _ = lifecycle.unlock(locked, LIMITS, 0, DUE + SECOND)
    assert (opened.phase, opened.locked_usec, opened.evidence_usec) == (Phase.ACTIVE, 0, DUE + SECOND)
