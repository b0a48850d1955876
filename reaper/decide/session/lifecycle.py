"""The life of one session: when it is warned, spared and ended.

Pure: no I/O, no clock, no logging. The daemon brings what it has seen and the time, and carries out what comes back.
The words of it (phases, acts, facts) are in life.py; here is how one moment leads to the next.

Rules, each of them property-tested (tests/property/test_lifecycle.py):

1. Nobody loses a session to a limit without having been warned for at least the shortest lead of their rule: the end
   is the limit or the first warning plus that lead, whichever is later. A daemon that was stopped, or a policy that
   got stricter, therefore warns first.
2. Evidence that moves the limit takes a warning back, once. (Evidence does not move a `max` limit.)
3. Where the action is `observe`, no action comes back that would touch the session or its terminals: only LogEvent.
4. advance() never ends a session. It only gets as far as `is_due`; the caller looks at the session once more, and for
   programs that put the end off (then it calls defer()), asks the brake, and then calls end().
5. A warning counts only while somebody watches for an answer: after a lapse (daemon stopped, host suspended) it is
   given again.
6. step() is total: every phase meets every event, and a phase that has no use for an event is left as it was.
7. A program can put the end off for `busy_max` in all, counted from the first time since the evidence that moved the
   limit last. Whatever ends a deferral, the person is warned anew as rule 1 says. (A lapse does not: the person has
   nothing to answer then.)
8. Where the action is `lock`, the idle limit locks, once its warnings are given; `max` ends, for no lock makes a
   session younger. What is locked stays so until its person unlocks it or it ends: no evidence, policy or lapse opens
   it, and an end out of a lock is no more broken off, by a lapse or a policy.
9. Other limits take a warning back only if the session would not have been warned under them by now. Otherwise it
   stands, and what was announced is not put off: the end comes at the limit or the first warning plus the shortest lead
   of the limits in force, as rule 1 says, and no sooner than was announced, or than that lead after the change. A user
   can change the limits of their session as often as they like, as by sudo where a rule matches `elevated`.
10. Under `notify: none` the leads pass as in any session, and the person is told nothing. A warning that was logged and
   not shown counts for such limits alone: under others the first is given again, once, and rule 1 counts from there.
"""

from __future__ import annotations

from dataclasses import replace

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Action, Limits
from reaper.decide.session.state import (
    Act,
    LifecycleEvent,
    LogEvent,
    Phase,
    Reason,
    SessionState,
    Stimulus,
    TerminationStep,
    busy_left_usec,
    deadline,
    is_due,
    nearest_limit,
    next_due,
)
from reaper.decide.session.transitions import step
from reaper.decide.text.duration import USEC_PER_SEC

RESUMED_GAP_USEC = 60 * USEC_PER_SEC


