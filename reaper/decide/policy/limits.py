"""The limits of one session: the numbers, and what holds for them whoever set them.

Pure.  Whatever made them (an environment, a rule, a ceiling), limits keep two promises that rest on how the kernel
dates input.  A terminal's atime moves only in steps of 8 seconds and is the time of the first event in its step
(FACTS: tty times), so the last key may be up to 8 s younger than it looks, and a key pressed in the same step as the
one before leaves no trace.  Hence a limit is at least two steps, and the first warning comes at least one step after
the last input: what a program reads after a warning is then seen.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.template import Template
from reaper.decide.text.duration import USEC_PER_SEC, USEC_PER_WEEK

TTY_STEP_USEC = 8 * USEC_PER_SEC
SHORTEST_LIMIT_USEC = 2 * TTY_STEP_USEC


class Action(enum.Enum):
    """What happens at the limit."""

    OBSERVE = "observe"
    LOCK = "lock"
    TERMINATE = "terminate"


class Kill(enum.Enum):
    """How much of a session ends: what is attached to its terminals, or all of its scope."""

    TERMINAL = "terminal"
    SESSION = "session"


class Notify(enum.Enum):
    """Where reaper writes what a person is to read: on the session's terminals, or nowhere."""

    TERMINAL = "terminal"
    NONE = "none"  # a program reads what the terminals show, and nothing else may be in it


class Share(enum.Enum):
    """Whose input keeps a session: that of the session alone, or that of all sessions of its user."""

    SESSION = "session"
    USER = "user"


class Robots(enum.Enum):
    """Whether signs of one shape at one pace count as a person's (decide/robots.py)."""

    IGNORE = "ignore"
    COUNT = "count"


@dataclass(frozen=True)
class Limits:
    """The numbers for one session, in microseconds; None is never.

    `warn_usec` are the leads before a limit at which to warn, distinct, the longest first; empty where the
    administrator wants no warning.  `message` is their text of a warning; without parts, the built-in one.  Under
    Notify.NONE the leads pass and are logged, but nothing is written on the terminals; `action` is never LOCK then.
    `activity` is empty where what counts goes by the kind of session (counted()).  The floors are a minute's: bytes on
    the connection, CPU time.  `busy` are patterns for the names of programs that put the end off while they run in the
    session, for `busy_max_usec` in all.  A session that was locked and not unlocked ends after `lock_for_usec`.  For
    `hold_max_usec` after their last sign of life a person may hold their session; 0 for not at all.
    """

    idle_usec: int | None
    max_usec: int | None
    warn_usec: tuple[int, ...]
    message: Template
    notify: Notify
    action: Action
    lock_for_usec: int | None
    kill: Kill
    grace_usec: int
    activity: tuple[EvidenceKind, ...]
    network_floor_bytes: int
    cpu_floor_usec: int
    share_activity: Share
    robots: Robots
    busy: tuple[str, ...]
    busy_max_usec: int
    hold_max_usec: int


def longest_lead(idle_usec: int | None, max_usec: int | None) -> int | None:
    """How long before the nearer limit the first warning may come; None when nothing is limited.

    One step of the terminal's clock must lie between the last input and the first warning (see the top of this file).
    """
    limits = [limit for limit in (idle_usec, max_usec) if limit is not None]
    return min(limits) - TTY_STEP_USEC if limits else None


def counted(activity: tuple[EvidenceKind, ...], has_terminal: bool) -> tuple[EvidenceKind, ...]:
    """What counts for a session: what its rule says as far as such a session can show it, else what its kind shows.

    Who types into a session without a terminal leaves no input that a terminal could tell of.
    """
    if has_terminal:
        return activity or (EvidenceKind.INPUT,)
    shown = tuple(each for each in activity if each is not EvidenceKind.INPUT)
    return shown or (EvidenceKind.NETWORK, EvidenceKind.CPU)


def missing(limits: Limits | None, has_terminal: bool) -> str:
    """What a session is without while it is idle, in a word or three."""
    kinds = counted(limits.activity if limits is not None else (), has_terminal)
    words = ["input"] * (EvidenceKind.INPUT in kinds) + ["work"] * (kinds != (EvidenceKind.INPUT,))
    return " or ".join(words)


@functools.lru_cache(maxsize=64)
def without_limits(limits: Limits) -> Limits:
    """The same with nothing that would end a session."""
    return replace(limits, idle_usec=None, max_usec=None, warn_usec=())


@functools.lru_cache(maxsize=64)
def without_warnings(limits: Limits) -> Limits:
    """The limits of a session on which there is nowhere to show a warning; one object for all under the same."""
    return replace(limits, warn_usec=())


def fit_leads(limits: Limits) -> Limits:
    """The same limits without the warnings that would come too early for them.

    Where all would go, one stays, half way to the limit in whole seconds: nobody who was to be warned goes unwarned
    (law 1 of DESIGN), and half way is neither in the person's face at once nor too late to react.  That lead always
    fits, as a limit is at least two steps of the terminal's clock.  Limits without warnings stay without.
    """
    longest = longest_lead(limits.idle_usec, limits.max_usec)
    if longest is None or not limits.warn_usec:
        return limits
    fitting = tuple(lead for lead in limits.warn_usec if lead <= longest)
    half = (longest + TTY_STEP_USEC) // 2 // USEC_PER_SEC * USEC_PER_SEC
    return replace(limits, warn_usec=fitting or (half,))


def inherit(base: Limits, given: Mapping[str, Any]) -> Limits:
    """Returns `base` with the given fields (of Limits) in place of its own.

    Inherited warnings give way to a shorter limit, and an inherited lock to `notify: none`: the session ends instead,
    as one does that has no terminal to be locked.
    """
    limits = replace(base, **given)
    if is_lock_impossible(limits) and "action" not in given:
        limits = replace(limits, action=Action.TERMINATE)
    return limits if "warn_usec" in given else fit_leads(limits)


def shows_warnings(limits: Limits) -> bool:
    """Whether warnings are shown to the person, and not only logged."""
    return limits.action is not Action.OBSERVE and limits.notify is Notify.TERMINAL


def is_lock_impossible(limits: Limits) -> bool:
    """Whether a lock is asked for, which writes on the terminals, where nothing may be written on them."""
    return limits.action is Action.LOCK and limits.notify is Notify.NONE


LONGEST_HOLD_USEC = USEC_PER_WEEK


@functools.lru_cache(maxsize=64)  # one object for all sessions under the same rule
def with_action(limits: Limits, action: Action) -> Limits:
    """The limits with another action at their end; `observe` is that of a session that is held.

    A lock writes on the terminals that it takes, whatever the rule says of them otherwise.
    """
    if limits.action is action:
        return limits
    return replace(limits, action=action, notify=Notify.TERMINAL if action is Action.LOCK else limits.notify)
