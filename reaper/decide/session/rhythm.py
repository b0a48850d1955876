"""The data of regular input: what each look saw of it, and its rhythm; robots.py judges it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from reaper.decide.session.progression import Bound, periods
from reaper.decide.text.duration import USEC_PER_SEC, format_duration


class Observation(NamedTuple):
    """What one look saw of the input since the previous look. Times are microseconds since boot.

    - `since_usec`: when the previous look began; `at_usec`: when this one began; `until_usec`: when it was over.
    - `octets`: exactly how many bytes were typed; None if they cannot be counted.
    - `dated`: the earliest and the latest time of a sign by the times of terminal and connection; None if there was no
      sign, and (since_usec, until_usec) if they do not show when it was.
    - `is_odd`: there were several signs, and they cannot be counted.
    """

    since_usec: int
    at_usec: int
    until_usec: int
    octets: int | None
    dated: tuple[int, int] | None = None
    is_odd: bool = False

    @property
    def is_typed(self) -> bool:
        """Whether there was input."""
        return bool(self.octets) if self.octets is not None else self.dated is not None


class Rhythm(NamedTuple):
    """Signs that may be regular. It begins with a session's first sign, and again with each irregular one.

    - `size`: bytes of each sign; 0 if they cannot be counted.
    - `signs`: how many signs there were; `began_usec`: the latest possible time of the first.
    - `bounds`: what is known of the times of the last signs (progression.py); `score`: the result of all bets so far.
    - `target`: the number of the sign that the current bet is about. The bet says that the sign comes between
      `opens_usec` and `closes_usec`; `opened_usec` is when the daemon took the look that opens the bet.
    - `look_usec`: when to look next because of the rhythm.
    - `decided_usec`: since when it is known to be a robot's; `missed`: how many of its signs did not come since then.
    - `other_usec`: the last evidence of a kind other than input since the rhythm began.

    All but `size` and `signs` are 0 for none.
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
        """The time since which all evidence of the session was this rhythm."""
        return max(self.began_usec, self.other_usec)

    @property
    def period_usec(self) -> int:
        """The middle of the possible range of the period; 0 while it is not known."""
        low, high = periods(self.bounds)
        return 0 if low is None or high is None else round((low + high) / 2)


def with_other_evidence(rhythm: Rhythm | None, usec: int) -> Rhythm | None:
    """Return the rhythm, noting that there was evidence of another kind at a moment."""
    return None if rhythm is None else rhythm._replace(other_usec=max(rhythm.other_usec, usec))


def is_decided(before: Rhythm | None, after: Rhythm) -> bool:
    """Return whether a rhythm has just been found to be a robot's."""
    return bool(after.decided_usec) and not (before is not None and before.decided_usec)


def describe(rhythm: Rhythm) -> str:
    """Return a rhythm as text: "one code of 3 bytes every 30s"."""
    size = f" of {rhythm.size} {'byte' if rhythm.size == 1 else 'bytes'}" if rhythm.size else ""
    tenths = max(1, round(rhythm.period_usec * 10 / USEC_PER_SEC))
    return f"one code{size} every {format_duration(tenths * USEC_PER_SEC // 10)}"
