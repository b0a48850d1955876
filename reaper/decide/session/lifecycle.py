"""The life of one session: when it is warned, locked and ended, and what prevents that.

Pure: no I/O, no clock, no logging. The daemon supplies the evidence and the time, and carries out the actions that are
returned. The phases, actions and events are defined in state.py, the table of transitions in transitions.py; this
module says how one moment leads to the next.

The rules, each of them property-tested (tests/property/test_lifecycle.py). A lead is the time before a limit at which
the rule has a warning.

1. No session is ended or locked by a limit unless its user has been warned for at least the shortest lead of its rule.
   The end comes at the limit, or that lead after the first warning, whichever is later. So after a stop of the daemon,
   or under a stricter policy, a warning comes first. (Without warnings are rules that have none, sessions without a
   terminal, and sessions that are locked.)
2. Evidence that moves the limit withdraws the warning, once. (Evidence does not move the limit `max`.)
3. If the action is `observe`, nothing is done that touches the session or its terminals: the only actions returned are
   LogEvent.
4. advance() never ends a session. At most, is_due() becomes true. Then the caller looks at the session once more,
   looks for programs that delay the end (if there is one, it calls defer()), asks the brake, and only then calls end().
5. A warning counts only while the daemon watches for an answer. After a lapse (the daemon was stopped, or the host was
   suspended) it is given again.
6. step() is total: it accepts every event in every phase. An event that has no meaning in a phase changes nothing.
7. Programs can delay the end for `busy_max` in all, counted from the first delay since the last evidence that moved the
   limit. When a delay is over, for whatever reason, the user is warned again as in rule 1. (A lapse does not end a
   delay: during a delay there is no warning to answer.)
8. If the action is `lock`, the limit `idle` locks the session after its warnings. The limit `max` ends it, because a
   lock does not make a session younger. A locked session stays locked until its user unlocks it or it ends: no
   evidence, policy or lapse unlocks it, and no lapse or policy cancels the end of a locked session.
9. When other limits apply, a warning is withdrawn only if the session would not have been warned by now under them.
   Otherwise the warning remains in force and the announced end is not delayed: it comes as in rule 1 under the new
   limits, but not before the announced time or their shortest lead after the change, whichever is earlier. (Users can
   change the limits of their session as often as they like, for example with sudo if a rule matches `elevated`.)
10. Under `notify: none` warnings fall due as in any session, but are only logged. Such a warning counts only under such
   limits. Under limits that show warnings, the first warning is given again, once, and rule 1 counts from that one.
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
    """Apply the passing of time: a warning or the next step of a termination that is due. Ends nothing (rule 4)."""
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
        life = replace(life, stages=len(limits.warn_usec))  # the end is due: missed warnings are of no use any more
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
    """Apply evidence dated `at_usec`. It does not cancel an end that has begun; only a lapse can.

    What is typed at a lock is not evidence: anybody can type there.
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
    """Discard the evidence since a moment, because it came from a robot.

    This ends no session at once: all warnings are still to come, or the whole limit if the rule has no warnings
    (rule 1). A warning that has been given remains in force.
    """
    logged: list[Act] = [LogEvent(LifecycleEvent.ROBOT, Reason.IDLE, max(0, now_usec - since_usec))]
    if life.phase is not Phase.ACTIVE or limits.idle_usec is None:
        return life, logged
    lead_usec = limits.warn_usec[0] if limits.warn_usec else limits.idle_usec
    floor_usec = now_usec + lead_usec - limits.idle_usec
    return replace(life, evidence_usec=min(life.evidence_usec, max(since_usec, floor_usec))), logged


def change_limits(
    life: SessionState, before: Limits, after: Limits, opened_usec: int, now_usec: int
) -> tuple[SessionState, list[Act]]:
    """Apply other limits to a session (rule 9)."""
    return step(life, Stimulus.POLICY, before, opened_usec, now_usec, after=after)


def lock(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> tuple[SessionState, list[Act]]:
    """Lock a session by order of a user, whatever its limits are."""
    return step(life, Stimulus.LOCK, limits, opened_usec, now_usec)


def unlock(life: SessionState, limits: Limits, opened_usec: int, at_usec: int) -> tuple[SessionState, list[Act]]:
    """Unlock a session whose user was authenticated at `at_usec`."""
    return step(life, Stimulus.UNLOCK, limits, opened_usec, at_usec)


def shorten_grace(life: SessionState, by_usec: int) -> SessionState:
    """Bring the next step of a termination forward to `by_usec`, as no process on a terminal needs the grace.

    The retry after the last step stays where it is: a process that survives SIGKILL waits for the kernel, and one
    report a minute is enough.
    """
    if life.rung is TerminationStep.KILL:
        return life
    return replace(life, rung_until_usec=min(life.rung_until_usec, by_usec))


def end(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> tuple[SessionState, list[Act]]:
    """Begin the termination of a session that is due, after the last look at it and the brake (rule 4)."""
    assert is_due(life, limits, opened_usec, now_usec)
    return step(life, Stimulus.LIMIT, limits, opened_usec, now_usec)


def defer(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> tuple[SessionState, list[Act]]:
    """Delay the end of a session that is due, because of a program that runs in it (rule 7)."""
    assert is_due(life, limits, opened_usec, now_usec)
    assert busy_left_usec(life, limits, now_usec)
    return step(life, Stimulus.BUSY, limits, opened_usec, now_usec)


def end_deferral(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> tuple[SessionState, list[Act]]:
    """End a deferral, because no such program runs any more."""
    return step(life, Stimulus.FREE, limits, opened_usec, now_usec)
