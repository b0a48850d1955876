"""The state of one session's life: its phases, the events that change it, the actions that result, and its deadlines.

Pure: no I/O, no clock. This module has the definitions, and what follows from a state at one moment. lifecycle.py has
the rules, and how one moment leads to the next.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple, Union

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Action, Limits, shows_warnings
from reaper.decide.text.duration import USEC_PER_SEC


class Phase(enum.Enum):
    """The phase that a session is in (reaper(7), "The life of a session")."""

    ACTIVE = "active"
    WARNED = "warned"
    DEFERRED = "deferred"
    LOCKED = "locked"
    OBSERVED = "observed"
    ENDING = "ending"
    GONE = "gone"


LASTING = (Phase.LOCKED, Phase.ENDING)
"""The phases that are completed under the limits under which they began, even if the rule changes."""


class Stimulus(enum.Enum):
    """What can happen to a session: the rows of the table in reaper(7)."""

    EVIDENCE = "evidence"  # there is evidence that moves the limit
    LEAD = "lead"  # a warning is due
    LIMIT = "limit"  # the limit was reached, and this was confirmed
    BUSY = "busy"  # the same, but a program runs that may delay the end
    FREE = "free"  # no such program runs any more, or its time is over
    LOCK = "lock"  # somebody locks the session
    UNLOCK = "unlock"  # its user has been authenticated
    FAIL = "fail"  # it could not be locked
    RUNG = "rung"  # the grace of a termination step is over, and the session still exists
    POLICY = "policy"  # other limits apply from now on
    LAPSE = "lapse"  # the daemon did not watch for a while
    GONE = "gone"  # the session does not exist any more


class TerminationStep(enum.IntEnum):
    """The steps of a termination, gentlest first."""

    HANGUP = 0
    TERM = 1
    KILL = 2


class Reason(enum.Enum):
    """Which limit applies."""

    IDLE = "idle"
    MAX = "max"
    LOCK = "lock"  # how long it may stay locked


class Warn(NamedTuple):
    """Action: tell the user on every terminal of the session that it ends in `left_usec`."""

    reason: Reason
    left_usec: int


class Defer(NamedTuple):
    """Action: tell the user that a program delays the end of the session, for `left_usec` at most."""

    reason: Reason
    left_usec: int


class WithdrawWarning(NamedTuple):
    """Action: tell the user, who was told of an end, that the session stays."""


class Lock(NamedTuple):
    """Action: take over the terminals of the session until its user has been authenticated."""


class Signal(NamedTuple):
    """Action: take one step of the termination. Before the first one the user is told the reason."""

    rung: TerminationStep
    reason: Reason


class LifecycleEvent(enum.Enum):
    """What is logged of a session's life; the daemon adds user, terminals and details."""

    RESUMED = "resumed"
    ROBOT = "robot"
    WARNED = "warned"
    CANCELLED = "cancelled"
    DEFERRED = "deferred"
    OBSERVED = "observed"
    ENDING = "ending"
    TERMINATED = "terminated"
    TERMINATE_FAILED = "terminate-failed"
    CLOSED = "closed"


class LogEvent(NamedTuple):
    """Action: log an event. `usec` is how long the session was idle; for a warning or a deferral, the time left."""

    event: LifecycleEvent
    reason: Reason
    usec: int


Act = Union[Warn, Defer, WithdrawWarning, Lock, Signal, LogEvent]
# Warnings that are due within this time of each other are given as one.
TOGETHER_USEC = USEC_PER_SEC


@dataclass(frozen=True)
class SessionState:
    """What must be remembered of a session's life; times in microseconds since boot."""

    __slots__ = (
        "announced_usec",
        "deferred_usec",
        "ending",
        "evidence",
        "evidence_usec",
        "first_warned_usec",
        "locked_usec",
        "phase",
        "rung",
        "rung_until_usec",
        "stages",
        "was_shown",
    )

    phase: Phase
    evidence: EvidenceKind  # the kind of the last evidence
    evidence_usec: int  # its date: the latest possible time of it, up to 8 s ahead of the clock
    stages: int  # how many of the rule's warnings have been given
    first_warned_usec: int  # when the first was given; 0 if none was
    rung: TerminationStep  # the last step of the termination that was taken
    rung_until_usec: int  # when the grace of that step is over
    deferred_usec: int  # when the end was first delayed for a program, since the last evidence; 0 if it was not
    ending: Reason | None  # the limit for which the session is being ended; None while it is not
    locked_usec: int  # when it was locked; 0 while it is not
    announced_usec: int  # the earliest end that its warnings have announced; 0 if none, or only locks
    was_shown: bool  # whether any of its warnings was shown to the user, and not only logged


def begin(evidence: EvidenceKind, at_usec: int) -> SessionState:
    """Return the state of a session with its first evidence."""
    return SessionState(Phase.ACTIVE, evidence, at_usec, 0, 0, TerminationStep.HANGUP, 0, 0, None, 0, 0, False)


