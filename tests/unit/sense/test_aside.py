"""Work in a thread aside: in time, left behind, and never more than one that waits."""

from __future__ import annotations

import threading

from reaper.sense.aside import Aside


def test_work_that_ends_in_time():
    found: list[bool] = []
    assert Aside().do(lambda is_over: found.append(is_over()), 10)
    assert found == [False]


def test_work_that_waits_is_left_behind_and_no_other_begins():
    aside, found = Aside(), list[int]()
    release = threading.Event()

    def work(_is_over) -> None:
        found.append(1)
        release.wait()
        found.append(2)

    assert not aside.do(work, 0.01)
    assert aside.is_stuck
    assert not aside.do(work, 10)
    assert found == [1]
    release.set()
    aside._thread.join()
    assert not aside.is_stuck
    assert aside.do(lambda _is_over: found.append(3), 10)
    assert found == [1, 2, 3]


def test_work_is_told_when_its_time_is_over():
    told = threading.Event()

    def work(is_over) -> None:
        while not is_over():
            pass
        told.set()

    Aside().do(work, 0.01)
    assert told.wait(10)
