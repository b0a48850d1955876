"""Events grouped by session, and how each session ended. Pure.

logind numbers sessions anew at each boot, so a name alone stands for several. A boot, a leader and a name stand for
one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reaper.audit.journal_records import JournalRecord
from reaper.audit.query import LAPSES
from reaper.decide.output.events import EventKind
from reaper.decide.text.duration import span
from reaper.decide.text.escape import plain
from reaper.decide.text.size import KIB


class SessionId(NamedTuple):
    """What tells a session from every other of the journal."""

    boot: str
    leader: str
    name: str


@dataclass(frozen=True)
class Timeline:
    """All that the journal has of a session, oldest first.

    In the order of the journal, which a clock that is set back does not change. `lines` are its events and, between
    them, when the daemon was stopped and started.
    """

    session: SessionId
    records: tuple[JournalRecord, ...]
    lines: tuple[JournalRecord, ...]

    def last(self, *kinds: EventKind) -> JournalRecord | None:
        """The last event of one of these kinds."""
        words = [kind.word for kind in kinds]
        return next((record for record in reversed(self.records) if record.event in words), None)

    def field(self, name: str) -> str:
        """What the latest event that has the field says there, or ""."""
        return next((record.fields[name] for record in reversed(self.records) if name in record.fields), "")

    @property
    def terminals(self) -> list[str]:
        """Every terminal it ever had."""
        every = (name for record in self.records for name in record.fields.get("terminals", "").split())
        return list(dict.fromkeys(every))


def stories_of(records: Iterable[JournalRecord]) -> list[Timeline]:
    """The sessions that these events are of, the one with the newest event last. Takes them in the journal's order."""
    told: dict[SessionId, list[_Placed]] = {}
    lapses = []
    for place, record in enumerate(records):
        if record.session:
            key = SessionId(record.boot, record.fields.get("leader", ""), record.session)
            told.setdefault(key, []).append(_Placed(place, record))
        elif record.event in LAPSES:
            lapses.append(_Placed(place, record))
    newest_last = sorted(told.items(), key=lambda item: item[1][-1].place)
    return [_story(key, of_one, lapses) for key, of_one in newest_last]


class _Placed(NamedTuple):
    place: int
    record: JournalRecord


def _story(key: SessionId, of_one: Sequence[_Placed], lapses: Sequence[_Placed]) -> Timeline:
    """With the lapses of the session's boot since its first event, up to its end if that was told."""
    first, last = of_one[0], of_one[-1]
    is_over = last.record.event in (EventKind.CLOSED.word, EventKind.TERMINATED.word)
    meanwhile = [
        lapse
        for lapse in lapses
        if lapse.record.boot == key.boot and lapse.place > first.place and not (is_over and lapse.place > last.place)
    ]
    lines = sorted((*of_one, *meanwhile), key=lambda placed: placed.place)
    return Timeline(key, tuple(placed.record for placed in of_one), tuple(placed.record for placed in lines))


def summary_of(story: Timeline, this_boot: str) -> str:
    """How the session ended, in a sentence."""
    terminated, failed = story.last(EventKind.TERMINATED), story.last(EventKind.TERMINATE_FAILED)
    opened = story.last(EventKind.OPENED)
    if terminated is not None:
        return f"Ended {_cause(story)}{_freed(terminated)}."
    closed = story.last(EventKind.CLOSED)
    if closed is not None:
        lasted_usec = closed.time_usec - opened.time_usec if opened else -1  # less than nothing where the clock was set
        return f"Closed by itself after {span(lasted_usec)}." if lasted_usec >= 0 else "Closed by itself."
    if failed is not None and story.records[-1] == failed:
        return "Could not be ended; something of it is still there."
    if story.session.boot != this_boot:
        return "No end is recorded: the host went down with it."
    if story.lines[-1].event == EventKind.STOPPED.word:
        return "No end is recorded: reaperd was stopped, and has not been started since."
    return "No end is recorded: it is still watched, or ended while reaperd was not running."


def _cause(story: Timeline) -> str:
    ending = story.last(EventKind.ENDING) or story.records[-1]
    if ending.fields.get("reason") == "order":
        return f"as {plain(ending.fields.get('by', ''))} ordered: {plain(ending.fields.get('why', ''))}"
    if ending.fields.get("reason") == "lock":
        why = plain(ending.fields.get("why", ""))
        return (
            f"while it was locked: {why}"
            if why
            else f"as nobody unlocked it within {span(ending.number('limit_usec'))}"
        )
    if ending.fields.get("reason") == "max":
        return f"at {span(ending.number('limit_usec'))}, the longest that its rule allows"
    return f"after {span(ending.number('idle_usec'))} without {'input' if story.terminals else 'work'}"


def _freed(terminated: JournalRecord) -> str:
    """What was freed, as a part of a sentence that ends there; "" if nothing was. Leaves out what rounds to zero."""
    number, octets = terminated.number("freed_processes"), terminated.number("freed_rss")
    parts = [f"{number} processes"] if number else []
    parts += [_size(octets)] if octets >= KIB else []
    return f"; {', '.join(parts)} freed" if parts else ""


def _size(octets: int) -> str:
    """An amount of memory as people say it."""
    if octets < KIB**2:
        return f"{octets // KIB} KiB"
    return f"{octets // KIB**2} MiB" if octets < KIB**3 else f"{octets / KIB**3:.1f} GiB"


def title_of(story: Timeline) -> str:
    """Who it is about, and from where."""
    user, remote = plain(story.field("user")), plain(story.field("remote"))
    where = f" from {remote}" if remote else ""
    if story.terminals:
        where += f" on {plain(', '.join(story.terminals))}"
    how = plain(", ".join(filter(None, [story.field("service"), story.field("origin")])))
    return f"Session {plain(story.session.name)} of {user}{where}" + (f" ({how})" if how else "")