class Deadline(NamedTuple):
    """When a limit is reached, and which; `limit_usec` is how long it is."""

    usec: int
    reason: Reason
    limit_usec: int


def deadline(life: SessionState, limits: Limits, opened_usec: int) -> Deadline | None:
    """Return when the session ends or is locked if nothing else happens; None for never (rule 1)."""
    nearest = nearest_limit(life.evidence_usec, limits, opened_usec)
    if life.phase is Phase.LOCKED:
        return _lock_limit(life, limits, opened_usec)
    if nearest is not None and life.phase is Phase.DEFERRED:
        warned_usec = life.deferred_usec + limits.busy_max_usec
        return nearest._replace(usec=warned_usec + (limits.warn_usec[-1] if limits.warn_usec else 0))
    if nearest is None or not life.first_warned_usec or not limits.warn_usec:
        return nearest
    return nearest._replace(usec=max(nearest.usec, life.first_warned_usec + limits.warn_usec[-1]))


def ends(limit: Deadline, limits: Limits) -> bool:
    """Return whether the session ends at this limit, rather than being locked or only observed."""
    return limits.action is Action.TERMINATE or (limits.action is Action.LOCK and limit.reason is not Reason.IDLE)


def nearest_limit(evidence_usec: int, limits: Limits, opened_usec: int) -> Deadline | None:
    """Return the limit that the session reaches first, without regard to warnings; None if it has no limit."""
    candidates = []
    if limits.idle_usec is not None:
        candidates.append(Deadline(evidence_usec + limits.idle_usec, Reason.IDLE, limits.idle_usec))
    if limits.max_usec is not None:
        candidates.append(Deadline(opened_usec + limits.max_usec, Reason.MAX, limits.max_usec))
    return min(candidates, key=lambda each: each.usec, default=None)


def _lock_limit(life: SessionState, limits: Limits, opened_usec: int) -> Deadline | None:
    """Return the limit of a locked session, which is not warned."""
    candidates = []
    if limits.lock_for_usec is not None:
        candidates.append(Deadline(life.locked_usec + limits.lock_for_usec, Reason.LOCK, limits.lock_for_usec))
    if limits.max_usec is not None:
        candidates.append(Deadline(opened_usec + limits.max_usec, Reason.MAX, limits.max_usec))
    return min(candidates, key=lambda each: each.usec, default=None)


def next_due(life: SessionState, limits: Limits, opened_usec: int) -> int | None:
    """Return the next moment at which the passing of time changes something; None for never."""
    if life.phase is Phase.ENDING:
        return life.rung_until_usec
    if life.phase is Phase.DEFERRED:
        return life.deferred_usec + limits.busy_max_usec
    if life.phase in (Phase.OBSERVED, Phase.GONE):
        return None
    end = deadline(life, limits, opened_usec)
    if end is None:
        return None
    if life.phase is not Phase.LOCKED and life.stages < len(limits.warn_usec):
        return end.usec - limits.warn_usec[life.stages]
    return end.usec


def is_about_to_warn(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> bool:
    """Return whether a warned session is due for its next warning now or within a second."""
    due = next_due(life, limits, opened_usec)
    is_left = life.phase is Phase.WARNED and life.stages < len(limits.warn_usec)
    return is_left and due is not None and due < now_usec + TOGETHER_USEC


def is_warning_unshown(life: SessionState, limits: Limits) -> bool:
    """Return whether there is a warning that was only logged, while these limits show warnings (rule 10)."""
    return bool(life.first_warned_usec) and not life.was_shown and shows_warnings(limits)


def busy_left_usec(life: SessionState, limits: Limits, now_usec: int) -> int:
    """Return for how much longer programs may delay the end of the session; 0 if they may not (rule 7).

    In a locked session they may not, because they are frozen.
    """
    if not limits.busy or life.phase is Phase.LOCKED:
        return 0
    used_usec = now_usec - life.deferred_usec if life.deferred_usec else 0
    return max(0, limits.busy_max_usec - used_usec)


def is_due(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> bool:
    """Return whether the session has reached a limit, after its warnings (rule 1)."""
    if life.phase not in (Phase.ACTIVE, Phase.WARNED, Phase.LOCKED) or limits.action is Action.OBSERVE:
        return False
    end = deadline(life, limits, opened_usec)
    warned = not limits.warn_usec or life.first_warned_usec or life.phase is Phase.LOCKED
    return end is not None and bool(warned) and now_usec >= end.usec


def limit_of(limits: Limits, reason: Reason) -> int:
    """Return how long a limit is; 0 for never."""
    limit = {Reason.IDLE: limits.idle_usec, Reason.MAX: limits.max_usec, Reason.LOCK: limits.lock_for_usec}[reason]
    return limit or 0
