"""What changes which rule applies while nobody logs in: root begins to act in a session, or a rule's hours begin."""

from __future__ import annotations

from typing import NamedTuple

from reaper.decide.policy.rules import Policy
from reaper.decide.session import tracked_session
from reaper.decide.session.model import ProcessId, SessionKey
from reaper.decide.session.tracked_session import TrackedSession
from reaper.decide.text.hours import LocalTime, is_within
from reaper.errors import ReaperError
from reaper.sense.host import Host


class ContextChange(NamedTuple):
    """What has changed since the last poll."""

    sessions: list[SessionKey]  # to be put under their rules again
    dead_marks: list[ProcessId]
    problems: list[ReaperError]


class RuleContext:
    """Remembers which sessions were elevated and which hours applied at the last poll."""

    def __init__(self, host: Host) -> None:
        self.local: LocalTime | None = None  # None if no rule has hours
        self.marked: frozenset[SessionKey] = frozenset()  # where su, sudo or run0 made a user root
        self._host = host
        self._newest: SessionKey | None = None
        self._hours_active: tuple[bool, ...] = ()

    def update(self, sessions: dict[SessionKey, TrackedSession], policy: Policy | None, now_usec: int) -> ContextChange:
        """Reads elevations and the time, and returns what has changed: at most polls nothing."""
        newest = next(reversed(sessions), None)
        every = (tracked.session for tracked in sessions.values())
        found = self._host.elevated(every, now_usec, has_new_sessions=newest != self._newest)
        touched = self.marked | found.sessions
        self.marked, self._newest = found.sessions, newest
        if self.update_hours(policy):
            changed = list(sessions)
        else:
            changed = [key for key in touched & sessions.keys() if self.elevate(sessions[key]) is not sessions[key]]
        return ContextChange(changed, found.dead_marks, found.problems)

    def elevate(self, tracked: TrackedSession) -> TrackedSession:
        """Returns a session with its current elevation."""
        return tracked_session.elevate(tracked, tracked.session.key in self.marked)

    def update_hours(self, policy: Policy | None) -> bool:
        """Reads the time if a rule has hours; returns whether any rule's hours began or ended since the last call."""
        every_hours = [rule.match.hours for rule in policy.rules if rule.match.hours] if policy else []
        local = self.local = self._host.local_time() if every_hours else None
        active = tuple(local is not None and is_within(hours, local) for hours in every_hours)
        has_changed = active != self._hours_active
        self._hours_active = active
        return has_changed
