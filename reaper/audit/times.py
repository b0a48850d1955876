"""Parses times as journalctl(1) takes them (systemd.time(7)): "today", "2026-11-23 14:00", "-1h".

A time is local, by the caller's TZ, unless UTC follows it. The current time is a parameter.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone

from reaper.decide.text.duration import DurationError, parse_duration
from reaper.errors import ReaperError

_HINT = "write it as today, yesterday, 2026-11-23, '2026-11-23 14:00', 14:00, -1h or '2h ago'"
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_DATE = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_TIME = r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,6})\d*)?)?"
_WRITTEN = re.compile(
    rf"(?:(?P<word>yesterday|today|tomorrow)|{_DATE})?(?:(?:^|[ t]){_TIME})?(?P<utc> utc|z)?", re.ASCII | re.IGNORECASE
)
SPAN_BEFORE = re.compile(r"-[0-9]", re.ASCII)
"""The beginning of a time that argparse could take for an option."""
USEC = 1_000_000


class MomentError(ReaperError):
    """The text is not a time."""

    def __init__(self, text: str) -> None:
        super().__init__("moment-invalid", f"{text!r} is not a time", _HINT)


def parse_moment(text: str, now_usec: int) -> int:
    """Parses a time into microseconds of the wall clock. Raises MomentError."""
    written = " ".join(text.split())
    try:
        if written.lower() == "now":
            return now_usec
        if written.startswith("@"):
            return round(float(written[1:]) * USEC)
        if written[:1] in ("-", "+"):
            length = parse_duration(written[1:])
            return now_usec + (length if written[0] == "+" else -length)
        if written.lower().endswith(" ago"):
            return now_usec - parse_duration(written[: -len(" ago")])
        return _usec(_calendar(written, now_usec))
    except (DurationError, ValueError, OverflowError, OSError) as error:
        raise MomentError(text) from error


def parse_day(text: str, now_usec: int) -> tuple[int, int]:
    """Returns the first and the last microsecond of the day in which a time is. Raises MomentError."""
    try:
        day = datetime.fromtimestamp(parse_moment(text, now_usec) / USEC).date()
        return _usec(_midnight(day)), _usec(_midnight(day + timedelta(days=1))) - 1
    except (ValueError, OverflowError, OSError) as error:
        raise MomentError(text) from error


def _calendar(written: str, now_usec: int) -> datetime:
    match = _WRITTEN.fullmatch(written)
    if match is None or not (match["word"] or match["year"] or match["hour"]):
        raise ValueError(written)
    zone = timezone.utc if match["utc"] else None
    if match["year"]:
        day = date(int(match["year"]), int(match["month"]), int(match["day"]))
    else:
        today = datetime.fromtimestamp(now_usec / USEC, zone).date()
        day = today + timedelta(days=_DAYS[(match["word"] or "today").lower()])
    if not match["hour"]:
        return _midnight(day).replace(tzinfo=zone)
    fraction = (match["fraction"] or "").ljust(6, "0")
    clock = time(int(match["hour"]), int(match["minute"]), int(match["second"] or 0), int(fraction))
    return datetime.combine(day, clock, zone)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _usec(moment: datetime) -> int:
    """Converts to microseconds; a naive datetime is local."""
    return int(moment.replace(microsecond=0).timestamp()) * USEC + moment.microsecond
