"""Whose processes are not read, as one of them once made the daemon wait: what is remembered of that, and for how long.

One who could end and begin it as they like would have the daemon start again each time, and a daemon that starts again
and again ends nobody's session: warnings count only while somebody watches. So each time after the first lasts for an
hour at least, and twice as long as the time before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace

from reaper.decide.text.duration import USEC_PER_HOUR

# As many users are remembered; those that are trusted again and longest ago are forgotten first.
MOST = 64
_MOST_DOUBLINGS = 5  # 32 hours


@dataclass(frozen=True)
class Stuck:
    """A process that could not be read, and whose it was."""

    pid: int
    uid: int  # whose processes are not read; 0 for that process alone, as it is root's
    is_strict: bool  # not even those that only sshd, login and the like can have started
    since_usec: int  # boot-time clock
    times: int = 1
    is_over: bool = False

    @property
    def until_usec(self) -> int:
        """The earliest moment at which it may be over."""
        return self.since_usec + (USEC_PER_HOUR << min(self.times - 2, _MOST_DOUBLINGS) if self.times > 1 else 0)


def add(known: Iterable[Stuck], new: Stuck) -> tuple[Stuck, ...]:
    """Adds what has just happened to what is remembered."""
    before = [each for each in known if _is_same(each, new)]
    others = [each for each in known if not _is_same(each, new)]
    times = new.times + sum(each.times for each in before)
    is_strict = new.is_strict or any(each.is_strict for each in before)
    newest = sorted([*others, replace(new, times=times, is_strict=is_strict)], key=_worth, reverse=True)
    return tuple(newest[:MOST])


def end(known: Iterable[Stuck], which: Stuck) -> tuple[Stuck, ...]:
    """Ends one; a user's is remembered, for the next time."""
    return tuple(replace(each, is_over=True) if each == which else each for each in known if each != which or which.uid)


def _is_same(one: Stuck, other: Stuck) -> bool:
    return one.uid == other.uid and (bool(one.uid) or one.pid == other.pid)


def _worth(each: Stuck) -> tuple[bool, int]:
    return not each.is_over, each.since_usec


def encode(known: Iterable[Stuck]) -> str:
    """What is remembered, as it is kept in a file."""
    return "".join(json.dumps(asdict(each)) + "\n" for each in known)


def decode(text: str) -> tuple[Stuck, ...]:
    """What such a file says; a line that is none of ours is passed over."""
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
