"""The table of a session's life (reaper/decide/session/transitions.py): total, and bounded in what a step may do."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reaper.decide.policy.limits import Action
from reaper.decide.session import lifecycle, transitions
from reaper.decide.session.state import LogEvent, Phase, Reason, SessionState, Signal, Stimulus, TerminationStep
from reaper.decide.session.transitions import TABLE
from tests.property.lives import ANY_LIMITS as LIMITS

MOMENTS = st.integers(0, 10**12)
ANY_LIFE = st.builds(
    SessionState,
    phase=st.sampled_from(Phase),
    evidence=st.sampled_from(["login", "seen", "terminal", "input"]),
    evidence_usec=MOMENTS,
    stages=st.integers(0, 3),
    first_warned_usec=st.just(0) | MOMENTS,
    rung=st.sampled_from(TerminationStep),
    rung_until_usec=MOMENTS,
    deferred_usec=st.just(0) | MOMENTS,
    ending=st.none() | st.sampled_from(Reason),
    locked_usec=st.just(0) | MOMENTS,
    announced_usec=st.just(0) | MOMENTS,
    was_shown=st.booleans(),
)


def test_every_phase_meets_every_stimulus():
    assert set(TABLE) == set(itertools.product(Phase, Stimulus))


@given(ANY_LIFE, st.sampled_from(Stimulus), LIMITS, MOMENTS, MOMENTS, st.integers(0, 10**9))
def test_step_is_total(life, stimulus, limits, opened, now, gap):
    """Any event in any life leads where the table says, and under `observe` to records alone."""
    after, acts = transitions.step(life, stimulus, limits, opened, now, gap)
    assert after.phase in TABLE[life.phase, stimulus].to
    if limits.action is Action.OBSERVE:
        assert all(isinstance(act, LogEvent) for act in acts)
    if life.phase is Phase.GONE:
        assert (after, acts) == (life, [])


@given(ANY_LIFE, LIMITS, MOMENTS, MOMENTS)
def test_time_alone_ends_nothing(life, limits, opened, now):
    """Rule 4: advance() gets as far as is_due(), and a first Signal comes from end() only."""
    after, acts = lifecycle.advance(life, limits, opened, now)
    if life.phase is not Phase.ENDING:
        assert after.phase is not Phase.ENDING
        assert not any(isinstance(act, Signal) for act in acts)


@given(ANY_LIFE, LIMITS, MOMENTS, MOMENTS)
def test_time_that_passed_is_handled_once(life, limits, opened, now):
    """What was due is not due again in the same moment, but for the end itself."""
    after, _ = lifecycle.advance(life, limits, opened, now)
    again, acts = lifecycle.advance(after, limits, opened, now)
    if after.phase is not Phase.ENDING and after.stages >= len(limits.warn_usec):
        assert (again, acts) == (after, []) or limits.action is Action.OBSERVE


@given(ANY_LIFE, MOMENTS)
def test_shorter_grace_only_brings_a_step_forward(life, by_usec):
    after = lifecycle.shorten_grace(life, by_usec)
    assert after.rung_until_usec <= life.rung_until_usec
    assert replace(after, rung_until_usec=0) == replace(life, rung_until_usec=0)
    assert after == life or (after.rung_until_usec == by_usec and life.rung is not TerminationStep.KILL)
