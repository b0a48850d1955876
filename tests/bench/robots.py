"""How often a person is taken for a robot, and how soon a robot is recognized.

    python3 -m tests.bench.robots [HOURS [PERSON...]]

Simulates each person of tests/property/typists.py, or those named, for HOURS of a session (1,000 by default), both with
counted bytes and by the terminal's times, and prints which scores their rhythms reach. decide/session/robots.py claims
that of the rhythms that a person begins, at most a share of exp(-s) reaches a score of s. The table shows this share
for s = ln 10, ln 100 and so on, and an upper bound of the false verdicts in an hour: the number of rhythms that have
bet, times exp(-CONVINCING). It needs no host, as time is simulated.
"""

from __future__ import annotations

import math
import random
import statistics
import sys

from reaper.decide.session.robots import CONVINCING, LEAST_USEC
from tests.property.typists import HOUR, PEOPLE, Typist, Watch, robot
from tests.unit.simulated import MINUTE

DECADES = 4
SHIFT = 10 * HOUR


def scores(person: Typist, is_counted: bool, hours: int) -> tuple[list[int], int]:
    """Returns the highest score of each rhythm that has bet, and the number of verdicts."""
    highest: list[int] = []
    verdicts = 0
    for seed in range(math.ceil(hours * HOUR / SHIFT)):
        watch = Scored(person, random.Random(seed), is_counted)
        watch.run(SHIFT)
        highest += [*watch.highest, *([watch.high] if watch.has_bet else [])]
        verdicts += len(watch.verdicts)
    return highest, verdicts


class Scored(Watch):
    """Keeps the highest score of each rhythm."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.highest: list[int] = []
        self.high, self.has_bet, self.began = 0, False, 0

    def look(self, at: int) -> None:
        super().look(at)
        began = self.rhythm.began_usec if self.rhythm else 0
        if began != self.began:
            if self.has_bet:
                self.highest.append(self.high)
            self.high, self.has_bet, self.began = 0, False, began
        if self.rhythm is not None:
            self.has_bet = self.has_bet or bool(self.rhythm.target)
            self.high = max(self.high, self.rhythm.score)


def show_people(hours: int, people: list[Typist]) -> None:
    limits = [round(1000 * math.log(10**decade)) for decade in range(1, DECADES + 1)]
    wanted = "  ".join(f"{10.0**-decade:7.0e}" for decade in range(1, DECADES + 1))
    print(f"{'person':34} bets/h  at most {wanted}  false verdicts/h, at most")
    for person in people:
        for is_counted in (True, False):
            highest, verdicts = scores(person, is_counted, hours)
            assert not verdicts
            shares = "  ".join(
                f"{sum(each >= limit for each in highest) / max(1, len(highest)):7.0e}" for limit in limits
            )
            rate = len(highest) / hours
            bound = rate * math.exp(-CONVINCING / 1000)
            name = f"{person.__name__}, {'counted' if is_counted else 'by times'}"
            print(f"{name:34} {rate:6.2f}          {shares}  {bound:.0e}")


def show_robots() -> None:
    print(f"\nminutes until a robot is recognized, median of 9 (at least {LEAST_USEC // MINUTE}); looks an hour")
    for period in (5, 10, 15, 30, 60, 120, 240, 300):
        told = []
        for is_counted in (True, False):
            watches = [Watch(robot(period), random.Random(seed), is_counted) for seed in range(9)]
            for watch in watches:
                watch.run(6 * HOUR)
            found = [watch.verdicts[0] / MINUTE if watch.verdicts else math.inf for watch in watches]
            told.append(f"{statistics.median(found):6.1f} {watches[0].looks / 6:6.0f}")
        print(f"every {period:3} s: counted {told[0]}, by times {told[1]}")


if __name__ == "__main__":
    named = [person for person in PEOPLE if person.__name__ in sys.argv[2:]]
    show_people(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, named or PEOPLE)
    show_robots()
