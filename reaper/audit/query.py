"""A query for events, and the same as matches that the journal's indices can answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from reaper.audit.journal_records import IDENTIFIER, JournalRecord
from reaper.decide.output.events import EventKind
from reaper.decide.text.escape import plain

DAEMON_RUNS = frozenset([EventKind.STARTED.word, EventKind.STOPPED.word])
"""The events between which the daemon ran, or did not run."""


@dataclass(frozen=True)
class EventQuery:
    """Conditions on an event, of which all must hold. Times are of the wall clock, both ends included."""

    session: str = ""
    user: str = ""
    events: frozenset[str] = frozenset()
    since_usec: int | None = None
    until_usec: int | None = None
    boot: str = ""

    def has(self, record: JournalRecord) -> bool:
        """Whether an event is of the kinds, the boot and the time that are asked for."""
        return (
            (not self.events or record.event in self.events)
            and (not self.boot or record.boot == self.boot)
            and (self.since_usec is None or record.time_usec >= self.since_usec)
            and (self.until_usec is None or record.time_usec <= self.until_usec)
        )


def matches(selection: EventQuery) -> list[list[str]]:
    """Returns alternatives, each a list of matches: one of each field must hold (sd_journal_add_match(3)).

    The uid and the identifier find reaper's entries quickly; whether they are genuine, journal_records.sender_of()
    decides.
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


def session_matches(selection: EventQuery) -> list[list[str]]:
    """Returns matches for all events of the sessions of a name, and for when the daemon was started and stopped."""
    (session,) = matches(EventQuery(session=selection.session, user=selection.user, boot=selection.boot))
    (runs,) = matches(EventQuery(events=DAEMON_RUNS, boot=selection.boot))
    return [session, runs]
