"""What a look saw of what is typed, and a rhythm that it may have; robots.py tells whether that is a robot's. Pure."""

from __future__ import annotations

from typing import NamedTuple

from reaper.decide.session.progression import Bound, periods
from reaper.decide.text.duration import USEC_PER_SEC, format_duration


class Observation(NamedTuple):
    """What one look saw of all that was typed since the one before.

    Times are microseconds since boot. `since_usec` is when the look before began, `at_usec` when this one did, and
    `until_usec` when it was over. `octets` is exactly how much was typed; None where nothing counts it. `dated` are the
    first and the last moment that the times of the terminal and of the connection leave for a sign; None where they
    tell of none, and (since_usec, until_usec) where they do not tell when. `is_odd`: there were several, uncounted.
    """

    since_usec: int
    at_usec: int
    until_usec: int
    octets: int | None
    dated: tuple[int, int] | None = None
    is_odd: bool = False

    @property
    def is_typed(self) -> bool:
        """Whether anything was typed."""
        return bool(self.octets) if self.octets is not None else self.dated is not None


class Rhythm(NamedTuple):
    """Signs that may be of one pace. A session has one from its first sign on, and a new one with each irregular sign.

    `size`: bytes a sign; 0 where nothing counts them. `signs` have been given, the first of them at `began_usec` at the
    latest. A bet is that sign number `target` comes from `opens_usec` on, but not after `closes_usec`; `opened_usec` is
    when the look for its opening was. `look_usec`: when to look next for its sake. `decided_usec`: since when it is
    taken for a robot's, and `missed` how many of its signs have not come since. `other_usec`: the last evidence of
    another kind than input since it began. All but `size` and `signs` are 0 for none.
    """

    size: int
    signs: int
    began_usec: int
    bounds: tuple[Bound, ...]
    score: int = 0
    target: int = 0
    opens_usec: int = 0
    opened_usec: int = 0
    closes_usec: int = 0
    look_usec: int = 0
    decided_usec: int = 0
    missed: int = 0
    other_usec: int = 0

    @property
    def alone_usec(self) -> int:
        """Since when all evidence was its own."""
        return max(self.began_usec, self.other_usec)

    @property
    def period_usec(self) -> int:
        """The middle of what the period can be; 0 before anything tells."""
        low, high = periods(self.bounds)
        return 0 if low is None or high is None else round((low + high) / 2)


def with_other_evidence(rhythm: Rhythm | None, usec: int) -> Rhythm | None:
    """A rhythm beside which there was evidence of another kind at a moment."""
    return None if rhythm is None else rhythm._replace(other_usec=max(rhythm.other_usec, usec))


def is_decided(before: Rhythm | None, after: Rhythm) -> bool:
    """Whether a rhythm has just been found to be a robot's."""
    return bool(after.decided_usec) and not (before is not None and before.decided_usec)


def describe(rhythm: Rhythm) -> str:
    """What a rhythm is, in words: "one code of 3 bytes every 30s"."""
    size = f" of {rhythm.size} {'byte' if rhythm.size == 1 else 'bytes'}" if rhythm.size else ""
    tenths = max(1, round(rhythm.period_usec * 10 / USEC_PER_SEC))
    return f"one code{size} every {format_duration(tenths * USEC_PER_SEC // 10)}"
