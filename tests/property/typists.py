"""Users and robots at a terminal, and a daemon that looks at it, in simulated time: to test how rhythms are judged.

A typist yields signs: when each is given (microseconds) and how many bytes it has. Watch looks at them as the daemon
does, through a terminal whose atime moves once in eight seconds, or with an exact count.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Callable

from reaper.decide.session import robots
from reaper.decide.session.rhythm import Observation, Rhythm
from tests.unit.simulated import MINUTE, SECOND

Signs = Iterator[tuple[int, int]]
Typist = Callable[[random.Random], Signs]
HOUR = 60 * MINUTE
BUCKET = 8 * SECOND


def usec(seconds: float) -> int:
    return max(1, round(seconds * SECOND))


def log_normal(chance: random.Random, median: float, sigma: float) -> float:
    return median * math.exp(chance.gauss(0, sigma))


# People.


def working(chance: random.Random) -> Signs:
    """Types commands, reads their output, thinks, and is away now and then."""
    at = 0
    while True:
        for _ in range(chance.randint(1, 60)):
            at += usec(log_normal(chance, 0.18, 0.5))
            yield at, chance.choice([1, 1, 1, 1, 1, 3])
        at += usec(log_normal(chance, 8, 1.2))


def holding_keys(chance: random.Random) -> Signs:
    """Scrolls with a key held down, which repeats thirty times a second, or as slowly as twice."""
    at = 0
    while True:
        gap = chance.choice([1 / 30, 1 / 25, 1 / 10.9, 0.5])
        size = chance.choice([1, 3])
        for _ in range(int(log_normal(chance, 3, 1.5) / gap) + 1):
            at += usec(gap)
            yield at, size
        at += usec(log_normal(chance, 4, 1))


def weighing_down(chance: random.Random) -> Signs:
    """Has a book lying on a key for hours."""
    gap = usec(chance.choice([1 / 30, 1 / 10.9, 0.5]))
    at = 0
    while True:
        at += gap
        yield at, 1


def glancing(chance: random.Random) -> Signs:
    """Has top in the foreground, and presses a key now and then."""
    at = 0
    while True:
        at += usec(log_normal(chance, 90, 0.7))
        yield at, 1


def paging(chance: random.Random) -> Signs:
    """Reads page after page, as regularly as reading gets (a deviation of a tenth)."""
    at, pace = 0, log_normal(chance, 40, 0.3)
    while True:
        at += usec(log_normal(chance, pace, 0.1))
        yield at, 1


def answering(chance: random.Random) -> Signs:
    """Presses one key after every warning, at once: with a median of 350 ms, and a deviation of a tenth of a second.

    The warning comes at an exact time after the end of the eight seconds of the key before.
    """
    at, lead = usec(chance.uniform(1, 8)), chance.choice([30, 40, 45, 60, 240, 600]) * SECOND
    while True:
        yield at, 1
        at = (at // BUCKET + 1) * BUCKET + lead + usec(log_normal(chance, 0.35, 0.3))


def answering_clock(chance: random.Random) -> Signs:
    """Presses a key each time that a clock strikes, with the same reaction time."""
    period = chance.choice([5, 10, 15, 20, 30, 60, 60, 300]) * SECOND
    strike = usec(chance.uniform(0, 60))
    while True:
        strike += period
        yield strike + usec(log_normal(chance, 0.35, 0.3)), 1


def tapping(chance: random.Random) -> Signs:
    """Keeps time without a clock, as a musician can: with a deviation of 3 % of the interval."""
    pace = chance.choice([0.5, 1, 2, 4, 5, 8, 15])
    at = 0
    while True:
        at += usec(chance.gauss(pace, 0.03 * pace))
        yield at, 1


PEOPLE: list[Typist] = [
    working, holding_keys, weighing_down, glancing, paging, answering, answering_clock, tapping,
]  # fmt: skip


# Robots.


def robot(period: float, size: int = 1, jitter: float = 0.002, drift: float = 0.0) -> Typist:
    """Sends one code every `period` seconds; the network delays them, and `drift` adds up."""

    def signs(chance: random.Random) -> Signs:
        at = chance.uniform(0, period)
        while True:
            at += period + drift
            yield usec(at + chance.expovariate(1 / jitter)), size

    return signs


def joined(first: Typist, after: int, second: Typist) -> Typist:
    """Is one until a moment, then the other."""

    def signs(chance: random.Random) -> Signs:
        for at, size in first(chance):
            if at >= after:
                break
            yield at, size
        for at, size in second(chance):
            yield at + after, size

    return signs


@dataclass
class Watch:
    """One terminal, and a daemon that looks at it every `poll` and when the rhythm asks for it."""

    typist: Typist
    chance: random.Random
    is_counted: bool
    poll: int = 15 * SECOND
    lateness: float = 0.002  # of a look, in seconds: the mean
    now: int = 0
    atime: int = -1
    rhythm: Rhythm | None = None
    looks: int = 0
    best: int = 0  # the highest score
    verdicts: list[int] = field(default_factory=list)
    counted: list[int] = field(default_factory=list)  # looks at which signs counted

    def __post_init__(self) -> None:
        self.signs = self.typist(self.chance)
        self.ahead = next(self.signs)
        self.polled = 0

    def run(self, until: int) -> None:
        while self.now < until:
            due = self.polled + self.poll
            look = self.rhythm.look_usec if self.rhythm else 0
            is_poll = not look or due <= look
            at = max(due if is_poll else look, self.now + 1) + usec(self.chance.expovariate(1 / self.lateness))
            if is_poll:
                self.polled = at
            self.look(at)

    def look(self, at: int) -> None:
        since, octets, before = self.now, 0, self.atime
        while self.ahead[0] <= at:
            typed, size = self.ahead
            octets += size
            if typed // BUCKET != self.atime // BUCKET:
                self.atime = typed // SECOND * SECOND
            self.ahead = next(self.signs)
        self.now = at
        dated = (self.atime, self.atime + SECOND) if self.atime != before else None
        seen = Observation(since, at, at + 300, octets if self.is_counted else None, dated)
        was_decided = bool(self.rhythm and self.rhythm.decided_usec)
        self.rhythm, counts = robots.update(self.rhythm, seen)
        self.looks += 1
        if self.rhythm is not None:
            self.best = max(self.best, self.rhythm.score)
            assert not self.rhythm.look_usec or self.rhythm.look_usec > at
            if self.rhythm.decided_usec and not was_decided:
                self.verdicts.append(at)
        if counts and seen.is_typed:
            self.counted.append(at)
