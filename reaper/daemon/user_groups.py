"""The groups of the sessions' users, for policies with rules by group.

The numbers come from the record of the login or from the kernel, and stay with the session as its processes keep them:
a user who is put into a group is in it from the next login on. Names come from the record, too. What it lacks is asked
of the name services, by a process of its own: the number of each group that a rule names, and where a rule has a
pattern, the name of each group of a session. Until an answer has come, a session is judged by the names that are known.
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

# Where name services are well they have answered by then (in 20 ms, of local files), and everything is settled before a
# session is judged under a new policy. More would delay what is due meanwhile.
PATIENCE_SEC = 1.0
# How soon what none knew is asked again: a directory may not be up yet when the daemon starts. Each time twice as late.
RETRY_USEC = 15 * USEC_PER_SEC
LATEST_RETRY_USEC = 10 * USEC_PER_MIN

# How long nothing may tell the groups of a session before that is reported: its first process may be yet to come.
_STARTING_USEC = 5 * USEC_PER_SEC


class UserGroups:
    """What the name services have told of groups, and what is still asked of them."""

    def __init__(self, host: Host, journal: Journal) -> None:
        self._host, self._journal = host, journal
        self._gids: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._nameless: set[int] = set()  # the groups of sessions: answered, and no name service has a name for them
        self._wanted: frozenset[str] = frozenset()  # the groups that rules name
        self._is_asked = False  # whether a rule has groups at all
        self._has_patterns = False
        self._unknown: set[str] = set()  # of the wanted: answered, and known to no name service
        self._is_told = False
        self._missed: dict[SessionKey, int | None] = {}  # since when nothing tells a session's groups; None: reported
        self._retry_at = self._retry_usec = 0

    @property
    def unknown(self) -> list[str]:
        """The groups that rules name and that no name service knows, or none that answers."""
        return sorted(self._unknown)

    def adopt(self, policy: Policy, now_usec: int) -> None:
        """Asks for the groups that a new policy names. What was known before stays, should nothing answer now."""
        patterns = {pattern for rule in policy.rules for pattern in rule.match.group}
        self._wanted = frozenset(pattern for pattern in patterns if not is_pattern(pattern))
        self._is_asked, self._has_patterns = bool(patterns), self._wanted != patterns
        self._gids = {name: gid for name, gid in self._gids.items() if name in self._wanted}
        self._unknown &= self._wanted
        self._is_told, self._retry_usec = False, RETRY_USEC
        self._retry_at = now_usec + self._retry_usec
        self._nameless.clear()
        if self._is_asked:
            self._host.ask_groups(self._wanted, (), discard=True)
            self._take(now_usec, PATIENCE_SEC)

    def look(self, now_usec: int) -> bool:
        """Takes what name services have answered; whether that may put sessions under other rules."""
        if not self._is_asked:
            return False
        if (self._unknown or self._nameless) and now_usec >= self._retry_at:
            self._retry_usec = min(2 * self._retry_usec, LATEST_RETRY_USEC)
            self._retry_at = now_usec + self._retry_usec
            self._host.ask_groups(self._unknown, self._nameless)
        return self._take(now_usec)

    def _take(self, now_usec: int, patience_sec: float = 0.0) -> bool:
        told = self._host.take_groups(patience_sec)
        gids = {name: gid for name, gid in told.gids.items() if gid is not None and name in self._wanted}
        names = {gid: name for gid, name in told.names.items() if name}
        is_new = not (gids.items() <= self._gids.items() and names.items() <= self._names.items())
        self._gids.update(gids)
        self._names.update(names)
        nameless = told.names.keys() - self._names.keys()
        if not nameless <= self._nameless:  # the first of these is asked for again soon, whatever else is long unknown
            self._retry_usec = RETRY_USEC
            self._retry_at = now_usec + self._retry_usec
        self._nameless |= nameless
        self._nameless -= self._names.keys()
        self._unknown |= told.gids.keys() & self._wanted - self._gids.keys()
        self._unknown -= self._gids.keys()
        if self._unknown and not self._is_told:
            self._is_told = True
            self._journal.note(Priority.WARNING, session_events.unknown_groups(self.unknown))
        return is_new

    def settle(self, tracked: TrackedSession, now_usec: int) -> TrackedSession:
        """Returns a session with its groups, and as many of their names as are known; the same where no rule asks."""
        if not self._is_asked:
            return tracked
        found = tracked.membership if tracked.membership is not None else self._host.read_membership(tracked.session)
        if found is None:
            self._miss(tracked.session, now_usec)
            return tracked
        self._missed.pop(tracked.session.key, None)
        found = membership.with_names(found, self._gids, self._names)
        missing = membership.unnamed(found) - self._nameless if self._has_patterns else ()
        if missing:
            self._host.ask_groups((), missing)
        return tracked if found == tracked.membership else replace(tracked, membership=found)

    def _miss(self, session: Session, now_usec: int) -> None:
        """Reports once that nothing tells the groups of a session, if that has been so for some time."""
        since_usec = self._missed.setdefault(session.key, now_usec)
        if since_usec is not None and now_usec - since_usec >= _STARTING_USEC:
            self._missed[session.key] = None
            self._journal.note(Priority.WARNING, session_events.ungrouped(session))

    def forget(self, key: SessionKey) -> None:
        """Drops what is kept of a session that is gone."""
        self._missed.pop(key, None)

    def of(self, tracked: TrackedSession) -> frozenset[str] | None:
        """The names of a session's groups, none where no rule asks; None where nothing tells its groups."""
        if not self._is_asked:
            return frozenset()
        return None if tracked.membership is None else membership.names_of(tracked.membership)

    def doubt(self, tracked: TrackedSession) -> str:
        """Why a rule by group may not be seen to fit a session, in words; "" where nothing is in doubt."""
        if not self._is_asked:
            return ""
        if tracked.membership is None:
            return session_events.NO_GROUPS
        unnamed = membership.unnamed(tracked.membership)
        return session_events.unnamed_groups(unnamed) if unnamed and (self._unknown or self._has_patterns) else ""
