"""Durations as systemd.time(7) defines them."""

import pytest

from reaper.decide.text.duration import LONGEST_USEC, DurationError, format_duration, parse_duration

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("text", "usec"),
    [
        ("0", 0),
        ("90", 90 * SECOND),
        ("90s", 90 * SECOND),
        ("15m", 900 * SECOND),
        ("15min", 900 * SECOND),
        ("1h 30min", 5400 * SECOND),
        ("1h30min", 5400 * SECOND),
        (" 2 hours  3 minutes 4 sec ", 7384 * SECOND),
        ("1.5h", 5400 * SECOND),
        ("0.25", SECOND // 4),
        ("1d", 86400 * SECOND),
        ("2w", 14 * 86400 * SECOND),
        ("1M", 2_629_800 * SECOND),
        ("1y", 31_557_600 * SECOND),
        ("20ms", 20_000),
        ("7us", 7),
        ("7\u00b5s", 7),
        ("7\u03bcs", 7),
        ("0.0000009s", 0),
        ("1s 1s", 2 * SECOND),
    ],
)
def test_durations_as_people_write_them(text, usec):
    assert parse_duration(text) == usec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the duration is empty (write it as 90s, 15min or 1h 30min)"),
        ("soon", "'soon' is not a duration (write it as 90s, 15min or 1h 30min)"),
        ("-5m", "'-5m' is negative (write it as 90s, 15min or 1h 30min)"),
        ("5 parsecs", "'parsecs' in '5 parsecs' is not a unit of time (the units are us, ms, s, min, h, d, w)"),
        ("5MIN", "'MIN' in '5MIN' is not a unit of time (the units are us, ms, s, min, h, d, w)"),
        ("1h 30", "'1h 30' is not a duration (write it as 90s, 15min or 1h 30min)"),
        ("1,5h", "'1,5h' is not a duration (write it as 90s, 15min or 1h 30min)"),
        ("15:00", "'15:00' is not a duration (write it as 90s, 15min or 1h 30min)"),
        ("1_000", "'1_000' is not a duration (write it as 90s, 15min or 1h 30min)"),
        ("\u0661\u0665m", "'\u0661\u0665m' is not a duration (write it as 90s, 15min or 1h 30min)"),
        ("infinity", "'infinity' is not a duration (write never for no limit)"),
        ("300000y", "'300000y' is longer than 292,000 years (write never for no limit)"),
        ("9" * 101, "a duration of 101 characters is too long (write it as 90s, 15min or 1h 30min)"),
    ],
)
def test_text_that_is_no_duration_is_refused(text, message):
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("usec", "text"),
    [
        (0, "0s"),
        (1, "1us"),
        (15 * 60 * SECOND, "15min"),
        (5400 * SECOND, "1h 30min"),
        (90 * SECOND + 1500, "1min 30s 1ms 500us"),
        (8 * 86400 * SECOND, "1w 1d"),
    ],
)
def test_durations_are_written_exactly(usec, text):
    assert format_duration(usec) == text


def test_longest_duration_can_be_read_back():
    assert parse_duration(format_duration(LONGEST_USEC)) == LONGEST_USEC
