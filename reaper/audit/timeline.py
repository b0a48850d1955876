"""Groups events by session, and says how each session ended. Pure.

logind uses the same names again after each boot, so that a name may stand for several sessions. A boot, a leader and a
name together identify one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reaper.audit.journal_records import JournalRecord
from reaper.audit.query import DAEMON_RUNS
from reaper.decide.output.events import EventKind
from reaper.decide.text.duration import span
from reaper.decide.text.escape import plain
from reaper.decide.text.size import KIB


class SessionId(NamedTuple):
    """Identifies a session among all those in the journal."""

    boot: str
    leader: str
    name: str


@dataclass(frozen=True)
class Timeline:
    """The events of a session, the oldest first.

    They are in the order of the journal, which does not change if the clock is set back. `lines` also contains when the
    daemon was stopped and started between them.
    """

    session: SessionId
    records: tuple[JournalRecord, ...]
    lines: tuple[JournalRecord, ...]

    def last(self, *kinds: EventKind) -> JournalRecord | None:
        """Returns the last event of one of these kinds."""
        words = [kind.word for kind in kinds]
        return next((record for record in reversed(self.records) if record.event in words), None)

    def field(self, name: str) -> str:
        """Returns the field from the latest event that has it, or ""."""
        return next((record.fields[name] for record in reversed(self.records) if name in record.fields), "")

    @property
    def terminals(self) -> list[str]:
        """Every terminal that the session ever had."""
        every = (name for record in self.records for name in record.fields.get("terminals", "").split())
        return list(dict.fromkeys(every))


def timelines_of(records: Iterable[JournalRecord]) -> list[Timeline]:
    """Groups events, which are in the journal's order, by session; the session with the newest event is the last."""
    by_session: dict[SessionId, list[_Placed]] = {}
    runs = []
    for place, record in enumerate(records):
        if record.session:
            key = SessionId(record.boot, record.fields.get("leader", ""), record.session)
            by_session.setdefault(key, []).append(_Placed(place, record))
        elif record.event in DAEMON_RUNS:
            runs.append(_Placed(place, record))
    newest_last = sorted(by_session.items(), key=lambda item: item[1][-1].place)
    return [_timeline(key, events, runs) for key, events in newest_last]


class _Placed(NamedTuple):
    place: int
    record: JournalRecord


def _timeline(key: SessionId, events: Sequence[_Placed], runs: Sequence[_Placed]) -> Timeline:
    """Adds when the daemon was stopped and started in the session's boot, between its first event and its end."""
    first, last = events[0], events[-1]
    is_over = last.record.event in (EventKind.CLOSED.word, EventKind.TERMINATED.word)
    meanwhile = [
        run
        for run in runs
        if run.record.boot == key.boot and run.place > first.place and not (is_over and run.place > last.place)
    ]
    lines = sorted((*events, *meanwhile), key=lambda placed: placed.place)
    return Timeline(key, tuple(placed.record for placed in events), tuple(placed.record for placed in lines))


def summary_of(timeline: Timeline, this_boot: str) -> str:
    """Returns how the session ended, as a sentence."""
    terminated, failed = timeline.last(EventKind.TERMINATED), timeline.last(EventKind.TERMINATE_FAILED)
    opened = timeline.last(EventKind.OPENED)
    if terminated is not None:
        return f"Ended {_cause(timeline)}{_freed(terminated)}."
    closed = timeline.last(EventKind.CLOSED)
    if closed is not None:
        lasted_usec = closed.time_usec - opened.time_usec if opened else -1  # negative if the clock was set back
        return f"Closed by itself after {span(lasted_usec)}." if lasted_usec >= 0 else "Closed by itself."
    if failed is not None and timeline.records[-1] == failed:
        return "Could not be ended; some of its processes still run."
    if timeline.session.boot != this_boot:
        return "No end is recorded: it ended when the host went down."
    if timeline.lines[-1].event == EventKind.STOPPED.word:
        return "No end is recorded: reaperd was stopped, and has not been started since."
    return "No end is recorded: it is still open, or it ended while reaperd was not running."


def _cause(timeline: Timeline) -> str:
    ending = timeline.last(EventKind.ENDING) or timeline.records[-1]
    if ending.fields.get("reason") == "order":
        return f"by {plain(ending.fields.get('by', ''))}: {plain(ending.fields.get('why', ''))}"
    if ending.fields.get("reason") == "lock":
        why = plain(ending.fields.get("why", ""))
        return (
            f"while it was locked: {why}"
            if why
            else f"because nobody unlocked it within {span(ending.number('limit_usec'))}"
        )
    if ending.fields.get("reason") == "max":
        return f"after {span(ending.number('limit_usec'))}, the longest time that its rule allows"
    return f"after {span(ending.number('idle_usec'))} without {'input' if timeline.terminals else 'work'}"


def _freed(terminated: JournalRecord) -> str:
    """Returns what was freed, as the end of a sentence; "" if nothing was. Leaves out what rounds to zero."""
    number, octets = terminated.number("freed_processes"), terminated.number("freed_rss")
    parts = [f"{number} process{'es' * (number > 1)}"] if number else []
    parts += [_size(octets)] if octets >= KIB else []
    return f"; {', '.join(parts)} freed" if parts else ""


def _size(octets: int) -> str:
    """Formats an amount of memory."""
    if octets < KIB**2:
        return f"{octets // KIB} KiB"
    return f"{octets // KIB**2} MiB" if octets < KIB**3 else f"{octets / KIB**3:.1f} GiB"


def title_of(timeline: Timeline) -> str:
    """Returns the session's name, user, remote host, terminals, service and origin as a title."""
    user, remote = plain(timeline.field("user")), plain(timeline.field("remote"))
    where = f" from {remote}" if remote else ""
    if timeline.terminals:
        where += f" on {plain(', '.join(timeline.terminals))}"
    how = plain(", ".join(filter(None, [timeline.field("service"), timeline.field("origin")])))
    return f"Session {plain(timeline.session.name)} of {user}{where}" + (f" ({how})" if how else "")
