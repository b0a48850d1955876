"""Laws of the hours of the week: every minute, and every text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reaper.decide.text.hours import DAYS, MINUTES_PER_DAY, Hours, HoursError, LocalTime, is_within, parse_hours

from .hours import week_hours

WEEK = [LocalTime(weekday, minute) for weekday in range(7) for minute in range(MINUTES_PER_DAY)]


def minutes_of(hours: Hours) -> set[LocalTime]:
    """Returns all the minutes that they cover, by counting from the beginning on each of their days."""
    found = set()
    for day in hours.days:
        for minute in range(hours.begin, hours.end):
            at = (day * MINUTES_PER_DAY + minute) % len(WEEK)
            found.add(WEEK[at])
    return found


@given(week_hours)
def test_hours_cover_exactly_their_minutes_of_the_week(hours):
    assert {now for now in WEEK if hours.covers(now)} == minutes_of(hours)


@given(st.lists(week_hours, max_size=3))
def test_one_of_a_list_of_hours_is_enough(several):
    assert {now for now in WEEK if is_within(several, now)} == set().union(*map(minutes_of, several))


@given(week_hours)
def test_hours_can_be_written_and_read_back(hours):
    assert parse_hours(str(hours)) == hours


days = st.sampled_from([*DAYS, *map(str.lower, DAYS), "Monday", "SUNDAY"])
spans = days | st.tuples(days, days).map("..".join)
times = st.builds("{:02}:{:02}".format, st.integers(0, 24), st.integers(0, 60))
texts = st.builds(
    "{}{}{}-{}".format, st.lists(spans, max_size=3).map(",".join), st.sampled_from(["", " ", "  "]), times, times
)


@given(texts | st.text() | st.lists(spans, max_size=8).map(", ".join))
def test_any_text_is_hours_or_an_error_with_a_remedy(text):
    try:
        hours = parse_hours(text)
    except HoursError as error:
        assert_tellable(error)
    else:
        assert hours.days
        assert 0 <= hours.begin < MINUTES_PER_DAY
        assert hours.begin < hours.end < hours.begin + MINUTES_PER_DAY or (hours.begin, hours.end) == (
            0,
            MINUTES_PER_DAY,
        )
        assert parse_hours(str(hours)) == hours


def assert_tellable(error):
    assert error.message
    assert error.hint
