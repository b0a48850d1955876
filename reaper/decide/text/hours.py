"""Parse hours of the week, with days as in systemd.time(7), and test whether a moment is within them. Pure.

``Mon..Fri 08:00-18:00``: the days, then the time span on each of them. Days without a time are whole days; a time
without days is for every day. Hours that pass midnight belong to the day on which they begin: ``Fri 22:00-06:00`` ends
on Saturday.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from reaper.errors import ReaperError

MINUTES_PER_DAY = 24 * 60
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EVERY_DAY = frozenset(range(len(DAYS)))

LONGEST_TEXT = 200
"""The most characters of hours: seven days by their long names and a time are 64."""

_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS = {name: number for number, day in enumerate(_NAMES) for name in (day, day[:3])}
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_EXAMPLE = "write it as Mon..Fri 08:00-18:00, Sat,Sun, or 22:00-06:00"
_DAYS_HINT = "the days are Mon, Tue, Wed, Thu, Fri, Sat, Sun; Mon..Fri is a range, Mon,Wed a list"
_TIME_HINT = "times are from 00:00 to 24:00"


class HoursError(ReaperError):
    """A text is not hours of the week; the message says what is wrong, and the hint how to write them."""

    def __init__(self, message: str, hint: str = _EXAMPLE) -> None:
        super().__init__("hours-invalid", message, hint)


class LocalTime(NamedTuple):
    """A moment of the week in the host's local time: the weekday (Monday is 0) and the minute of that day."""

    weekday: int
    minute: int

    def __str__(self) -> str:
        return f"{DAYS[self.weekday]} {_clock(self.minute)}"


class LocalMoment(NamedTuple):
    """A moment in the host's local time with its date: year, month, day."""

    date: tuple[int, int, int]
    time: LocalTime

    def relative_to(self, now: LocalMoment) -> str:
        """Return the moment as text for a reader at `now`: "14:32", with the date in front if it is another day."""
        if self.date == now.date:
            return _clock(self.time.minute)
        year, month, day = self.date
        return f"{DAYS[self.time.weekday]} {year}-{month:02}-{day:02} {_clock(self.time.minute)}"


class Hours(NamedTuple):
    """A time span on each of some days: from minute `begin` up to but not including `end`, which may be the next day.

    Minutes count from midnight of the day; an `end` above MINUTES_PER_DAY is on the day after.
    """

    days: frozenset[int]
    begin: int
    end: int

    def __str__(self) -> str:
        is_whole_day = (self.begin, self.end) == (0, MINUTES_PER_DAY)
        end = self.end if self.end <= MINUTES_PER_DAY else self.end - MINUTES_PER_DAY
        parts = [] if self.days == EVERY_DAY and not is_whole_day else [_format_days(self.days)]
        return " ".join([*parts, *([] if is_whole_day else [f"{_clock(self.begin)}-{_clock(end)}"])])

    def covers(self, now: LocalTime) -> bool:
        """Return whether a moment is within these hours."""
        if now.weekday in self.days and self.begin <= now.minute < self.end:
            return True
        return (now.weekday - 1) % len(DAYS) in self.days and now.minute < self.end - MINUTES_PER_DAY


def is_within(hours: Iterable[Hours], now: LocalTime) -> bool:
    """Return whether a moment is within any of these hours."""
    return any(each.covers(now) for each in hours)


def parse_hours(text: str) -> Hours:
    """Parse ``DAYS``, ``TIME-TIME``, or both with the days first; str() of the result writes it. Raises HoursError."""
    if len(text) > LONGEST_TEXT:
        raise HoursError(f"hours of {len(text)} characters are too long")
    words = re.sub(r"\s*(,|\.\.|-)\s*", r"\1", text.strip()).split()
    if not words:
        raise HoursError("the hours are empty")
    if len(words) > 2:
        raise HoursError(f"'{text}' has more than days and a time", "write a list: [Mon 08:00-12:00, Fri 09:00-15:00]")
    times = words.pop() if ":" in words[-1] else ""
    if len(words) > 1:
        raise HoursError(f"'{words[1]}' is not a time", _EXAMPLE)
    if words and ":" in words[0]:
        raise HoursError(f"'{text}' has two times", "write a list: [08:00-12:00, 13:00-17:00]")
    begin, end = _parse_times(times) if times else (0, MINUTES_PER_DAY)
    return Hours(_parse_days(words[0]) if words else EVERY_DAY, begin, end)


def parse_local_time(text: str) -> LocalTime:
    """Parse a moment of the week as str() of it writes it: ``Mon 14:30``. Raises HoursError."""
    words = text[: LONGEST_TEXT + 1].split()
    if len(words) != 2:
        raise HoursError(f"'{text[:LONGEST_TEXT]}' is not a moment of the week", "write a day and a time, as Mon 14:30")
    minute = _parse_time(words[1])
    if minute == MINUTES_PER_DAY:
        raise HoursError(f"'{words[1]}' is the end of a day", "write 00:00 and the next day")
    return LocalTime(_parse_day(words[0], text), minute)


def _parse_days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, dots, last = part.partition("..")
        begin = _parse_day(first, text)
        span = (_parse_day(last, text) - begin) % len(DAYS) if dots else 0
        days.update((begin + more) % len(DAYS) for more in range(span + 1))
    return frozenset(days)


def _parse_day(text: str, where: str) -> int:
    number = _NUMBERS.get(text.lower())
    if number is None:
        what = f"'{text}' in '{where}' is not a day of the week" if text else f"a day is missing in '{where}'"
        raise HoursError(what, _DAYS_HINT)
    return number


def _parse_times(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not dash:
        raise HoursError(f"'{text}' has no end", "write the beginning and the end, as 08:00-18:00")
    begin, end = _parse_time(first), _parse_time(last)
    if begin == MINUTES_PER_DAY:
        raise HoursError(f"'{text}' begins at the end of a day", "write 00:00 and the next day")
    if begin == end:
        raise HoursError(f"'{text}' begins when it ends", "leave out the time for the whole day")
    return begin, end if end > begin else end + MINUTES_PER_DAY


def _parse_time(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise HoursError(f"'{text}' is not a time of day", "write hours and minutes, as 08:00")
    hour, minute = int(match[1]), int(match[2])
    if minute > 59 or hour * 60 + minute > MINUTES_PER_DAY:
        raise HoursError(f"'{text}' is not a time of day", _TIME_HINT)
    return hour * 60 + minute


def _format_days(days: frozenset[int]) -> str:
    """Return three or more days in a row as a range, others one by one; a week begins on Monday."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    names = [[DAYS[day] for day in run] for run in runs]
    return ",".join(f"{run[0]}..{run[-1]}" if len(run) > 2 else ",".join(run) for run in names)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
