"""The sessions whose end waits for a program that runs in them."""

from __future__ import annotations

from reaper.decide.session import operations
from reaper.decide.session.model import Program, SessionKey
from reaper.decide.session.state import Phase
from reaper.decide.session.tracked_session import TrackedSession
from reaper.sense.host import Host


class Deferrals:
    """Looks for programs in sessions that are due, and at each poll in those that are deferred; in no others."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._deferred: set[SessionKey] = set()

    @property
    def waiting(self) -> list[SessionKey]:
        """The sessions that are deferred."""
        return list(self._deferred)

    def find(self, tracked: TrackedSession, now_usec: int) -> Program | None:
        """What the end of a session has to wait for; None where there is nothing, or where it has waited enough."""
        if tracked.limits is None or not operations.busy_left_usec(tracked, now_usec):
            return None
        return self._host.busy_program(tracked.session, tracked.terminals, tracked.limits.busy)

    def forget(self, key: SessionKey) -> None:
        """Drops what is kept of a session that is gone."""
        self._deferred.discard(key)

    def follow(self, tracked: TrackedSession) -> None:
        """Takes note of where a session is in its life."""
        if tracked.life.phase is Phase.DEFERRED:
            self._deferred.add(tracked.session.key)
        else:
            self._deferred.discard(tracked.session.key)
