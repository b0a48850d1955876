"""Holds: audited exceptions for one session each, which expire.

Pure. While a session is held, it has the limits of its rule with the action `observe`: it is never touched, and what
would have happened is logged. How long a hold may last:

1. A user's hold of their own session ends at the latest `hold_max` after the session's last evidence, and `hold_max`
   after the `max` of its rule. The request is not evidence: a program that requests holds again and again gains
   nothing.
2. Root's hold ends at the latest LONGEST_HOLD_USEC after the request, or the ceiling's `hold_max` after it.
3. No hold outlasts the ceiling's `idle` and `max`, less the shortest warning that is due then. The ceiling does not
   apply to rules that are exempt from it.

Whenever other limits apply, trim() shortens the hold to what latest_usec() allows under them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.limits import LONGEST_HOLD_USEC, Action, Limits

LONGEST_REASON = 200
"""Characters: one or two lines of the journal."""


class Hold(NamedTuple):
    """A hold. Times are boot-time microseconds; `by` is who requested it, as text, and `why` is their reason.

    `action` is the action of the session's rule; None if no rule is known.
    """

    since_usec: int
    until_usec: int
    uid: int
    by: str
    why: str
    action: Action | None = None


def is_over(hold: Hold | None, now_usec: int) -> bool:
    """Return whether there is a hold and its time is over."""
    return hold is not None and hold.until_usec <= now_usec


@dataclass(frozen=True)
class Bounds:
    """What bounds the holds of one session: the limits of its rule, the ceiling, its age and its last evidence."""

    limits: Limits
    ceiling: Ceiling
    opened_usec: int
    evidence_usec: int


def latest_usec(bounds: Bounds, uid: int, since_usec: int) -> tuple[int, str]:
    """Return when a hold that this user requested at `since_usec` ends at the latest, and the policy key behind it."""
    ceiling = bounds.ceiling
    lead = bounds.limits.warn_usec[-1] if bounds.limits.warn_usec else 0
    longest = LONGEST_HOLD_USEC if ceiling.hold_max_usec is None else ceiling.hold_max_usec
    candidates = [(since_usec + longest, "ceiling: hold_max" if ceiling.hold_max_usec is not None else "a week")]
    if uid != 0:
        own = bounds.limits.hold_max_usec
        # (not evidence + 0: evidence can be a few seconds ahead of the clock)
        candidates.append((bounds.evidence_usec + own if own else 0, "hold_max"))
        if bounds.limits.max_usec is not None:
            candidates.append((bounds.opened_usec + bounds.limits.max_usec + own, "hold_max"))
    if ceiling.idle_usec is not None:
        candidates.append((bounds.evidence_usec + ceiling.idle_usec - lead, "ceiling: idle"))
    if ceiling.max_usec is not None:
        candidates.append((bounds.opened_usec + ceiling.max_usec - lead, "ceiling: max"))
    return min(candidates)


def trim(hold: Hold, bounds: Bounds) -> Hold:
    """Return the hold shortened to what the bounds of now allow; it never becomes longer."""
    latest, _ = latest_usec(bounds, hold.uid, hold.since_usec)
    return hold if hold.until_usec <= latest else hold._replace(until_usec=latest)
