"""A search ends in time, whatever blocks it; one that does not is abandoned, and no second one is started."""

from __future__ import annotations

import threading

import pytest

from reaper import kernel_text
from reaper.lock import bounded
from reaper.lock.bounded import TimeLimit, TooLongError, within


def test_result_and_error_of_a_search_are_passed_on():
    assert within(lambda deadline: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(lambda deadline: 1 // 0)


def test_search_stops_at_its_deadline():
    def look(deadline: TimeLimit) -> None:
        while True:
            deadline.check()

    with pytest.raises(TooLongError, match="takes too long to look at"):
        within(look, 0.01)


def test_blocked_search_is_abandoned(monkeypatch):
    """It is abandoned; no second search is started until it has come back."""
    monkeypatch.setattr(bounded, "_LATE_SEC", 0.01)
    event, begun = threading.Event(), []
    with pytest.raises(TooLongError):
        within(lambda deadline: event.wait(), 0.01)
    (thread,) = [each for each in threading.enumerate() if each.name == "look"]
    try:
        with pytest.raises(TooLongError):
            within(begun.append, 0.01)
        assert not begun
    finally:
        event.set()
        thread.join()
    assert within(lambda deadline: 7) == 7


def test_deadline_is_no_later_than_the_outer_one():
    outer = TimeLimit(-1)
    with pytest.raises(TooLongError):
        TimeLimit(60, outer).check()
    TimeLimit(60, TimeLimit(60)).check()
    with pytest.raises(TooLongError):
        TimeLimit(-1, TimeLimit(60)).check()


def test_read_of_an_abandoned_search_is_forgotten(monkeypatch):
    """It does not count as a read of the thread that goes on (see apart)."""
    monkeypatch.setattr(bounded, "_LATE_SEC", 0.01)
    is_over, left = threading.Event(), []
    try:
        with pytest.raises(TooLongError):
            within(lambda _: kernel_text.noting("/proc/7/stat", lambda _: is_over.wait()), 0.01, left_behind=left)
        assert kernel_text.reading is None
    finally:
        is_over.set()
        for thread in left:
            thread.join()
