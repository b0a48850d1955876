"""The records that reaper-lock writes."""

from __future__ import annotations

import pytest

from reaper.decide.output import lock_events
from reaper.decide.output.events import EventKind
from reaper.decide.session.lock_protocol import LockOrder
from tests.unit.fakes import make_session
from tests.unit.simulated import MINUTE, SECOND

FIELDS = {"session": "100", "user": "alice", "rule": "lab", "idle_usec": str(15 * MINUTE)}


def make_order(until_usec: int | None = None, session=None, **fields: str) -> LockOrder:
    return LockOrder(session or make_session(100), "", {**FIELDS, **fields}, 10 * SECOND, until_usec)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (make_order(), "is locked after 15min without input (rule lab)."),
        (make_order(10 * SECOND + 30 * MINUTE), "is locked after 15min without input (rule lab), for 30min at most."),
        (make_order(by="root"), "is locked as root ordered."),
    ],
)
def test_a_lock_says_why_and_for_how_long(order, message):
    event = lock_events.locked(order, ["pts/1", "pts/2"])
    assert event.kind is EventKind.LOCKED
    assert event.message == f"Session 100 of alice from 192.0.2.7 {message}"
    assert event.fields == {**order.fields, "terminals": "pts/1 pts/2"}


def test_an_unlock_says_where_and_after_how_long():
    event = lock_events.unlocked(make_order(), "pts/1", 10 * SECOND + 2 * MINUTE)
    assert event.kind is EventKind.UNLOCKED
    assert event.message.endswith("is unlocked on pts/1, 2min after it was locked.")
    assert event.fields["terminals"] == "pts/1"


def test_an_unlock_is_never_before_its_lock():
    assert "-" not in lock_events.unlocked(make_order(), "pts/1", 0).message


def test_a_failed_attempt_is_counted_and_escaped():
    event = lock_events.unlock_failed(make_order(), "pts/1", 2, "wrong\x1b[2J password")
    assert event.kind is EventKind.UNLOCK_FAILED
    assert event.fields["why"] == "attempt 2 of 5 on pts/1: wrong\\x1b[2J password"
    assert event.message.endswith(f"is not unlocked by {event.fields['why']}.")


def test_hostile_names_are_escaped():
    session = make_session(100, user="al\x1bice", remote="\nhost")
    message = lock_events.locked(make_order(session=session), []).message
    assert message.isprintable()
    assert "of al\\x1bice from \\nhost" in message


def test_a_local_login_has_no_host():
    assert lock_events.locked(make_order(session=make_session(100, remote="")), []).message.startswith(
        "Session 100 of alice is locked"
    )
