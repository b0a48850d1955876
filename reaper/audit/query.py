"""Which events are asked for, and that as matches of the journal's, which its indices answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from reaper.audit.journal_records import IDENTIFIER, JournalRecord
from reaper.decide.output.events import EventKind
from reaper.decide.text.escape import plain

LAPSES = frozenset([EventKind.STARTED.word, EventKind.STOPPED.word])
"""Between a `stopped` and the next `started`, nobody watched."""


@dataclass(frozen=True)
class EventQuery:
    """All that is said must hold. Times are the wall clock's, both ends included."""

    session: str = ""
    user: str = ""
    events: frozenset[str] = frozenset()
    since_usec: int | None = None
    until_usec: int | None = None
    boot: str = ""

    def has(self, record: JournalRecord) -> bool:
        """Whether an event is of the kinds and of the time that are asked for."""
        return (
            (not self.events or record.event in self.events)
            and (not self.boot or record.boot == self.boot)
            and (self.since_usec is None or record.time_usec >= self.since_usec)
            and (self.until_usec is None or record.time_usec <= self.until_usec)
        )


def matches(selection: EventQuery) -> list[list[str]]:
    """Alternatives, each a list of matches that must all hold; of one field, one must (sd_journal_add_match(3)).

    A uid and the identifier find reaper's entries quickly; that they are its own is for records.sender_of() to say.
    """
    ours = ["_UID=0", f"SYSLOG_IDENTIFIER={IDENTIFIER}"]
    if selection.boot:
        ours.append(f"_BOOT_ID={selection.boot}")
    wanted = list(ours)
    if selection.user:
        is_uid = selection.user.isascii() and selection.user.isdecimal()
        wanted.append(f"REAPER_UID={selection.user}" if is_uid else f"REAPER_USER={plain(selection.user)}")
    wanted += [f"REAPER_EVENT={event}" for event in sorted(selection.events)]
    if selection.session:
        wanted.append(f"REAPER_SESSION={plain(selection.session)}")
    return [wanted]


def matches_of_story(selection: EventQuery) -> list[list[str]]:
    """All of the sessions of a name, whatever kinds and times are asked for, and when nobody watched."""
    (session,) = matches(EventQuery(session=selection.session, user=selection.user, boot=selection.boot))
    (lapses,) = matches(EventQuery(events=LAPSES, boot=selection.boot))
    return [session, lapses]
