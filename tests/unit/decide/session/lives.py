"""Sessions at some moment of their life, for tests that go on from there."""

from __future__ import annotations

from dataclasses import replace

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Limits
from reaper.decide.session import policy_change, state, tracked_session
from reaper.decide.session.model import Instant
from reaper.decide.session.state import Phase, Reason, SessionState
from reaper.decide.session.tracked_session import TrackedSession
from tests.unit.fakes import make_limits, make_policy, make_session
from tests.unit.simulated import SECOND, Clock, FakeTty

# A session that was opened at 0 and last used at 1000 s, under limits that are due 60 s later.
USED = 1000 * SECOND
DUE = USED + 60 * SECOND


def make_state(phase: Phase = Phase.ACTIVE) -> SessionState:
    """The life of a session that has come to a phase as its limit came."""
    life = replace(state.begin(EvidenceKind.INPUT, USED), phase=phase)
    if phase is Phase.WARNED:
        return replace(life, stages=2, first_warned_usec=DUE - 20 * SECOND, announced_usec=DUE, was_shown=True)
    if phase is Phase.DEFERRED:
        return replace(life, deferred_usec=DUE)
    if phase is Phase.LOCKED:
        return replace(life, locked_usec=DUE)
    if phase is Phase.ENDING:
        return replace(life, ending=Reason.IDLE, rung_until_usec=DUE + 5 * SECOND)
    return life


def make_tracked(phase: Phase = Phase.ACTIVE, limits: Limits | None = None, **fields: object) -> TrackedSession:
    """A session with one terminal, under limits of its rule."""
    clock = Clock(boot_usec=USED)
    session = make_session(100, opened_usec=0, **fields)
    tracked = tracked_session.track(session, make_state(phase), (FakeTty("pts/1", clock).read(),))
    limits = limits or make_limits()
    return tracked_session.scheduled(replace(tracked, limits=limits, rule="environment:standard"))


def judged(tracked: TrackedSession, limits: Limits, now_usec: int) -> tracked_session.Change:
    """Puts a session under a policy with these limits."""
    return policy_change.apply_policy(tracked, make_policy(limits), frozenset(), now_usec)


def at(usec: int) -> Instant:
    """That moment on both clocks."""
    return Clock(boot_usec=usec).now()
