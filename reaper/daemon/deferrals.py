"""Finds the programs for which sessions are deferred (`busy`)."""

from __future__ import annotations

from reaper.decide.session import operations
from reaper.decide.session.model import Program, SessionKey
from reaper.decide.session.state import Phase
from reaper.decide.session.tracked_session import TrackedSession
from reaper.sense.host import Host


class Deferrals:
    """Searches for busy programs in sessions that are due and, at each poll, in deferred ones; in no others."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._deferred: set[SessionKey] = set()

    @property
    def deferred(self) -> list[SessionKey]:
        """The sessions that are deferred now."""
        return list(self._deferred)

    def find_program(self, tracked: TrackedSession, now_usec: int) -> Program | None:
        """The program that the end of a session waits for; None if there is none or `busy_max` is used up."""
        if tracked.limits is None or not operations.busy_left_usec(tracked, now_usec):
            return None
        return self._host.busy_program(tracked.session, tracked.terminals, tracked.limits.busy)

    def forget(self, key: SessionKey) -> None:
        """Forgets a session that is gone."""
        self._deferred.discard(key)

    def update(self, tracked: TrackedSession) -> None:
        """Notes whether a session is deferred."""
        if tracked.life.phase is Phase.DEFERRED:
            self._deferred.add(tracked.session.key)
        else:
            self._deferred.discard(tracked.session.key)
