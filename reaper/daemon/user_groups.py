"""Finds the groups of sessions' users, for policies with rules by group.

The group IDs come from the login record or from the kernel. They stay with the session, as its processes keep them: a
user who is added to a group is in it from the next login on. Names come from the login record, too. A separate process
asks the name services for what is missing: the ID of each group that a rule names and, if a rule has a pattern, the
name of each group of a session. Until an answer comes, rules match by the names that are known.
"""

from __future__ import annotations

from dataclasses import replace

from reaper.act.journal import Journal
from reaper.decide.output import session_events
from reaper.decide.output.events import Priority
from reaper.decide.policy import membership
from reaper.decide.policy.match import is_pattern
from reaper.decide.policy.rules import Policy
from reaper.decide.session.model import Session, SessionKey
from reaper.decide.session.tracked_session import TrackedSession
from reaper.decide.text.duration import USEC_PER_MIN, USEC_PER_SEC
from reaper.sense.host import Host

# Name services that work have answered by then (local files in 20 ms), so that all groups are known before sessions
# come under a new policy. A longer wait would delay sessions that are due.
WAIT_SEC = 1.0
# How soon the name services are asked again about an unknown group, each time twice as late: a directory may not be up
# yet when the daemon starts.
RETRY_USEC = 15 * USEC_PER_SEC
LATEST_RETRY_USEC = 10 * USEC_PER_MIN

# How long the groups of a session may be unknown before that is logged: its first process may be yet to start.
_STARTING_USEC = 5 * USEC_PER_SEC


class UserGroups:
    """The groups that the name services have answered, and those that are still unknown."""

    def __init__(self, host: Host, journal: Journal) -> None:
        self._host, self._journal = host, journal
        self._gids: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._nameless: set[int] = set()  # groups of sessions for which no name service has a name
        self._wanted: frozenset[str] = frozenset()  # the groups that rules name
        self._is_asked = False  # whether any rule matches by group
        self._has_patterns = False
        self._unknown: set[str] = set()  # of the wanted groups, those that no name service knows
        self._is_reported = False
        self._missing_since: dict[SessionKey, int | None] = {}  # since when groups are unknown; None: already logged
        self._retry_at = self._retry_usec = 0

    @property
    def unknown(self) -> list[str]:
        """The groups that rules name and that no answering name service knows."""
        return sorted(self._unknown)

    def adopt(self, policy: Policy, now_usec: int) -> None:
        """Asks for the groups that a new policy names. Earlier answers stay, in case nothing answers now."""
        patterns = {pattern for rule in policy.rules for pattern in rule.match.group}
        self._wanted = frozenset(pattern for pattern in patterns if not is_pattern(pattern))
        self._is_asked, self._has_patterns = bool(patterns), self._wanted != patterns
        self._gids = {name: gid for name, gid in self._gids.items() if name in self._wanted}
        self._unknown &= self._wanted
        self._is_reported, self._retry_usec = False, RETRY_USEC
        self._retry_at = now_usec + self._retry_usec
        self._nameless.clear()
        if self._is_asked:
            self._host.ask_groups(self._wanted, (), discard=True)
            self._take_answers(now_usec, WAIT_SEC)

    def update(self, now_usec: int) -> bool:
        """Takes in new answers of the name services; returns whether other rules may apply to sessions now."""
        if not self._is_asked:
            return False
        if (self._unknown or self._nameless) and now_usec >= self._retry_at:
            self._retry_usec = min(2 * self._retry_usec, LATEST_RETRY_USEC)
            self._retry_at = now_usec + self._retry_usec
            self._host.ask_groups(self._unknown, self._nameless)
        return self._take_answers(now_usec)

    def _take_answers(self, now_usec: int, wait_sec: float = 0.0) -> bool:
        answers = self._host.take_groups(wait_sec)
        gids = {name: gid for name, gid in answers.gids.items() if gid is not None and name in self._wanted}
        names = {gid: name for gid, name in answers.names.items() if name}
        is_new = not (gids.items() <= self._gids.items() and names.items() <= self._names.items())
        self._gids.update(gids)
        self._names.update(names)
        nameless = answers.names.keys() - self._names.keys()
        if not nameless <= self._nameless:  # a new one is asked for again soon, even if others are long unknown
            self._retry_usec = RETRY_USEC
            self._retry_at = now_usec + self._retry_usec
        self._nameless |= nameless
        self._nameless -= self._names.keys()
        self._unknown |= answers.gids.keys() & self._wanted - self._gids.keys()
        self._unknown -= self._gids.keys()
        if self._unknown and not self._is_reported:
            self._is_reported = True
            self._journal.note(Priority.WARNING, session_events.unknown_groups(self.unknown))
        return is_new

    def with_groups(self, tracked: TrackedSession, now_usec: int) -> TrackedSession:
        """Returns a session with its groups and the names that are known; unchanged if no rule matches by group."""
        if not self._is_asked:
            return tracked
        found = tracked.membership if tracked.membership is not None else self._host.read_membership(tracked.session)
        if found is None:
            self._note_missing(tracked.session, now_usec)
            return tracked
        self._missing_since.pop(tracked.session.key, None)
        found = membership.with_names(found, self._gids, self._names)
        missing = membership.unnamed(found) - self._nameless if self._has_patterns else ()
        if missing:
            self._host.ask_groups((), missing)
        return tracked if found == tracked.membership else replace(tracked, membership=found)

    def _note_missing(self, session: Session, now_usec: int) -> None:
        """Logs once that the groups of a session are unknown, if they have been for some time."""
        since_usec = self._missing_since.setdefault(session.key, now_usec)
        if since_usec is not None and now_usec - since_usec >= _STARTING_USEC:
            self._missing_since[session.key] = None
            self._journal.note(Priority.WARNING, session_events.ungrouped(session))

    def forget(self, key: SessionKey) -> None:
        """Forgets a session that is gone."""
        self._missing_since.pop(key, None)

    def names_of(self, tracked: TrackedSession) -> frozenset[str] | None:
        """The known names of a session's groups; none if no rule matches by group; None if its groups are unknown."""
        if not self._is_asked:
            return frozenset()
        return None if tracked.membership is None else membership.names_of(tracked.membership)

    def uncertainty(self, tracked: TrackedSession) -> str:
        """Why a rule by group may wrongly not match a session, in words; "" if everything is known."""
        if not self._is_asked:
            return ""
        if tracked.membership is None:
            return session_events.NO_GROUPS
        unnamed = membership.unnamed(tracked.membership)
        return session_events.unnamed_groups(unnamed) if unnamed and (self._unknown or self._has_patterns) else ""