def advance(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> tuple[SessionState, list[Act]]:
    """Lets time pass: whatever warning or rung has become due. Ends nothing (rule 4)."""
    due = next_due(life, limits, opened_usec)
    if due is None or now_usec < due:
        return life, []
    if life.phase is Phase.ENDING:
        return step(life, Stimulus.RUNG, limits, opened_usec, now_usec)
    if life.phase is Phase.DEFERRED:
        life, _ = step(life, Stimulus.FREE, limits, opened_usec, now_usec)
        return advance(life, limits, opened_usec, now_usec)
    acts: list[Act] = []
    end = deadline(life, limits, opened_usec)
    if life.first_warned_usec and end is not None and now_usec >= end.usec:
        life = replace(life, stages=len(limits.warn_usec))  # too late for what has been missed: nothing is left
    elif life.phase is not Phase.LOCKED and life.stages < len(limits.warn_usec):
        life, acts = step(life, Stimulus.LEAD, limits, opened_usec, now_usec)
        end = deadline(life, limits, opened_usec)
    if limits.action is Action.OBSERVE and end is not None and now_usec >= end.usec:
        life, more = step(life, Stimulus.LIMIT, limits, opened_usec, now_usec)
        acts += more
    return life, acts


def add_evidence(
    life: SessionState, evidence: EvidenceKind, at_usec: int, limits: Limits, opened_usec: int, now_usec: int
) -> tuple[SessionState, list[Act]]:
    """Takes in evidence that stands for the moment `at_usec`. It stops no end that has begun, unless a lapse does.

    Keys that are typed at a lock are no evidence: anybody can do that.
    """
    if at_usec <= life.evidence_usec or life.phase in (Phase.LOCKED, Phase.GONE):
        return life, []
    if life.phase is Phase.ENDING:
        return replace(life, evidence=evidence, evidence_usec=at_usec), []
    before = nearest_limit(life.evidence_usec, limits, opened_usec)
    gap_usec = at_usec - life.evidence_usec
    acts: list[Act] = []
    moved = before != nearest_limit(at_usec, limits, opened_usec)
    life = replace(life, evidence=evidence, evidence_usec=at_usec, deferred_usec=0 if moved else life.deferred_usec)
    if moved and life.phase is not Phase.ACTIVE:
        life, acts = step(life, Stimulus.EVIDENCE, limits, opened_usec, now_usec, gap_usec)
    if (gap_usec >= RESUMED_GAP_USEC and evidence is not EvidenceKind.SHARED) or acts:
        acts.append(LogEvent(LifecycleEvent.RESUMED, Reason.IDLE, gap_usec))
    return life, acts


def discard_robot_evidence(
    life: SessionState, since_usec: int, limits: Limits, now_usec: int
) -> tuple[SessionState, list[Act]]:
    """Takes back what was counted since a moment, as a robot gave it.

    That makes nobody's session end at once: all the leads of a warning are left, or the whole limit where there are no
    warnings (rule 1). What has been announced by now stands as it is.
    """
    told: list[Act] = [LogEvent(LifecycleEvent.ROBOT, Reason.IDLE, max(0, now_usec - since_usec))]
    if life.phase is not Phase.ACTIVE or limits.idle_usec is None:
        return life, told
    lead_usec = limits.warn_usec[0] if limits.warn_usec else limits.idle_usec
    floor_usec = now_usec + lead_usec - limits.idle_usec
    return replace(life, evidence_usec=min(life.evidence_usec, max(since_usec, floor_usec))), told


def change_limits(
    life: SessionState, before: Limits, after: Limits, opened_usec: int, now_usec: int
) -> tuple[SessionState, list[Act]]:
    """Puts a session under other limits (rule 9)."""
    return step(life, Stimulus.POLICY, before, opened_usec, now_usec, after=after)


def lock(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> tuple[SessionState, list[Act]]:
    """Locks a session at somebody's word, whatever its limits say."""
    return step(life, Stimulus.LOCK, limits, opened_usec, now_usec)


def unlock(life: SessionState, limits: Limits, opened_usec: int, at_usec: int) -> tuple[SessionState, list[Act]]:
    """The person of a locked session has proved who they are, at a moment."""
    return step(life, Stimulus.UNLOCK, limits, opened_usec, at_usec)


def shorten_grace(life: SessionState, by_usec: int) -> SessionState:
    """The next rung comes by then at the latest: there is nobody left on a terminal who could use the grace.

    Not after the last: what did not end by SIGKILL waits for the kernel, and once a minute is enough to say so.
    """
    if life.rung is TerminationStep.KILL:
        return life
    return replace(life, rung_until_usec=min(life.rung_until_usec, by_usec))


def end(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> tuple[SessionState, list[Act]]:
    """Begins the termination of a session that is due, was looked at once more, and is let through by the brake."""
    assert is_due(life, limits, opened_usec, now_usec)
    return step(life, Stimulus.LIMIT, limits, opened_usec, now_usec)


def defer(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> tuple[SessionState, list[Act]]:
    """Puts off the end of a session that is due, for a program that runs in it."""
    assert is_due(life, limits, opened_usec, now_usec)
    assert busy_left_usec(life, limits, now_usec)
    return step(life, Stimulus.BUSY, limits, opened_usec, now_usec)


def end_deferral(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> tuple[SessionState, list[Act]]:
    """Ends a deferral: there is no such program any more."""
    return step(life, Stimulus.FREE, limits, opened_usec, now_usec)
