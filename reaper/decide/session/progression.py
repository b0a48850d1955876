"""What is known of signs of one pace, each of which was only seen to have come between two looks. Pure.

Sign i was given at t0 + i * period. Each look bounds some sign from below (the look before did not see it) and some
from above, so t0 and the period lie in a polygon, from which follows what the period and the next sign can be.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple


class Bound(NamedTuple):
    """Of the signs that one look saw: the first was not given before, nor the last after."""

    first: int
    since_usec: int
    last: int
    until_usec: int


@functools.lru_cache(maxsize=64)
def periods(bounds: tuple[Bound, ...]) -> tuple[float | None, float | None]:
    """The shortest and the longest period that the bounds allow; None where they do not limit it."""
    lows = [(b.since_usec - a.until_usec) / (b.first - a.last) for a in bounds for b in bounds if a.last < b.first]
    highs = [(b.until_usec - a.since_usec) / (b.last - a.first) for a in bounds for b in bounds if a.first < b.last]
    return max(lows, default=None), min(highs, default=None)


@functools.lru_cache(maxsize=64)
def window_of(bounds: tuple[Bound, ...], sign: int) -> tuple[int, int] | None:
    """The earliest and the latest moment for a sign to come; None before there are bounds on both sides.

    For a sign after all that are bounded, the ends are where two bounds meet: the steepest line that a lower bound and
    a later upper one leave, and the flattest that an upper bound and a later lower one do.
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
