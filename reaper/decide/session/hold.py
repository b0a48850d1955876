"""Holds: audited exceptions that expire, each for one session.

Pure. While a session is held, its limits are those of its rule with `observe` in place of the rule's action: it is
never touched, and what would have happened is logged. How long a hold may last:

1. A person's own ends `hold_max` after their last sign of life at the latest, and `hold_max` after the `max` of their
   rule. Asking for it is no sign of life: a program that asks again and again gains nothing by it.
2. An administrator's (root's) ends LONGEST_HOLD_USEC after it was asked for, or the ceiling's `hold_max`.
3. Nobody's outlasts the ceiling's `idle` and `max`, less the shortest warning that is due then. A rule that the
   ceiling does not cover has none of these.

latest_usec() is asked again whenever other limits apply, so what a hold was granted under does not outlast the policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.limits import LONGEST_HOLD_USEC, Action, Limits

LONGEST_REASON = 200
"""Characters: a line or two of the journal."""


class Hold(NamedTuple):
    """One exception. Times are boot-time microseconds; `by` is who asked, in words, and `why` their reason.

    `action` is what the rule has at its limit; None where no rule is known.
    """

    since_usec: int
    until_usec: int
    uid: int
    by: str
    why: str
    action: Action | None = None


def is_over(hold: Hold | None, now_usec: int) -> bool:
    """Whether there is a hold whose time is over."""
    return hold is not None and hold.until_usec <= now_usec


@dataclass(frozen=True)
class Bounds:
    """What limits the holds of one session: its rule's limits, the ceiling over them, its age and last evidence."""

    limits: Limits
    ceiling: Ceiling
    opened_usec: int
    evidence_usec: int


def latest_usec(bounds: Bounds, uid: int, since_usec: int) -> tuple[int, str]:
    """When a hold that this user asked for at `since_usec` ends at the latest, and what says so, as the policy does."""
    ceiling = bounds.ceiling
    lead = bounds.limits.warn_usec[-1] if bounds.limits.warn_usec else 0
    longest = LONGEST_HOLD_USEC if ceiling.hold_max_usec is None else ceiling.hold_max_usec
    candidates = [(since_usec + longest, "ceiling: hold_max" if ceiling.hold_max_usec is not None else "a week")]
    if uid != 0:
        own = bounds.limits.hold_max_usec
        candidates.append((bounds.evidence_usec + own if own else 0, "hold_max"))  # evidence can be ahead of the clock
        if bounds.limits.max_usec is not None:
            candidates.append((bounds.opened_usec + bounds.limits.max_usec + own, "hold_max"))
    if ceiling.idle_usec is not None:
        candidates.append((bounds.evidence_usec + ceiling.idle_usec - lead, "ceiling: idle"))
    if ceiling.max_usec is not None:
        candidates.append((bounds.opened_usec + ceiling.max_usec - lead, "ceiling: max"))
    return min(candidates)


def trim(hold: Hold, bounds: Bounds) -> Hold:
    """The hold under limits that have come to apply since: never longer than it was."""
    latest, _ = latest_usec(bounds, hold.uid, hold.since_usec)
    return hold if hold.until_usec <= latest else hold._replace(until_usec=latest)
