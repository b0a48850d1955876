"""Calculate the period of regular signs from the looks between which they came. Pure.

Sign i was given at t0 + i * period. Each look bounds some sign from below (the previous look had not seen it) and some
from above. So t0 and the period lie in a polygon, which bounds the period and the time of the next sign.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple


class Bound(NamedTuple):
    """The signs of one look, by number: `first` was not given before `since_usec`, nor `last` after `until_usec`."""

    first: int
    since_usec: int
    last: int
    until_usec: int


@functools.lru_cache(maxsize=64)
def periods(bounds: tuple[Bound, ...]) -> tuple[float | None, float | None]:
    """Return the shortest and the longest period that the bounds allow; None if they do not bound it."""
    lows = [(b.since_usec - a.until_usec) / (b.first - a.last) for a in bounds for b in bounds if a.last < b.first]
    highs = [(b.until_usec - a.since_usec) / (b.last - a.first) for a in bounds for b in bounds if a.first < b.last]
    return max(lows, default=None), min(highs, default=None)


@functools.lru_cache(maxsize=64)
def window_of(bounds: tuple[Bound, ...], sign: int) -> tuple[int, int] | None:
    """Return the earliest and the latest time of a sign; None while there are no bounds on both sides.

    For a sign after all bounded ones, the latest time is on the steepest line that a lower bound and a later upper
    bound allow, and the earliest is on the flattest line that an upper bound and a later lower bound allow.
    """
    latest = [
        b.until_usec + (sign - b.last) * (b.until_usec - a.since_usec) / (b.last - a.first)
        for a in bounds
        for b in bounds
        if a.first < b.last
    ]
    earliest = [
        b.since_usec + (sign - b.first) * (b.since_usec - a.until_usec) / (b.first - a.last)
        for a in bounds
        for b in bounds
        if a.last < b.first
    ]
    return (math.floor(max(earliest)), math.ceil(min(latest))) if earliest and latest else None
