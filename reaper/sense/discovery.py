"""Finds the sessions of the host: those that have a record, and those that only logind knows.

Each session is read behind a barrier of its own. If a record or a process makes that fail, for whatever reason, all
other sessions are still found: the failure is reported once, and the session is tried again each time.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Collection, Container, Iterable
from typing import Callable, NamedTuple, TypeVar

from reaper.decide.session.model import Session, SessionKey
from reaper.decide.text.duration import USEC_PER_SEC
from reaper.errors import ReaperError
from reaper.sense import login_sessions, processes
from reaper.sense.belonging import NestedSession
from reaper.sense.login_records import LoginRecords
from reaper.sense.logind import Logind, LogindSession

T = TypeVar("T")

RECORD_DUE_USEC = 5 * USEC_PER_SEC
"""pam_systemd makes a session before pam_reaper writes its record, which says more about a login than logind does. So a
session that logind has known for less than this is left for its record; slow modules may run between the two."""


class Discovery(NamedTuple):
    """The result of one search for new sessions."""

    sessions: list[Session]
    dead_records: list[SessionKey]  # records whose leader has ended
    problems: list[ReaperError]


class SessionFinder:
    """Finds sessions. Remembers what it has asked logind and what failed, so as not to ask or report it again."""

    def __init__(self, records: LoginRecords, logind: Logind) -> None:
        self._records, self._logind = records, logind
        self._asked: set[str] = set()
        self._broken: set[SessionKey] = set()
        self._is_silent = False  # whether logind does not answer and that was reported
        self.nested: dict[str, NestedSession] = {}  # sessions of logind's that are part of a login, by logind's id
        self._reported: set[str] = set()  # the sessions that cannot be read, by key or by logind's id

    def find(self, known: Container[SessionKey], known_ids: Iterable[str], servers: Collection[str]) -> Discovery:
        """Returns the sessions that are not among `known`; each problem is reported once.

        `servers` are the names of users' programs that are treated as terminals.
        """
        found: dict[SessionKey, Session] = {}
        dead: list[SessionKey] = []
        problems: list[ReaperError] = []
        unknown = self._records.list_unknown(known)
        self._broken &= unknown
        for key in sorted(unknown - self._broken):
            try:
                record = self._records.read(key)
            except ReaperError as problem:
                self._broken.add(key)
                problems.append(problem)
                continue
            if record is None:
                continue
            is_read, session = self._guarded(str(key), functools.partial(login_sessions.from_record, record), problems)
            if session is not None:
                found[session.key] = session
            elif is_read:
                dead.append(key)
        ids = self._logind.list_ids()
        if ids is not None:  # forget what does not exist any more
            self._reported &= {*map(str, unknown), *ids}
            self.nested = {name: each for name, each in self.nested.items() if name in ids}
        from_logind = self._add_logind(found, ids, known_ids, servers, problems)
        return Discovery([session for session in from_logind if session.key not in known], dead, problems)

    def _add_logind(
        self,
        found: dict[SessionKey, Session],
        ids: Collection[str] | None,
        known_ids: Iterable[str],
        servers: Collection[str],
        problems: list[ReaperError],
    ) -> list[Session]:
        """Adds the sessions that only logind knows."""
        if ids is None:
            return list(found.values())
        self._asked.intersection_update(ids)
        unknown = set(ids).difference(known_ids, self._asked, (session.session_id for session in found.values()))
        if unknown:
            entries = self._logind.read_sessions(unknown)
            if entries is None:
                self._logind.recall()
                if not self._is_silent:
                    self._is_silent = True
                    hint = "systemctl status systemd-logind"
                    problems.append(ReaperError("logind-silent", "logind does not answer", hint))
                return list(found.values())
            self._is_silent = False
            for entry in entries:
                read: Callable[[], Session | NestedSession | None] = functools.partial(_read_entry, entry, servers)
                is_read, session = self._guarded(entry.session_id, read, problems)
                if isinstance(session, NestedSession):
                    self.nested[entry.session_id] = session
                    continue
                if session is not None:
                    unknown.discard(entry.session_id)
                    if entry.age_usec < RECORD_DUE_USEC:
                        self._logind.recall()
                        continue
                    found.setdefault(session.key, session)
                elif not is_read or (entry.leader > 0 and processes.start_ticks(entry.leader) is not None):
                    unknown.discard(entry.session_id)  # its scope may still be made: asked again with logind's news
            self._asked |= unknown  # not sessions of persons, or ended: never ask again
        return list(found.values())

    def _guarded(self, name: str, read: Callable[[], T], problems: list[ReaperError]) -> tuple[bool, T | None]:
        """The barrier around one session. Returns whether it could be read, and the session, None where it is over."""
        try:
            session = read()
        except Exception as error:
            if name not in self._reported:
                self._reported.add(name)
                why = str(error) if isinstance(error, OSError) else traceback.format_exc()
                problems.append(ReaperError("session-unreadable", f"session {name} cannot be read: {why}"))
            return False, None
        self._reported.discard(name)
        return True, session


def _read_entry(entry: LogindSession, servers: Collection[str]) -> Session | NestedSession | None:
    return login_sessions.find_nested(entry) or login_sessions.from_logind(entry, servers)
