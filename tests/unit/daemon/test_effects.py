"""Each act of the lifecycle carried out, in its order, by the part that it belongs to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.daemon.effects import ActionRunner
from reaper.decide.output.events import EventKind
from reaper.decide.session.model import Order, Program
from reaper.decide.session.state import (
    Defer,
    LifecycleEvent,
    Lock,
    LogEvent,
    Reason,
    Signal,
    TerminationStep,
    Warn,
    WithdrawWarning,
)
from tests.unit.fakes import FakeJournal
from tests.unit.simulated import SECOND

IDLE = Reason.IDLE
RSYNC = Program("/usr/bin/rsync", 7)


class Parts:
    """The messenger, the terminations and the locks at once; remembers what is asked of them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.lock_obstacle = ""

    def __getattr__(self, name: str):
        def note(_tracked, *rest):
            self.done.append(" ".join([name, *(each.name for each in rest if isinstance(each, TerminationStep))]))
            return {
                "warn": "not shown on pts/1",
                "reason_not_lockable": self.lock_obstacle,
                "why_failed": "it waits",
            }.get(name)

        return note


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
def perform(bench, login, parts):
    """Carries acts out for Alice's session."""
    bench.run(1)
    journal = FakeJournal()
    runner = ActionRunner(journal, parts, parts, parts)  # type: ignore[arg-type]

    def perform(*acts, why: str = "", **fields: object) -> list[tuple[EventKind, str]]:
        tracked = replace(bench.tracked(login), **fields)
        runner.perform(tracked, acts, "policy", bench.host.clock(), RSYNC, why)
        return [(event.kind, event.fields.get("why", "")) for event in journal.events]

    return perform


def test_what_an_act_has_to_say_goes_into_the_record_that_follows_it(perform, parts):
    records = perform(Warn(IDLE, SECOND), LogEvent(LifecycleEvent.WARNED, IDLE, SECOND))
    assert records == [(EventKind.WARNED, "not shown on pts/1")]
    assert parts.done == ["warn", "reason_not_lockable"]


def test_why_goes_into_the_first_record_alone(perform):
    logs = [LogEvent(fact, IDLE, SECOND) for fact in (LifecycleEvent.ENDING, LifecycleEvent.CLOSED)]
    assert perform(*logs, why="too often") == [(EventKind.ENDING, "too often"), (EventKind.CLOSED, "")]


def test_a_warning_and_an_end_say_why_the_session_is_not_locked(perform, parts):
    parts.lock_obstacle = "no password"
    warned = LogEvent(LifecycleEvent.WARNED, IDLE, SECOND)
    assert perform(Warn(IDLE, SECOND), warned)[-1][1] == "not shown on pts/1; no password"
    assert perform(LogEvent(LifecycleEvent.ENDING, IDLE, SECOND))[-1][1] == "no password"
    assert perform(LogEvent(LifecycleEvent.ENDING, Reason.MAX, SECOND))[-1][1] == ""
    ordered = perform(LogEvent(LifecycleEvent.ENDING, IDLE, SECOND), order=Order("root", "maintenance"))
    assert "no password" not in ordered[-1][1]


def test_a_deferral_names_its_program(perform, parts):
    records = perform(Defer(IDLE, SECOND), LogEvent(LifecycleEvent.DEFERRED, IDLE, SECOND))
    assert records == [(EventKind.DEFERRED, "rsync (/usr/bin/rsync, pid 7)")]
    assert parts.done == ["defer"]


def test_a_warning_is_withdrawn(perform, parts):
    assert perform(WithdrawWarning()) == []
    assert parts.done == ["withdraw_warning"]


def test_a_lock_takes_the_tickets_before_it_begins(perform, parts):
    perform(Lock())
    assert parts.done == ["drop_pending", "drop_tickets", "begin"]


@pytest.mark.parametrize(
    ("rung", "done"),
    [
        (TerminationStep.HANGUP, ["say_farewell", "escalate HANGUP", "end"]),
        (TerminationStep.TERM, ["escalate TERM", "end"]),
        (TerminationStep.KILL, ["escalate KILL", "end", "thaw"]),
    ],
)
def test_each_step_of_a_termination(perform, parts, rung, done):
    """The user reads why before the first; what is frozen goes on only after the last."""
    perform(Signal(rung, IDLE))
    assert parts.done == done


def test_a_termination_that_failed_says_what_is_left(perform):
    assert perform(LogEvent(LifecycleEvent.TERMINATE_FAILED, IDLE, SECOND)) == [
        (EventKind.TERMINATE_FAILED, "it waits"),
    ]
