"""The limits of one session, and what is true of all limits, whether an environment, a rule or a ceiling set them.

Pure. Two bounds come from how the kernel dates input. A terminal's atime moves only in steps of 8 seconds and is the
time of the first event in its step (drivers/tty/tty_io.c: tty_update_time), so the last key may be up to 8 s younger
than atime says, and a second key in the same step leaves no trace. Hence a limit is at least two steps, and the first
warning comes at least one step after the last input: then every key that a program reads after the warning shows.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.template import Template
from reaper.decide.text.duration import USEC_PER_SEC, USEC_PER_WEEK, format_duration
from reaper.decide.text.size import format_size

NEVER = "never"
AUTO = "auto"
TTY_STEP_USEC = 8 * USEC_PER_SEC
SHORTEST_LIMIT_USEC = 2 * TTY_STEP_USEC


class Action(enum.Enum):
    """What happens at the limit."""

    OBSERVE = "observe"
    LOCK = "lock"
    TERMINATE = "terminate"


class Kill(enum.Enum):
    """What is ended of a session: the processes attached to its terminals, or all processes of its scope."""

    TERMINAL = "terminal"
    SESSION = "session"


class Notify(enum.Enum):
    """Where reaper writes messages for the user: on the session's terminals, or nowhere."""

    TERMINAL = "terminal"
    NONE = "none"  # for sessions whose output a program reads: nothing else may appear in it


class Share(enum.Enum):
    """Which input keeps a session: only its own, or that of all sessions of its user."""

    SESSION = "session"
    USER = "user"


class Robots(enum.Enum):
    """Whether identical input at a regular pace counts as a person's (decide/session/robots.py)."""

    IGNORE = "ignore"
    COUNT = "count"


@dataclass(frozen=True)
class Limits:
    """The limits of one session, times in microseconds; None is never.

    - `warn_usec`: how long before a limit to warn (the leads): distinct, the longest first; empty for no warning.
    - `message`: the administrator's text of a warning; without parts, the built-in text.
    - `notify`: under Notify.NONE warnings are logged when they are due, but not shown; `action` is never LOCK then.
    - `lock_for_usec`: a locked session that nobody unlocks ends after this time.
    - `activity`: empty if the kind of session decides what counts (counted()).
    - `network_floor_bytes`, `cpu_floor_usec`: the least that counts, per minute.
    - `busy`: patterns for names of programs that delay the end while they run in the session, for up to
      `busy_max_usec` in all.
    - `hold_max_usec`: for how long after their last input users may hold their session; 0 for not at all.
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
    """Return the longest time before the nearer limit at which a warning may be due; None without a limit.

    One step of a terminal's atime must lie between the last input and the first warning (see the top of this file).
    """
    limits = [limit for limit in (idle_usec, max_usec) if limit is not None]
    return min(limits) - TTY_STEP_USEC if limits else None


def counted(activity: tuple[EvidenceKind, ...], has_terminal: bool) -> tuple[EvidenceKind, ...]:
    """Return the kinds of evidence that count for a session: what its rule says, or the default for its kind.

    Without a terminal input never counts, as it shows on terminals alone.
    """
    if has_terminal:
        return activity or (EvidenceKind.INPUT,)
    possible = tuple(each for each in activity if each is not EvidenceKind.INPUT)
    return possible or (EvidenceKind.NETWORK, EvidenceKind.CPU)


def missing(limits: Limits | None, has_terminal: bool) -> str:
    """Return what an idle session lacks, for messages: "input", "work", or "input or work"."""
    kinds = counted(limits.activity if limits is not None else (), has_terminal)
    words = ["input"] * (EvidenceKind.INPUT in kinds) + ["work"] * (kinds != (EvidenceKind.INPUT,))
    return " or ".join(words)


@functools.lru_cache(maxsize=64)
def without_limits(limits: Limits) -> Limits:
    """Return the limits without any that would end a session, and without warnings."""
    return replace(limits, idle_usec=None, max_usec=None, warn_usec=())


@functools.lru_cache(maxsize=64)
def without_warnings(limits: Limits) -> Limits:
    """Return the limits without warnings, for a session that has no terminal to show one; cached, to save memory."""
    return replace(limits, warn_usec=())


def fit_leads(limits: Limits) -> Limits:
    """Return the limits without the warnings that are too early for them.

    If none would be left, there is one half way to the limit, in whole seconds: a user who was to be warned is always
    warned (rule 1 of lifecycle.py), and half way is neither at once nor too late to react. That lead always fits, as a
    limit is at least two steps of a terminal's atime. Limits without warnings stay without.
    """
    longest = longest_lead(limits.idle_usec, limits.max_usec)
    if longest is None or not limits.warn_usec:
        return limits
    fitting = tuple(lead for lead in limits.warn_usec if lead <= longest)
    half = (longest + TTY_STEP_USEC) // 2 // USEC_PER_SEC * USEC_PER_SEC
    return replace(limits, warn_usec=fitting or (half,))


def inherit(base: Limits, given: Mapping[str, Any]) -> Limits:
    """Return `base` with the given fields (of Limits) replaced.

    Inherited warnings that do not fit a shorter limit are dropped. An inherited `action: lock` under `notify: none`
    becomes `terminate`, as for a session without a terminal to lock.
    """
    limits = replace(base, **given)
    if is_lock_impossible(limits) and "action" not in given:
        limits = replace(limits, action=Action.TERMINATE)
    return limits if "warn_usec" in given else fit_leads(limits)


def shows_warnings(limits: Limits) -> bool:
    """Return whether warnings are shown to the user, and not only logged."""
    return limits.action is not Action.OBSERVE and limits.notify is Notify.TERMINAL


def is_lock_impossible(limits: Limits) -> bool:
    """Return whether the action is a lock, which writes on the terminals, while nothing may be written on them."""
    return limits.action is Action.LOCK and limits.notify is Notify.NONE


LONGEST_HOLD_USEC = USEC_PER_WEEK


@functools.lru_cache(maxsize=64)  # one object for all sessions under the same rule
def with_action(limits: Limits, action: Action) -> Limits:
    """Return the limits with another action; a held session has `observe`.

    A lock writes on the terminals that it takes over, whatever the rule says in `notify`.
    """
    if limits.action is action:
        return limits
    return replace(limits, action=action, notify=Notify.TERMINAL if action is Action.LOCK else limits.notify)


def spelled(limits: Limits) -> dict[str, Any]:
    """Return limits as a policy file has them, in plain JSON types."""
    return {
        "idle": duration_or_never(limits.idle_usec),
        "max": duration_or_never(limits.max_usec),
        "warn": [format_duration(lead) for lead in limits.warn_usec],
        "message": str(limits.message),
        "notify": limits.notify.value,
        "action": limits.action.value,
        "lock_for": duration_or_never(limits.lock_for_usec),
        "kill": limits.kill.value,
        "grace": format_duration(limits.grace_usec),
        "activity": [each.value for each in limits.activity] or AUTO,
        "network_floor": format_size(limits.network_floor_bytes),
        "cpu_floor": format_duration(limits.cpu_floor_usec),
        "share_activity": limits.share_activity.value,
        "robots": limits.robots.value,
        "busy": list(limits.busy),
        "busy_max": format_duration(limits.busy_max_usec),
        "hold_max": format_duration(limits.hold_max_usec),
    }


def duration_or_never(usec: int | None) -> str:
    """Return a duration as a policy file has it; None is `never`."""
    return NEVER if usec is None else format_duration(usec)
