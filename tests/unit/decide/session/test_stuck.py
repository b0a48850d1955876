"""The records of processes that could not be read."""

from __future__ import annotations

import pytest

from reaper.decide.session import stuck
from reaper.decide.session.stuck import Stuck
from reaper.decide.text.duration import USEC_PER_HOUR


def test_records_are_read_back():
    known = (Stuck(5, 1000, True, 7), Stuck(6, 0, False, 8, 3, is_over=True))
    assert stuck.decode(stuck.encode(known)) == known


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "5",
        "{}",
        "[" * 100_000,
        '{"pid": true, "uid": 0, "is_strict": false, "since_usec": 0, "times": 1, "is_over": false}',
        '{"pid": 0, "uid": 0, "is_strict": false, "since_usec": 0, "times": 1, "is_over": false}',
        '{"pid": 5, "uid": 0, "is_strict": false, "since_usec": 0, "times": 4294967296, "is_over": false}',
        '{"pid": 5, "uid": 0, "is_strict": false, "since_usec": 0}',
    ],
)
def test_other_lines_are_passed_over(line):
    good = stuck.encode([Stuck(5, 1000, False, 7)])
    assert stuck.decode(f"{line}\n{good}") == (Stuck(5, 1000, False, 7),)


def test_second_time_lasts_an_hour_at_least_and_each_further_one_twice_as_long():
    known = stuck.add((), Stuck(5, 1000, False, 7))
    lasts = []
    for _ in range(8):
        lasts.append((known[0].until_usec - 7) // USEC_PER_HOUR)
        known = stuck.add(stuck.end(known, known[0]), Stuck(6, 1000, False, 7))
    assert lasts == [0, 1, 2, 4, 8, 16, 32, 32]


def test_another_process_of_the_same_user_is_no_second_entry():
    known = stuck.add(stuck.add((), Stuck(5, 1000, True, 7)), Stuck(6, 1000, False, 8))
    assert known == (Stuck(6, 1000, True, 8, 2),)


def test_processes_of_root_are_recorded_one_by_one_and_dropped_when_readable():
    known = stuck.add(stuck.add((), Stuck(5, 0, False, 7)), Stuck(6, 0, False, 8))
    assert [each.pid for each in known] == [6, 5]
    assert stuck.end(known, known[0]) == (known[1],)


def test_records_that_are_over_are_dropped_first():
    known: tuple[Stuck, ...] = ()
    for uid in range(1, stuck.MOST + 1):
        known = stuck.add(known, Stuck(5, uid, False, uid))
    newest = next(each for each in known if each.uid == stuck.MOST)
    known = stuck.add(stuck.end(known, newest), Stuck(5, 9999, False, 0))
    assert len(known) == stuck.MOST
    assert {each.uid for each in known} == {9999, *range(1, stuck.MOST)}
