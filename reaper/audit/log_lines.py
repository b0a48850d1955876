"""Stories and listings as lines of text, for an auditor and for an administrator at night. Pure.

Local time; the date, with its zone, wherever either changes, and the boot wherever that does. Columns are as wide as
what is in them. A line is wrapped, under its own column, only to a width that is given.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from reaper.audit.journal_records import JournalRecord, sentence_of
from reaper.audit.timeline import Timeline, summary_of, title_of
from reaper.decide.output.events import EventKind
from reaper.decide.text.escape import plain

# Narrower than this, a sentence in a column of its own is harder to read than one that the terminal wraps.
NARROWEST = 24
GAP = "  "


class LogLines:
    """Turns events into lines, and remembers what the last one said of day, boot and widths.

    With `subjects`, each line names its session and user.
    """

    def __init__(self, width: int | None, *, subjects: bool) -> None:
        self._width = width
        self._subjects = subjects
        self._day = ""
        self._boot = ""
        self._widths: list[int] = []

    def of(self, records: Sequence[JournalRecord], rule: str = "") -> Iterator[str]:
        """The lines of some more events; `rule` is known to the reader and not named again."""
        rows = [self._cells(record) for record in records]
        for cells in rows:
            wanted = [len(cell) for cell in cells]
            self._widths = [max(pair) for pair in zip(wanted, self._widths or wanted)]
        for record, cells in zip(records, rows):
            yield from self._turns(record)
            yield from self._row(cells, shorten(sentence_of(record), record, rule))

    def _cells(self, record: JournalRecord) -> list[str]:
        subject = [plain(record.session) or "-", plain(record.user) or "-"] if self._subjects else []
        return [_moment(record).strftime("%H:%M:%S"), *subject, plain(record.event)]

    def _turns(self, record: JournalRecord) -> Iterator[str]:
        """What has changed since the last line, if anything has."""
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
        first = _without(cells[-1], first)
        room = self._width - len(start) if self._width else 0
        for number, line in enumerate([first, *others]):
            for part in _wrapped(line, room):
                yield (start + part).rstrip()
                start = " " * len(start)
            if number == 0:
                start = " " * len(start)


def _without(event: str, sentence: str) -> str:
    """What the sentence says beyond the event's own word: "opened (sshd, ssh)", "is warned: it ends in 5min"."""
    if sentence == event or sentence.startswith(f"{event} ("):
        return sentence[len(event) :].strip(" ()")
    start = f"is {event}: "
    return sentence[len(start) :] if sentence.startswith(start) else sentence


def _wrapped(line: str, room: int) -> list[str]:
    if room < NARROWEST:
        return [line]
    return textwrap.wrap(line, room, break_on_hyphens=False) or [""]


def shorten(sentence: str, record: JournalRecord, rule: str) -> str:
    """The sentence without the rule, if it is the one that is known."""
    return sentence.replace(f", rule {rule})", ")") if rule and record.fields.get("rule") == rule else sentence


def story_page(story: Timeline, shown: Sequence[JournalRecord], this_boot: str, width: int | None) -> list[str]:
    """A session: who it is, what happened, how it ended."""
    first = story.records[0]
    verb = "opened" if first.event == EventKind.OPENED.word else "first told of"
    when = f"{verb} {_moment(first).strftime('%a %Y-%m-%d %H:%M:%S %Z')}"
    about = [when, f"leader {plain(story.session.leader)}"]
    rule = story.field("rule")
    if rule:
        about.append(f"rule {plain(rule)}")
    lines = LogLines(width, subjects=False).of(shown, plain(rule))
    return [title_of(story), ", ".join(about), "", *lines, "", summary_of(story, this_boot)]


def listing(records: Iterable[JournalRecord], width: int | None) -> list[str]:
    """A line for each event of many sessions."""
    return list(LogLines(width, subjects=True).of(list(records)))


def older_line(name: str, older: int) -> str:
    """That a name is more than one session's."""
    what = "1 older session has" if older == 1 else f"{older} older sessions have"
    return f"{what} the name {plain(name)}, too: see --all."


def day_of(record: JournalRecord) -> str:
    """The date of an event, with what the local time is called on it."""
    return _moment(record).strftime("%a %Y-%m-%d %Z").rstrip()


def _moment(record: JournalRecord) -> datetime:
    return datetime.fromtimestamp(record.time_usec // 1_000_000).astimezone()
