"""Times as in systemd.time(7)."""

from __future__ import annotations

import pytest

from reaper.audit.times import MomentError, parse_day, parse_moment
from tests.unit.audit.entries import NOON, USEC

HOUR = 3600 * USEC
NOW = NOON + 90 * USEC  # 13:01:30 in CET
MIDNIGHT = NOON - 13 * HOUR


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("today", MIDNIGHT),
        ("yesterday", MIDNIGHT - 24 * HOUR),
        ("tomorrow", MIDNIGHT + 24 * HOUR),
        ("2026-11-23", MIDNIGHT),
        ("2026-11-23 14:00", MIDNIGHT + 14 * HOUR),
        ("2026-11-23T14:00", MIDNIGHT + 14 * HOUR),
        ("Mon 2026-11-23 14:00:05.25", MIDNIGHT + 14 * HOUR + 5_250_000),
        ("2026-11-23 12:00 UTC", NOON),
        ("2026-11-23 UTC", NOON - 12 * HOUR),
        ("2026-11-23T12:00:00Z", NOON),
        ("09:30", MIDNIGHT + 9 * HOUR + 1800 * USEC),
        ("yesterday 9:30", MIDNIGHT - 24 * HOUR + 9 * HOUR + 1800 * USEC),
        ("-1h", NOW - HOUR),
        ("-1", NOW - USEC),
        ("-1h 30min", NOW - HOUR * 3 // 2),
        ("+2h", NOW + 2 * HOUR),
        ("2h ago", NOW - 2 * HOUR),
        ("@1795435200", NOON),
        ("@1795435200.5", NOON + USEC // 2),
        ("2026-07-01", 1_782_856_800 * USEC),  # summer time
    ],
)
def test_times_are_parsed(text, expected):
    assert parse_moment(text, NOW) == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "noon", "2026-13-01", "2026-02-30", "25:00", "2026-11-23 UTC UTC", "UTC", "-", "- ago", "1x ago", "@",
     "@nan", "@inf", "2026-11-23 14", "99999-01-01", "\x1b[2J", "\u0661\u0662:00"],
)  # fmt: skip
def test_text_that_is_not_a_time(text):
    with pytest.raises(MomentError) as caught:
        parse_moment(text, NOW)
    assert "today" in caught.value.hint
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("text", ["@1e300", "+9999999w", "-9999999w", "9999-12-31"])
def test_day_outside_the_calendar(text):
    with pytest.raises(MomentError):
        parse_day(text, NOW)


def test_day_ends_where_the_next_begins():
    assert parse_day("2026-11-23", NOW) == (MIDNIGHT, MIDNIGHT + 24 * HOUR - 1)
    assert parse_day("today", NOW) == parse_day("-1h", NOW) == (MIDNIGHT, MIDNIGHT + 24 * HOUR - 1)


def test_day_may_have_25_hours():
    first, last = parse_day("2026-10-25", NOW)
    assert last + 1 - first == 25 * HOUR
