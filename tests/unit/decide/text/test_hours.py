"""Hours of the week as text, and each mistake in them."""

from __future__ import annotations

import pytest

from reaper.decide.text.hours import LONGEST_TEXT, Hours, HoursError, LocalTime, parse_hours

MON, TUE, WED, THU, FRI, SAT, SUN = range(7)
DAYS = "the days are Mon, Tue, Wed, Thu, Fri, Sat, Sun; Mon..Fri is a range, Mon,Wed a list"
WRITE = "write it as Mon..Fri 08:00-18:00, Sat,Sun, or 22:00-06:00"


@pytest.mark.parametrize(
    ("text", "days", "begin", "end", "written"),
    [
        ("Mon..Fri 08:00-18:00", {0, 1, 2, 3, 4}, 480, 1080, "Mon..Fri 08:00-18:00"),
        ("Mon,Wed,Fri 8:30-9:00", {0, 2, 4}, 510, 540, "Mon,Wed,Fri 08:30-09:00"),
        ("monday , TUESDAY 08:00 - 18:00", {0, 1}, 480, 1080, "Mon,Tue 08:00-18:00"),
        ("Mon .. Wed,Sun", {0, 1, 2, 6}, 0, 1440, "Mon..Wed,Sun"),
        ("Sat", {5}, 0, 1440, "Sat"),
        ("Fri..Mon", {4, 5, 6, 0}, 0, 1440, "Mon,Fri..Sun"),
        ("Mon..Mon", {0}, 0, 1440, "Mon"),
        ("22:00-06:00", set(range(7)), 1320, 1800, "22:00-06:00"),
        ("Fri 22:00-06:00", {4}, 1320, 1800, "Fri 22:00-06:00"),
        ("18:00-00:00", set(range(7)), 1080, 1440, "18:00-24:00"),
        ("Sun 18:00-24:00", {6}, 1080, 1440, "Sun 18:00-24:00"),
        ("Mon..Sun", set(range(7)), 0, 1440, "Mon..Sun"),
        ("00:00-24:00", set(range(7)), 0, 1440, "Mon..Sun"),
        ("Tue 00:00-24:00", {1}, 0, 1440, "Tue"),
        ("  Sat  ", {5}, 0, 1440, "Sat"),
    ],
)
def test_ways_to_write_hours(text, days, begin, end, written):
    hours = parse_hours(text)
    assert hours == Hours(frozenset(days), begin, end)
    assert str(hours) == written


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "the hours are empty", WRITE),
        ("   ", "the hours are empty", WRITE),
        ("x" * (LONGEST_TEXT + 1), "hours of 201 characters are too long", WRITE),
        ("Mun", "'Mun' in 'Mun' is not a day of the week", DAYS),
        ("Mon..Fry 08:00-18:00", "'Fry' in 'Mon..Fry' is not a day of the week", DAYS),
        ("Mon,,Fri", "a day is missing in 'Mon,,Fri'", DAYS),
        ("Mon..", "a day is missing in 'Mon..'", DAYS),
        ("..", "a day is missing in '..'", DAYS),
        ("Mon-Fri 08:00-18:00", "'Mon-Fri' in 'Mon-Fri' is not a day of the week", DAYS),
        ("Mon 08:00", "'08:00' has no end", "write the beginning and the end, as 08:00-18:00"),
        ("Mon 8-18", "'8-18' is not a time", WRITE),
        ("08:00-", "'' is not a time of day", "write hours and minutes, as 08:00"),
        ("08:00-18", "'18' is not a time of day", "write hours and minutes, as 08:00"),
        ("08:00-18:00:30", "'18:00:30' is not a time of day", "write hours and minutes, as 08:00"),
        ("08:00-25:00", "'25:00' is not a time of day", "times are from 00:00 to 24:00"),
        ("08:60-18:00", "'08:60' is not a time of day", "times are from 00:00 to 24:00"),
        ("24:00-08:00", "'24:00-08:00' begins at the end of a day", "write 00:00 and the next day"),
        ("08:00-08:00", "'08:00-08:00' begins when it ends", "leave out the time for the whole day"),
        ("08:00-12:00 Mon", "'Mon' is not a time", WRITE),
        ("08:00-12:00 13:00-17:00", "'08:00-12:00 13:00-17:00' has two times",
         "write a list: [08:00-12:00, 13:00-17:00]"),
        ("Mon 08:00-12:00 13:00-17:00", "'Mon 08:00-12:00 13:00-17:00' has more than days and a time",
         "write a list: [Mon 08:00-12:00, Fri 09:00-15:00]"),
        ("\u0661:00-2:00", "'\u0661:00' is not a time of day", "write hours and minutes, as 08:00"),
    ],
)  # fmt: skip
def test_mistakes_are_refused_with_a_remedy(text, message, hint):
    with pytest.raises(HoursError) as caught:
        parse_hours(text)
    assert (caught.value.problem, caught.value.message, caught.value.hint) == ("hours-invalid", message, hint)


@pytest.mark.parametrize(
    ("text", "weekday", "time", "is_covered"),
    [
        ("Mon..Fri 08:00-18:00", MON, "08:00", True),
        ("Mon..Fri 08:00-18:00", FRI, "17:59", True),
        ("Mon..Fri 08:00-18:00", FRI, "18:00", False),
        ("Mon..Fri 08:00-18:00", SAT, "12:00", False),
        ("Fri 22:00-06:00", FRI, "21:59", False),
        ("Fri 22:00-06:00", FRI, "23:00", True),
        ("Fri 22:00-06:00", FRI, "05:00", False),
        ("Fri 22:00-06:00", SAT, "05:59", True),
        ("Fri 22:00-06:00", SAT, "06:00", False),
        ("Sun 22:00-06:00", MON, "00:00", True),
        ("Sat,Sun", SUN, "23:59", True),
        ("Sat,Sun", MON, "00:00", False),
    ],
)
def test_first_minute_is_in_and_the_last_is_not(text, weekday, time, is_covered):
    hour, minute = map(int, time.split(":"))
    now = LocalTime(weekday, hour * 60 + minute)
    assert parse_hours(text).covers(now) is is_covered
    assert str(now).endswith(time)
