"""What changes about a session while nobody logs in or types: that root acts in it, and the hours of its rules."""

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
    """What has changed since the last look."""

    sessions: list[SessionKey]  # to be judged anew
    dead_marks: list[ProcessId]
    problems: list[ReaperError]


class RuleContext:
    """What was so at the last look."""

    def __init__(self, host: Host) -> None:
        self.local: LocalTime | None = None  # None where no rule asks for the time
        self.marked: frozenset[SessionKey] = frozenset()  # where su, sudo or run0 made somebody root
        self._host = host
        self._newest: SessionKey | None = None
        self._answers: tuple[bool, ...] = ()

    def look(self, sessions: dict[SessionKey, TrackedSession], policy: Policy | None, now_usec: int) -> ContextChange:
        """Looks at both; of most sessions at most polls there is nothing to say."""
        newest = next(reversed(sessions), None)
        every = (tracked.session for tracked in sessions.values())
        found = self._host.elevated(every, now_usec, has_new_sessions=newest != self._newest)
        touched = self.marked | found.sessions
        self.marked, self._newest = found.sessions, newest
        if self.is_turned(policy):
            turned = list(sessions)
        else:
            turned = [key for key in touched & sessions.keys() if self.elevate(sessions[key]) is not sessions[key]]
        return ContextChange(turned, found.dead_marks, found.problems)

    def elevate(self, tracked: TrackedSession) -> TrackedSession:
        """A session as it is now: elevated or not."""
        return tracked_session.elevate(tracked, tracked.session.key in self.marked)

    def is_turned(self, policy: Policy | None) -> bool:
        """Reads the time if a rule asks for it; whether the hours of any rule have begun or ended since the last."""
        asked = [rule.match.hours for rule in policy.rules if rule.match.hours] if policy else []
        local = self.local = self._host.local_time() if asked else None
        answers = tuple(local is not None and is_within(hours, local) for hours in asked)
        is_turned = answers != self._answers
        self._answers = answers
        return is_turned
