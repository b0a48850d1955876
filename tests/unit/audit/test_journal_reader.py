"""Reading the journal: in which order, how far, whose entries, and whether the caller may read it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from reaper.audit import journal_reader
from reaper.audit.journal_reader import JournalReader, NotAllowedError, check_readable
from reaper.audit.query import EventQuery, matches, session_matches
from reaper.decide.output.events import EventKind
from reaper.errors import ReaperError
from tests.unit.audit.entries import (
    BOOT,
    CLOSED,
    LATER_BOOT,
    NOON,
    OPENED,
    STARTED,
    STOPPED,
    USEC,
    WARNED,
    entry,
    of_session,
)

USER = {"_UID": "1000", "_SYSTEMD_UNIT": "session-3.scope"}
GONE = {"_UID": "0"}
LOCKED, UNLOCKED = of_session(EventKind.LOCKED, "is locked"), of_session(EventKind.UNLOCKED, "is unlocked")


class FakeReader:
    """Does what systemd.journal.Reader does with matches and seeks, on a list of entries."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self.entries = entries
        self.alternatives: list[dict[str, set[str]]] = [{}]
        self.at = -0.5  # the number of an entry, or half a step before it
        self.reads = 0
        self.is_closed = False

    def __enter__(self) -> FakeReader:  # noqa: PYI034 - Python 3.9 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.is_closed = True

    def flush_matches(self) -> None:
        self.alternatives = [{}]

    def add_match(self, *lines: str) -> None:
        for line in lines:
            name, _, value = line.partition("=")
            self.alternatives[-1].setdefault(name, set()).add(value)

    def add_disjunction(self) -> None:
        self.alternatives.append({})

    def seek_head(self) -> None:
        self.at = -0.5

    def seek_tail(self) -> None:
        self.at = len(self.entries) - 0.5

    def seek_realtime(self, usec: int) -> None:
        self.at = sum(each["__REALTIME_TIMESTAMP"] < usec for each in self.entries) - 0.5

    def seek_cursor(self, cursor: str) -> None:
        self.at = [each["__CURSOR"] for each in self.entries].index(cursor) - 0.5

    def get_next(self) -> dict[str, Any]:
        return self._first(number for number in range(len(self.entries)) if number > self.at)

    def get_previous(self) -> dict[str, Any]:
        return self._first(number for number in reversed(range(len(self.entries))) if number < self.at)

    def _first(self, numbers: Any) -> dict[str, Any]:
        for number in numbers:
            each = self.entries[number]
            if any(all(each.get(name) in values for name, values in some.items()) for some in self.alternatives):
                self.at = number
                self.reads += 1
                return each
        return {}


