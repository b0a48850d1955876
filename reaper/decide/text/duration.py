"""Parse and format durations as in systemd.time(7), in whole microseconds. Pure.

`never` is not a duration: a caller that accepts the word handles it before calling this module.
"""

from __future__ import annotations

import re

from reaper.errors import ReaperError

USEC_PER_MSEC = 1_000
USEC_PER_SEC = 1_000_000
USEC_PER_MIN = 60 * USEC_PER_SEC
USEC_PER_HOUR = 60 * USEC_PER_MIN
USEC_PER_DAY = 24 * USEC_PER_HOUR
USEC_PER_WEEK = 7 * USEC_PER_DAY

# systemd.time(7), "PARSING TIME SPANS": a month is 30.44 days, a year 365.25 days.
USEC_PER_MONTH = 2_629_800 * USEC_PER_SEC
USEC_PER_YEAR = 31_557_600 * USEC_PER_SEC

LONGEST_USEC = 2**63 - 1
"""The largest number that a journal field and any client's 64-bit integer can hold."""

LONGEST_TEXT = 100
"""The most characters of a duration: a page of digits is a mistake, and slow to multiply."""

_UNITS = {
    USEC_PER_YEAR: ("years", "year", "y"),
    USEC_PER_MONTH: ("months", "month", "M"),
    USEC_PER_WEEK: ("weeks", "week", "w"),
    USEC_PER_DAY: ("days", "day", "d"),
    USEC_PER_HOUR: ("hours", "hour", "hr", "h"),
    USEC_PER_MIN: ("minutes", "minute", "min", "m"),
    USEC_PER_SEC: ("seconds", "second", "sec", "s"),
    USEC_PER_MSEC: ("msec", "ms"),
    1: ("usec", "us", "\u00b5s", "\u03bcs"),  # the micro sign and the Greek letter look alike and are both typed
}
_USEC_PER = {name: usec for usec, names in _UNITS.items() for name in names}
_WRITTEN = (
    (USEC_PER_WEEK, "w"),
    (USEC_PER_DAY, "d"),
    (USEC_PER_HOUR, "h"),
    (USEC_PER_MIN, "min"),
    (USEC_PER_SEC, "s"),
    (USEC_PER_MSEC, "ms"),
    (1, "us"),
)
_UNITS_HINT = "the units are us, ms, s, min, h, d, w"
_EXAMPLE = "write it as 90s, 15min or 1h 30min"
_BARE = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_PART = re.compile(r"\s*([0-9]+)(?:\.([0-9]+))?\s*([A-Za-z\u00b5\u03bc]+)\s*")


class DurationError(ReaperError):
    """A text is not a duration; the message says what is wrong, and the hint how to write one."""

    def __init__(self, message: str, hint: str = _EXAMPLE) -> None:
        super().__init__("duration-invalid", message, hint)


def parse_duration(text: str) -> int:
    """Return the microseconds of a time span such as ``90s``, ``1h 30min`` or ``1.5h``; a number alone is seconds.

    Fractions of a microsecond are cut off, as systemd does. Unlike in systemd, a number without a unit must stand
    alone: a user who writes ``1h 30`` means minutes, and systemd would read seconds. Raises DurationError.
    """
    stripped = text.strip()
    if len(stripped) > LONGEST_TEXT:
        raise DurationError(f"a duration of {len(stripped)} characters is too long")
    bare = _BARE.fullmatch(stripped)
    usec = _scaled(bare[1], bare[2], USEC_PER_SEC) if bare else _sum_of_parts(stripped)
    if usec > LONGEST_USEC:
        raise DurationError(f"'{stripped}' is longer than 292,000 years", "write never for no limit")
    return usec


def _sum_of_parts(text: str) -> int:
    if not text:
        raise DurationError("the duration is empty")
    if text.startswith("-"):
        raise DurationError(f"'{text}' is negative")
    if text == "infinity":
        raise DurationError("'infinity' is not a duration", "write never for no limit")
    usec, position = 0, 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            raise DurationError(f"'{text}' is not a duration")
        if part[3] not in _USEC_PER:
            raise DurationError(f"'{part[3]}' in '{text}' is not a unit of time", _UNITS_HINT)
        usec += _scaled(part[1], part[2], _USEC_PER[part[3]])
        position = part.end()
    return usec


def _scaled(whole: str, fraction: str | None, unit: int) -> int:
    digits = fraction or ""
    return int(whole + digits) * unit // int(f"1{'0' * len(digits)}")


def format_duration(usec: int) -> str:
    """Return the exact time span, largest unit first: ``15min``, ``1h 30min``, ``0s``. parse_duration() reads it."""
    assert usec >= 0, usec
    parts = []
    rest = usec
    for unit, name in _WRITTEN:
        count, rest = divmod(rest, unit)
        if count:
            parts.append(f"{count}{name}")
    return " ".join(parts) or "0s"


def span(usec: int) -> str:
    """Return a time span rounded to whole seconds, for messages: "1min 30s"; "0s" for a negative one."""
    seconds = max(0, (usec + USEC_PER_SEC // 2) // USEC_PER_SEC)
    return format_duration(seconds * USEC_PER_SEC) if seconds else "0s"
