"""Users whose processes the daemon does not read, because reading one of them blocked it, and for how long. Pure.

Each time the daemon blocks, it is restarted. A user who could cause this again and again would keep it from ending any
session, because warnings count only while the daemon watches. So each time after the first lasts at least an hour, and
twice as long as the time before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace

from reaper.decide.text.duration import USEC_PER_HOUR

# The most that are remembered; those that are over, and the oldest of them, are forgotten first.
MOST = 64
_MOST_DOUBLINGS = 5  # 32 hours


@dataclass(frozen=True)
class Stuck:
    """A process that could not be read, and its user."""

    pid: int
    uid: int  # the user whose processes are not read; 0 for this process alone, which is root's
    is_strict: bool  # not even processes that only sshd, login and the like can have started are read
    since_usec: int  # boot-time clock
    times: int = 1
    is_over: bool = False

    @property
    def until_usec(self) -> int:
        """The earliest time at which it may be over."""
        return self.since_usec + (USEC_PER_HOUR << min(self.times - 2, _MOST_DOUBLINGS) if self.times > 1 else 0)


def add(known: Iterable[Stuck], new: Stuck) -> tuple[Stuck, ...]:
    """Return what is remembered, with one more."""
    before = [each for each in known if _is_same(each, new)]
    others = [each for each in known if not _is_same(each, new)]
    times = new.times + sum(each.times for each in before)
    is_strict = new.is_strict or any(each.is_strict for each in before)
    newest = sorted([*others, replace(new, times=times, is_strict=is_strict)], key=_worth, reverse=True)
    return tuple(newest[:MOST])


def end(known: Iterable[Stuck], which: Stuck) -> tuple[Stuck, ...]:
    """Return what is remembered with one marked as over; one of root's is forgotten."""
    return tuple(replace(each, is_over=True) if each == which else each for each in known if each != which or which.uid)


def _is_same(one: Stuck, other: Stuck) -> bool:
    return one.uid == other.uid and (bool(one.uid) or one.pid == other.pid)


def _worth(each: Stuck) -> tuple[bool, int]:
    return not each.is_over, each.since_usec


def encode(known: Iterable[Stuck]) -> str:
    """Return the text of a file of these."""
    return "".join(json.dumps(asdict(each)) + "\n" for each in known)


def decode(text: str) -> tuple[Stuck, ...]:
    """Return what such a file has; invalid lines are skipped."""
    found = (_decode_line(line) for line in text.split("\n"))
    return tuple(each for each in found if each is not None)[:MOST]


def _decode_line(line: str) -> Stuck | None:
    try:
        values = json.loads(line)
        kinds = {field.name: bool if field.name.startswith("is_") else int for field in fields(Stuck)}
        if {name: type(value) for name, value in values.items()} != kinds:
            return None
        stuck = Stuck(**values)
    except (ValueError, AttributeError, RecursionError):
        return None
    return stuck if stuck.pid > 0 and stuck.uid >= 0 and 0 < stuck.times < 1 << 32 else None
