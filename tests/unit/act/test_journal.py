"""The contract of a journal, which the real one and the daemon's fake both keep; and the real one without journald.

journald is a datagram socket made by the test.
"""

from __future__ import annotations

import inspect
import os
import socket
import time
from collections.abc import Iterator

import pytest

from reaper.act import journal
from reaper.act.journal import BACKLOG, NOTES, Journal
from reaper.decide.output.events import Event, EventKind, Priority
from tests.unit.fakes import FakeJournal
from tests.unit.native import parse_datagram

LOST = "{} events and {} other lines are lost: journald was away for too long, or did not accept them"


def event(text: str, **fields: str) -> Event:
    return Event(EventKind.OPENED, text, fields)


class Journald:
    """The other end."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(path)

    def read(self) -> list[dict[str, str]]:
        """Returns all that was received, one datagram each."""
        found = []
        while True:
            try:
                data = self.socket.recv(1 << 20)
            except BlockingIOError:
                return found
            found.append({name: value.decode() for name, value in parse_datagram(data).items()})

    def messages(self) -> list[str]:
        return [fields["MESSAGE"] for fields in self.read()]

    def stop(self) -> None:
        self.socket.close()
        os.unlink(self.path)


@pytest.fixture
def path(tmp_path) -> str:
    return str(tmp_path / "socket")


@pytest.fixture
def journald(path) -> Iterator[Journald]:
    journald = Journald(path)
    yield journald
    journald.socket.close()


@pytest.fixture
def log(path) -> Iterator[Journal]:
    log = Journal(path)
    yield log
    log.close()


# The contract.


@pytest.mark.parametrize("kind", ["fake", "real"])
def test_events_and_notes_arrive_in_order(kind, log, journald):
    target = FakeJournal() if kind == "fake" else log
    target.send(event("one", user="alice"))
    target.note(Priority.ERR, "two")
    target.send(event("three"))
    target.flush()
    assert target.waiting == 0
    assert target.lost == 0
    if kind == "fake":
        assert [each.message for each in target.events] == ["one", "three"]
        assert target.notes == [(Priority.ERR, "two")]
    else:
        assert journald.messages() == ["one", "two", "three"]


def test_fake_journal_has_the_same_methods():
    for name, method in inspect.getmembers(Journal, inspect.isfunction):
        if not name.startswith("_"):
            assert list(inspect.signature(getattr(FakeJournal, name)).parameters) == list(
                inspect.signature(method).parameters
            )


# The real one.


def test_event_has_its_fields(log, journald):
    log.send(event("Session 3 opened.", session="3", user="alice", remote="", why="a\nb"))
    (fields,) = journald.read()
    assert fields == {
        "MESSAGE": "Session 3 opened.",
        "MESSAGE_ID": EventKind.OPENED.message_id,
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "reaperd",
        "SYSLOG_PID": str(os.getpid()),
        "REAPER_EVENT": "opened",
        "REAPER_SESSION": "3",
        "REAPER_USER": "alice",
        "REAPER_WHY": "a\nb",
    }


def test_note_has_no_event_fields(log, journald):
    log.note(Priority.WARNING, "trouble\nof two lines")
    (fields,) = journald.read()
    assert fields == {"MESSAGE": "trouble\nof two lines", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "reaperd"}


def test_entries_arrive_in_order_after_journald_is_back(log, path):
    for number in range(5):
        log.send(event(str(number)))
    assert log.waiting == 5
    journald = Journald(path)
    try:
        log.send(event("5"))
        assert journald.messages() == ["0", "1", "2", "3", "4", "5"]
        assert (log.waiting, log.lost) == (0, 0)
    finally:
        journald.stop()


def test_entries_during_a_restart_of_journald_arrive(log, path):
    """It has a new socket then; what is logged in between is kept."""
    first = Journald(path)
    log.send(event("one"))
    assert first.messages() == ["one"]
    first.stop()
    log.send(event("two"))
    second = Journald(path)
    try:
        log.flush()
        assert second.messages() == ["two"]
    finally:
        second.stop()


def test_journald_that_does_not_read_does_not_block(log, journald):
    began = time.monotonic()
    for number in range(BACKLOG + 500):
        log.send(event(str(number)))
    assert time.monotonic() - began < 2
    assert log.waiting == BACKLOG
    assert log.lost > 0


def test_lost_entries_are_counted_and_reported(log, journald):
    total = BACKLOG + 500
    for number in range(total):
        log.send(event(str(number)))
    lost = log.lost
    received: list[str] = []
    for _ in range(total):
        log.flush()
        received += journald.messages()
        if not log.waiting:
            break
    received += journald.messages()
    assert received[-1] == LOST.format(lost, 0)
    numbers = [int(each) for each in received[:-1]]
    assert len(numbers) == total - lost
    assert numbers == sorted(numbers)
    assert numbers[-1] == total - 1
    assert log.lost == 0


def test_notes_push_no_event_out(log, path):
    """However many problems there are while journald is away: events are the audit trail."""
    log.send(event("first"))
    for number in range(10 * BACKLOG):
        log.note(Priority.ERR, f"trouble {number}")
    log.send(event("last"))
    assert (log.waiting, log.lost, log.lost_notes) == (NOTES + 2, 0, 10 * BACKLOG - NOTES)
    journald = Journald(path)
    try:
        log.flush()
        received = journald.messages()
        while log.waiting:
            log.flush()
            received += journald.messages()
        received += journald.messages()
    finally:
        journald.stop()
    newest = [f"trouble {number}" for number in range(9 * BACKLOG + BACKLOG - NOTES, 10 * BACKLOG)]
    assert received == ["first", *newest, "last", LOST.format(0, 10 * BACKLOG - NOTES)]


def test_events_push_no_note_out(log, path):
    log.note(Priority.ERR, "trouble")
    for number in range(BACKLOG + 5):
        log.send(event(str(number)))
    assert (log.waiting, log.lost, log.lost_notes) == (BACKLOG + 1, 5, 0)


def test_message_too_long_is_cut(log, journald):
    """For example all the mistakes of a policy of thousands of rules: it is cut, and the next entry arrives."""
    log.send(event("x" * 10_000_000, why="é" * 1_000_000))
    log.send(event("next"))
    first, second = journald.read()
    assert len(first["MESSAGE"]) == journal.MAX_VALUE_BYTES
    assert first["MESSAGE"].endswith("x...")
    assert first["REAPER_WHY"].endswith("é...")
    assert second["MESSAGE"] == "next"


def test_datagram_too_large_is_dropped_and_reported(log, journald):
    names = ["user", "remote", "service", "terminals", "rule", "evidence", "why", "policy", "reason", "origin"]
    log.send(event("x", **dict.fromkeys(names, "x" * 32_000)))
    log.send(event("next"))
    assert journald.messages() == [
        LOST.format(1, 0),
        "next",
    ]
