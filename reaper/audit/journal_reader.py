"""Opens and reads the journal; no other module does.

It reads this host's own files, persistent and volatile, by the journal's indices. What an entry claims of its sender is
not trusted: see journal_records.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Callable

from reaper.audit.journal_records import JournalRecord, Sender, record_of, sender_of, text_of, units_of
from reaper.audit.query import EventQuery
from reaper.errors import ReaperError
from systemd import id128, journal  # type: ignore[attr-defined,unused-ignore]

DIRECTORIES = ("/var/log/journal", "/run/log/journal")
_HINT = "run it as root, or as a member of the group systemd-journal"


# The fields that the reader itself adds to an entry; they are not bytes.
_OWN = ("__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP", "__CURSOR")


class NotAllowedError(ReaperError):
    """The caller may not read the system's journal."""

    def __init__(self) -> None:
        message = (
            "reaper's events are in the system's journal, which you may not read. That includes those of your own"
            " sessions, because journald shows users only what their own processes wrote"
        )
        super().__init__("not-allowed", message, _HINT)


def this_boot() -> str:
    """Returns the ID of this boot, as the journal writes it."""
    found: str = id128.get_boot().hex
    return found


def machine_id() -> str:
    """Returns the ID of this host, which is the name of the directory of its journals."""
    found: str = id128.get_machine().hex
    return found


def check_readable(directories: Sequence[str] = DIRECTORIES) -> None:
    """Raises NotAllowedError if there is a system journal that the caller may not read.

    libsystemd silently skips such files, and the log would look empty or incomplete.
    """
    machine = machine_id()
    for directory in directories:
        path = f"{directory}/{machine}"
        try:
            os.stat(f"{path}/system.journal")
        except PermissionError:
            raise NotAllowedError from None
        except OSError:
            continue
        if not os.access(f"{path}/system.journal", os.R_OK) or not os.access(path, os.R_OK | os.X_OK):
            raise NotAllowedError


class JournalReader:
    """Reads reaper's events from the journal. To be used as a context manager."""

    def __init__(self, open_reader: Callable[[], Any] | None = None) -> None:
        self._open = open_reader or open_journal
        try:
            self._reader = self._open()
        except OSError as error:
            raise ReaperError("journal-unreadable", f"the journal cannot be opened: {error.strerror}") from error
        self._ours: dict[tuple[str, str, str], bool] = {}

    def __enter__(self) -> JournalReader:  # noqa: PYI034 - Python 3.9 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def read(self, alternatives: Iterable[Sequence[str]], selection: EventQuery) -> Iterator[JournalRecord]:
        """Yields the events that match one of the alternatives, within the selection's time, the oldest first."""
        _match(self._reader, alternatives)
        if selection.since_usec is None:
            self._reader.seek_head()
        else:
            self._reader.seek_realtime(max(0, selection.since_usec))
        for record in self._forward():
            if selection.until_usec is not None and record.time_usec > selection.until_usec:
                return
            yield record

    def read_last(self, alternatives: Iterable[Sequence[str]], selection: EventQuery, most: int) -> list[JournalRecord]:
        """Returns at most the last `most` of these events, the oldest first; reads no more of the journal."""
        _match(self._reader, alternatives)
        return self._backward(selection, most)[0]

    def follow(
        self, alternatives: Iterable[Sequence[str]], selection: EventQuery, most: int
    ) -> Iterator[tuple[JournalRecord, ...]]:
        """Yields the last events, and then new ones as they come, until our standard output is closed."""
        _match(self._reader, alternatives)
        last, newest = self._backward(selection, most)
        yield tuple(last)
        if newest:
            self._reader.seek_cursor(newest)
            self._reader.get_next()  # the newest entry itself
        else:
            self._reader.seek_head()  # not the tail: libsystemd finds nothing after it, even if something is added
        while self._wait():
            new = tuple(self._forward())
            if new:
                yield new

    def _backward(self, selection: EventQuery, most: int) -> tuple[list[JournalRecord], str]:
        """Returns the last events, the oldest first, and the cursor of the newest entry that was read, or ""."""
        if selection.until_usec is None:
            self._reader.seek_tail()
        else:
            self._reader.seek_realtime(max(0, selection.until_usec) + 1)
        found: list[JournalRecord] = []
        newest = ""
        while len(found) < most:
            entry = self._reader.get_previous()
            if not entry:
                break
            newest = newest or entry["__CURSOR"]
            record = self._event(entry)
            if record is None:
                continue
            if selection.since_usec is not None and record.time_usec < selection.since_usec:
                break
            found.append(record)
        return found[::-1], newest

    def _forward(self) -> Iterator[JournalRecord]:
        while True:
            entry = self._reader.get_next()
            if not entry:
                return
            record = self._event(entry)
            if record is not None:
                yield record

    def _wait(self) -> bool:
        """Waits until the journal may have grown; returns false once our standard output is closed."""
        poll = select.poll()
        poll.register(self._reader.fileno(), self._reader.get_events())
        poll.register(1, 0)  # reports only that the other end is closed
        ready = dict(poll.poll(self._reader.get_timeout_ms()))
        self._reader.process()
        return not ready.get(1, 0) & (select.POLLERR | select.POLLHUP | select.POLLNVAL)

    def _event(self, entry: Mapping[str, Any]) -> JournalRecord | None:
        sender = sender_of(entry)
        if sender is Sender.OURS or (sender is Sender.GONE and self._was_ours(entry)):
            return record_of(entry)
        return None

    def _was_ours(self, entry: Mapping[str, Any]) -> bool:
        """Whether a process that was gone before journald could look at it had logged as one of ours before."""
        units = [f"_SYSTEMD_UNIT={unit}" for unit in units_of(entry)]
        process = text_of(entry, "_BOOT_ID"), text_of(entry, "_PID"), units[-1]
        if process not in self._ours:
            boot, pid, _ = process
            with self._open() as reader:
                _match(reader, [["_UID=0", *units, f"_BOOT_ID={boot}", f"_PID={pid}"]])
                self._ours[process] = bool(reader.get_next())
        return self._ours[process]


def open_journal() -> journal.Reader:
    """Returns a reader that leaves every field as text: converting dates and UUIDs would take most of the time."""
    converters: dict[str, Callable[[Any], Any]] = dict.fromkeys(journal.DEFAULT_CONVERTERS, bytes.decode)
    converters.update(dict.fromkeys(_OWN, lambda value: value))
    return journal.Reader(converters=converters)


def _match(reader: journal.Reader, alternatives: Iterable[Sequence[str]]) -> None:
    reader.flush_matches()
    for number, together in enumerate(alternatives):
        if number:
            reader.add_disjunction()
        reader.add_match(*together)
