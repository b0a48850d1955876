"""The daemon's own problems: the first of a kind in full, the rest of the minute as a number."""

from __future__ import annotations

from typing import Callable

import pytest

from reaper.act.trouble import MOST_KINDS, MOST_PROBLEMS, Trouble
from reaper.decide.output.events import Priority
from reaper.errors import ReaperError
from tests.unit.fakes import FakeJournal
from tests.unit.simulated import MINUTE, SECOND


class Bench:
    """A Trouble, and a clock that the test sets."""

    def __init__(self) -> None:
        self.journal = FakeJournal()
        self.now_usec = 1000 * SECOND
        self.trouble = Trouble(self.journal, lambda: self.now_usec)  # type: ignore[arg-type]

    def fail(self, where: str, raise_: Callable[[], None]) -> None:
        try:
            raise_()
        except Exception:
            self.trouble.note_error(where)

    def take(self) -> list[str]:
        """Returns the notes since the last call."""
        notes, self.journal.notes = self.journal.notes, []
        return [message for _, message in notes]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def raise_value_error() -> None:
    raise ValueError("embedded null byte")


def raise_key_error() -> None:
    raise KeyError(5)


def test_first_error_has_its_traceback(bench):
    bench.fail("at session 5.7", raise_value_error)
    assert [priority for priority, _ in bench.journal.notes] == [Priority.ERR]
    (note,) = bench.take()
    assert note.startswith("internal error at session 5.7:\nTraceback ")
    assert note.endswith("ValueError: embedded null byte\n")


def test_errors_of_one_kind_are_counted_for_a_minute_whoever_causes_them(bench):
    for uid in range(1000, 6000):
        bench.fail(f"at a call of uid {uid}", raise_value_error)
    assert len(bench.take()) == 1
    bench.now_usec += MINUTE - 1
    bench.trouble.flush()
    assert bench.take() == []
    bench.now_usec += 1
    bench.trouble.flush()
    bench.trouble.flush()
    assert bench.take() == [
        "4999 more of these in the last minute: internal error at a call of uid 1000: ValueError",
    ]
    bench.fail("at session 5.7", raise_value_error)
    (note,) = bench.take()
    assert "Traceback" in note


def test_single_error_is_not_counted(bench):
    bench.fail("at session 5.7", raise_value_error)
    bench.take()
    bench.now_usec += MINUTE
    bench.trouble.flush()
    assert bench.take() == []


def test_error_of_another_kind_has_its_own_traceback(bench):
    for _ in range(3):
        bench.fail("at session 5.7", raise_value_error)
        bench.fail("at session 5.7", raise_key_error)
    assert [note.rpartition("\n")[0].rpartition("\n")[2] for note in bench.take()] == [
        "ValueError: embedded null byte",
        "KeyError: 5",
    ]


def test_first_problems_of_a_kind_are_noted_and_the_others_counted(bench):
    """Each names another broken record."""
    for number in range(MOST_PROBLEMS + 2):
        bench.trouble.note_problem(ReaperError("record-broken", f"login record {number} cannot be read", "look"))
    bench.trouble.note_problem(ReaperError("logind-silent", "logind does not answer"))
    assert bench.take() == [
        *(f"login record {number} cannot be read (look), ignoring" for number in range(MOST_PROBLEMS)),
        "logind does not answer, ignoring",
    ]
    bench.now_usec += MINUTE
    bench.trouble.flush()
    assert bench.take() == ["2 more of these in the last minute: login record 0 cannot be read (look)"]


def test_number_of_kinds_is_bounded(bench):
    for number in range(10 * MOST_KINDS):
        bench.trouble.note_problem(ReaperError(f"problem-{number}", "a problem"))
    assert len(bench.take()) == MOST_KINDS + 1
    bench.now_usec += MINUTE
    bench.trouble.flush()
    assert bench.take() == [f"{9 * MOST_KINDS - 1} more of these in the last minute: trouble of other kinds"]
