"""What is to be known of the life of one session: its phases, what befalls it, what comes of that, and when.

Pure: no I/O, no clock. Here are the words and what follows from them at one moment; lifecycle.py has how one moment
leads to the next, and the rules of that.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple, Union

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Action, Limits, shows_warnings
from reaper.decide.text.duration import USEC_PER_SEC


class Phase(enum.Enum):
    """Where a session is in its life."""

    ACTIVE = "active"
    WARNED = "warned"
    DEFERRED = "deferred"
    LOCKED = "locked"
    OBSERVED = "observed"
    ENDING = "ending"
    GONE = "gone"


LASTING = (Phase.LOCKED, Phase.ENDING)
"""What was begun under a rule and is brought to its end under it, whatever becomes of the rule."""


class Stimulus(enum.Enum):
    """What can befall a session."""

    EVIDENCE = "evidence"  # a sign of life that moved the limit
    LEAD = "lead"  # the time of a warning has come
    LIMIT = "limit"  # the limit was reached, and confirmed
    BUSY = "busy"  # the same, and a program runs in it that its rule lets finish
    FREE = "free"  # no such program runs any more, or it has had its time
    LOCK = "lock"  # somebody has it locked
    UNLOCK = "unlock"  # its person has proved who they are
    FAIL = "fail"  # it could not be locked
    RUNG = "rung"  # the grace of a step of the termination is over, and the session is still there
    POLICY = "policy"  # other limits apply from now on
    LAPSE = "lapse"  # nobody looked at it for much longer than a poll
    GONE = "gone"  # it is no longer there


class TerminationStep(enum.IntEnum):
    """The ladder of a termination, gentlest first."""

    HANGUP = 0
    TERM = 1
    KILL = 2


class Reason(enum.Enum):
    """Which limit it is."""

    IDLE = "idle"
    MAX = "max"
    LOCK = "lock"  # how long it may stay locked


class Warn(NamedTuple):
    """Tell the person on every terminal of the session that it ends in `left_usec`."""

    reason: Reason
    left_usec: int


class Defer(NamedTuple):
    """Tell the person that the session stays for a program that runs in it, for `left_usec` at most."""

    reason: Reason
    left_usec: int


class WithdrawWarning(NamedTuple):
    """Tell the person, who has been told of an end, that the session stays."""


class Lock(NamedTuple):
    """Take the terminals of the session over until its person proves who they are."""


class Signal(NamedTuple):
    """Take one step of the ladder. At the first one the person is told the reason before."""

    rung: TerminationStep
    reason: Reason


class LifecycleEvent(enum.Enum):
    """What is worth a record in the journal; the daemon adds who, where and why."""

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
    """Record a fact. `usec`: how long the person had been idle; at a warning or a deferral, what is left."""

    event: LifecycleEvent
    reason: Reason
    usec: int


Act = Union[Warn, Defer, WithdrawWarning, Lock, Signal, LogEvent]
# A warning that comes late says what the next one would say so soon after: they are given as one.
TOGETHER_USEC = USEC_PER_SEC


@dataclass(frozen=True)
class SessionState:
    """What must be remembered of a session from one moment to the next; times in microseconds since boot."""

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
    evidence: EvidenceKind  # what the last evidence was
    evidence_usec: int  # the latest moment it can stand for; up to 8 s ahead of the clock
    stages: int  # how many leads have been announced
    first_warned_usec: int  # 0 when not warned
    rung: TerminationStep
    rung_until_usec: int
    deferred_usec: int  # when the end was first put off for a program, since the last evidence; 0 when it was not
    ending: Reason | None  # which limit it is that the session is being ended for; None while it is not
    locked_usec: int  # when it was locked; 0 while it is not
    announced_usec: int  # the earliest end that the warnings since then have named; 0 for none, or for locks alone
    was_shown: bool  # one of the warnings since then was for the person, and not for the journal alone


def begin(evidence: EvidenceKind, at_usec: int) -> SessionState:
    """The life of a session first seen alive at a moment."""
    return SessionState(Phase.ACTIVE, evidence, at_usec, 0, 0, TerminationStep.HANGUP, 0, 0, None, 0, 0, False)


class Deadline(NamedTuple):
    """When a limit strikes, and which."""

    usec: int
    reason: Reason
    limit_usec: int


def deadline(life: SessionState, limits: Limits, opened_usec: int) -> Deadline | None:
    """When the session ends if nothing more happens, or None for never (rule 1)."""
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
    """Whether it is an end that comes at a limit, and not a lock."""
    return limits.action is Action.TERMINATE or (limits.action is Action.LOCK and limit.reason is not Reason.IDLE)


def nearest_limit(evidence_usec: int, limits: Limits, opened_usec: int) -> Deadline | None:
    """The limit that the session reaches first, or None where there is none."""
    candidates = []
    if limits.idle_usec is not None:
        candidates.append(Deadline(evidence_usec + limits.idle_usec, Reason.IDLE, limits.idle_usec))
    if limits.max_usec is not None:
        candidates.append(Deadline(opened_usec + limits.max_usec, Reason.MAX, limits.max_usec))
    return min(candidates, key=lambda each: each.usec, default=None)


def _lock_limit(life: SessionState, limits: Limits, opened_usec: int) -> Deadline | None:
    """The limit of a locked session; nobody is there to be warned."""
    candidates = []
    if limits.lock_for_usec is not None:
        candidates.append(Deadline(life.locked_usec + limits.lock_for_usec, Reason.LOCK, limits.lock_for_usec))
    if limits.max_usec is not None:
        candidates.append(Deadline(opened_usec + limits.max_usec, Reason.MAX, limits.max_usec))
    return min(candidates, key=lambda each: each.usec, default=None)


def next_due(life: SessionState, limits: Limits, opened_usec: int) -> int | None:
    """The next moment at which time alone changes something, or None."""
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
    """Whether a session that has been warned is warned again at this moment, or within a second."""
    due = next_due(life, limits, opened_usec)
    is_left = life.phase is Phase.WARNED and life.stages < len(limits.warn_usec)
    return is_left and due is not None and due < now_usec + TOGETHER_USEC


def is_warning_unshown(life: SessionState, limits: Limits) -> bool:
    """Whether a warning stands that was only logged, and that under these limits the person should have read."""
    return bool(life.first_warned_usec) and not life.was_shown and shows_warnings(limits)


def busy_left_usec(life: SessionState, limits: Limits, now_usec: int) -> int:
    """For how much longer programs may put off the end of the session; 0 where none may (rule 7).

    None may once it is locked: what would be waited for stands still there.
    """
    if not limits.busy or life.phase is Phase.LOCKED:
        return 0
    used_usec = now_usec - life.deferred_usec if life.deferred_usec else 0
    return max(0, limits.busy_max_usec - used_usec)


def is_due(life: SessionState, limits: Limits, opened_usec: int, now_usec: int) -> bool:
    """Whether the session has reached a limit, after every warning that its rule grants."""
    if life.phase not in (Phase.ACTIVE, Phase.WARNED, Phase.LOCKED) or limits.action is Action.OBSERVE:
        return False
    end = deadline(life, limits, opened_usec)
    warned = not limits.warn_usec or life.first_warned_usec or life.phase is Phase.LOCKED
    return end is not None and bool(warned) and now_usec >= end.usec


def limit_of(limits: Limits, reason: Reason) -> int:
    """How long a limit is; 0 for never."""
    limit = {Reason.IDLE: limits.idle_usec, Reason.MAX: limits.max_usec, Reason.LOCK: limits.lock_for_usec}[reason]
    return limit or 0