class Opened:
    """A JournalReader on these entries, with every reader that it opened."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.readers: list[FakeReader] = []
        self._entries = list(entries)
        self.history = JournalReader(self._open)

    def _open(self) -> FakeReader:
        self.readers.append(FakeReader(self._entries))
        return self.readers[-1]

    def read(self, **asked: Any) -> list[str]:
        selection = EventQuery(**asked)
        return [record.event for record in self.history.read(matches(selection), selection)]

    def last(self, most: int, **asked: Any) -> list[str]:
        selection = EventQuery(**asked)
        return [record.event for record in self.history.read_last(matches(selection), selection, most)]


def test_events_are_read_oldest_first_within_the_time():
    opened = Opened(entry(0, STARTED), entry(1, OPENED), entry(2, WARNED), entry(3, CLOSED))
    assert opened.read() == ["started", "opened", "warned", "closed"]
    assert opened.read(since_usec=NOON + USEC, until_usec=NOON + 2 * USEC) == ["opened", "warned"]
    assert opened.read(since_usec=-1) == opened.read(until_usec=NOON + 9 * USEC) == opened.read()
    assert opened.read(user="ann") == ["opened", "warned", "closed"]
    assert opened.read(events=frozenset(["warned", "started"])) == ["started", "warned"]


def test_last_events_are_read_from_the_end():
    opened = Opened(*(entry(second, WARNED) for second in range(100)), entry(100, CLOSED))
    assert opened.last(2) == ["warned", "closed"]
    assert opened.readers[0].reads == 2
    assert opened.last(1, until_usec=NOON + 99 * USEC) == ["warned"]
    assert opened.last(500, since_usec=NOON + 99 * USEC) == ["warned", "closed"]
    assert opened.last(0) == []


def test_forged_entry_is_not_read():
    forged = [entry(1, OPENED, **USER), entry(2, CLOSED, _UID="0", _SYSTEMD_UNIT="session-3.scope")]
    opened = Opened(entry(0, STARTED), *forged)
    assert opened.read() == opened.last(9) == ["started"]
    assert opened.read(session="12") == []


def test_entry_of_an_exited_process_counts_if_it_was_the_daemon():
    assert Opened(entry(0, STARTED), entry(1, STOPPED, **GONE)).read() == ["started", "stopped"]
    later = entry(1, STOPPED, boot=LATER_BOOT, **GONE)
    assert Opened(entry(0, STARTED), later).read() == ["started"]
    assert Opened({**entry(0, STARTED), "_PID": "99"}, entry(1, STOPPED, **GONE)).read() == ["started"]


def test_entry_of_an_exited_keeper_counts_if_it_was_of_that_session():
    keeper = {"_UID": "0", "_SYSTEMD_UNIT": "reaper-lock@12.service"}
    assert Opened(entry(0, LOCKED, **keeper), entry(1, UNLOCKED, **GONE)).read() == ["locked", "unlocked"]
    other = entry(
        0, of_session(EventKind.LOCKED, "is locked", session="13"), _UID="0", _SYSTEMD_UNIT="reaper-lock@13.service"
    )
    assert Opened(other, entry(1, UNLOCKED, **GONE)).read() == ["locked"]


def test_each_exited_process_is_looked_up_once():
    opened = Opened(entry(0, STARTED), *(entry(second, STOPPED, **GONE) for second in range(1, 9)))
    assert len(opened.read()) == 9
    assert len(opened.readers) == 2
    assert opened.readers[1].is_closed


def test_entry_without_an_event_is_skipped():
    note = entry(1, OPENED)
    del note["REAPER_EVENT"]
    assert Opened(entry(0, STARTED), note).read() == ["started"]


def test_session_is_read_with_the_daemons_starts_and_stops():
    other = of_session(OPENED.kind, "opened", session="13")
    opened = Opened(entry(0, STARTED), entry(1, OPENED), entry(2, other), entry(3, STOPPED), entry(4, CLOSED))
    found = opened.history.read(session_matches(EventQuery(session="12")), EventQuery())
    assert [record.event for record in found] == ["started", "opened", "stopped", "closed"]


def test_journal_is_closed():
    opened = Opened()
    with opened.history:
        pass
    assert opened.readers[0].is_closed


def test_journal_that_cannot_be_opened():
    def refuse() -> None:
        raise OSError(24, "Too many open files")

    with pytest.raises(ReaperError, match="cannot be opened: Too many open files"):
        JournalReader(refuse)


def test_real_reader_leaves_fields_as_text():
    with journal_reader.open_journal() as reader:
        assert reader._convert_entry({"_UID": b"0", "_BOOT_ID": BOOT.encode(), "__REALTIME_TIMESTAMP": 5}) == {
            "_UID": "0", "_BOOT_ID": BOOT, "__REALTIME_TIMESTAMP": 5,
        }  # fmt: skip


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_reader, "machine_id", lambda: "m")
    (tmp_path / "m").mkdir()
    return tmp_path


def test_missing_system_journal_is_not_refused(directory):
    """A directory without a system journal, or with a user's journal only, is no reason to refuse."""
    check_readable([str(directory), str(directory / "missing")])
    (directory / "m/user-1000.journal").touch()
    check_readable([str(directory)])


def test_readable_system_journal_is_not_refused(directory):
    (directory / "m/system.journal").touch()
    check_readable([str(directory)])


def test_unreadable_system_journal_is_refused(directory, monkeypatch):
    (directory / "m/system.journal").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: not path.endswith("system.journal"))
    with pytest.raises(NotAllowedError):
        check_readable([str(directory)])
