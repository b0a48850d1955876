"""Apply the ceiling to the limits of a rule: it shortens them and never lengthens them. Pure."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from reaper.decide.policy.limits import Limits, fit_leads


@dataclass(frozen=True)
class Ceiling:
    """The longest limits that any rule may have; None means no cap.

    `exempt` (``except`` in the file) has the names of rules to which the ceiling does not apply.
    """

    idle_usec: int | None = None
    max_usec: int | None = None
    lock_for_usec: int | None = None
    busy_max_usec: int | None = None
    hold_max_usec: int | None = None
    exempt: tuple[str, ...] = ()


@functools.lru_cache(maxsize=64)  # a thousand sessions are under few rules
def cap(limits: Limits, ceiling: Ceiling) -> tuple[Limits, tuple[str, ...]]:
    """Return the limits under the ceiling, and the names of those that it lowered.

    The shorter of rule and ceiling wins; `never` is longer than any time. Warnings that no longer fit a lowered limit
    are dropped as in fit_leads(). `busy_max` is lowered only if the rule has `busy` programs; `lock_for` always,
    because any session can be locked by order. Holds that are in force are shortened by hold.trim().
    """
    idle, idle_capped = _lower(limits.idle_usec, ceiling.idle_usec)
    longest, max_capped = _lower(limits.max_usec, ceiling.max_usec)
    lock_for, lock_capped = _lower(limits.lock_for_usec, ceiling.lock_for_usec)
    busy_max, busy_capped = _lower(limits.busy_max_usec, ceiling.busy_max_usec if limits.busy else None)
    hold_max, hold_capped = _lower(limits.hold_max_usec, ceiling.hold_max_usec)
    assert busy_max is not None
    assert hold_max is not None
    lowered = {
        "idle": idle_capped,
        "max": max_capped,
        "lock_for": lock_capped,
        "busy_max": busy_capped,
        "hold_max": hold_capped,
    }
    capped = tuple(name for name, is_lower in lowered.items() if is_lower)
    if not capped:
        return limits, ()
    limits = replace(limits, idle_usec=idle, max_usec=longest, busy_max_usec=busy_max, hold_max_usec=hold_max)
    return fit_leads(replace(limits, lock_for_usec=lock_for)), capped


def _lower(limit: int | None, ceiling: int | None) -> tuple[int | None, bool]:
    if ceiling is None or (limit is not None and limit <= ceiling):
        return limit, False
    return ceiling, True
