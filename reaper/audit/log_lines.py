"""Formats the log of one session, and lists of events, as lines of text. Pure.

Times are local. The date and the time zone are a line of their own whenever they change, and so is the boot. Columns
are as wide as their content. A line is wrapped, within its column, only if a width is given.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from reaper.audit.journal_records import JournalRecord, sentence_of
from reaper.audit.timeline import Timeline, summary_of, title_of
from reaper.decide.output.events import EventKind
from reaper.decide.text.escape import plain

# A sentence in a column narrower than this is harder to read than one that the terminal wraps.
NARROWEST = 24
GAP = "  "


class LogLines:
    """Formats events as lines, and remembers day, boot and column widths from one call to the next.

    With `subjects`, each line names its session and user.
    """

    def __init__(self, width: int | None, *, subjects: bool) -> None:
        self._width = width
        self._subjects = subjects
        self._day = ""
        self._boot = ""
        self._widths: list[int] = []

    def of(self, records: Sequence[JournalRecord], rule: str = "") -> Iterator[str]:
        """Yields the lines of further events; `rule` was named before and is left out of their sentences."""
        rows = [self._cells(record) for record in records]
        for cells in rows:
            wanted = [len(cell) for cell in cells]
            self._widths = [max(pair) for pair in zip(wanted, self._widths or wanted)]
        for record, cells in zip(records, rows):
            yield from self._headings(record)
            yield from self._row(cells, shorten(sentence_of(record), record, rule))

    def _cells(self, record: JournalRecord) -> list[str]:
        subject = [plain(record.session) or "-", plain(record.user) or "-"] if self._subjects else []
        return [_moment(record).strftime("%H:%M:%S"), *subject, plain(record.event)]

    def _headings(self, record: JournalRecord) -> Iterator[str]:
        """Yields a line for the boot and one for the day, if they changed since the last event."""
        if self._boot not in ("", record.boot):
            yield f"-- Boot {plain(record.boot)} --"
        self._boot = record.boot
        day = day_of(record)
        if day != self._day:
            yield day
        self._day = day

    def _row(self, cells: Sequence[str], sentence: str) -> Iterator[str]:
        start = GAP.join(cell.ljust(width) for cell, width in zip(cells, self._widths)) + GAP
        first, *others = sentence.splitlines() or [""]
        first = _without_event(cells[-1], first)
        room = self._width - len(start) if self._width else 0
        for number, line in enumerate([first, *others]):
            for part in _wrapped(line, room):
                yield (start + part).rstrip()
                start = " " * len(start)
            if number == 0:
                start = " " * len(start)


def _without_event(event: str, sentence: str) -> str:
    """Returns the sentence without the event's word: "sshd, ssh" of "opened (sshd, ssh)"."""
    if sentence == event or sentence.startswith(f"{event} ("):
        return sentence[len(event) :].strip(" ()")
    start = f"is {event}: "
    return sentence[len(start) :] if sentence.startswith(start) else sentence


def _wrapped(line: str, room: int) -> list[str]:
    if room < NARROWEST:
        return [line]
    return textwrap.wrap(line, room, break_on_hyphens=False) or [""]


def shorten(sentence: str, record: JournalRecord, rule: str) -> str:
    """Returns the sentence without the rule, if it is this one."""
    return sentence.replace(f", rule {rule})", ")") if rule and record.fields.get("rule") == rule else sentence


def session_page(timeline: Timeline, shown: Sequence[JournalRecord], this_boot: str, width: int | None) -> list[str]:
    """Returns the log of a session: its title, its events, and how it ended."""
    first = timeline.records[0]
    verb = "opened" if first.event == EventKind.OPENED.word else "first recorded"
    when = f"{verb} {_moment(first).strftime('%a %Y-%m-%d %H:%M:%S %Z')}"
    about = [when, f"leader {plain(timeline.session.leader)}"]
    rule = timeline.field("rule")
    if rule:
        about.append(f"rule {plain(rule)}")
    lines = LogLines(width, subjects=False).of(shown, plain(rule))
    return [title_of(timeline), ", ".join(about), "", *lines, "", summary_of(timeline, this_boot)]


def listing(records: Iterable[JournalRecord], width: int | None) -> list[str]:
    """Returns a line for each event of any sessions."""
    return list(LogLines(width, subjects=True).of(list(records)))


def older_line(name: str, older: int) -> str:
    """Returns the line that says how many older sessions have the same name."""
    what = "1 older session has" if older == 1 else f"{older} older sessions have"
    return f"{what} the name {plain(name)}, too: see --all."


def day_of(record: JournalRecord) -> str:
    """Returns the local date of an event, with the time zone on that day."""
    return _moment(record).strftime("%a %Y-%m-%d %Z").rstrip()


def _moment(record: JournalRecord) -> datetime:
    return datetime.fromtimestamp(record.time_usec // 1_000_000).astimezone()
