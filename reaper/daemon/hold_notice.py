"""What an administrator is told as they become root: that there are holds in force on the host."""

from __future__ import annotations

from reaper.daemon.messenger import Messenger
from reaper.decide.session.model import SessionKey
from reaper.decide.session.tracked_session import TrackedSession


class HoldNotice:
    """Tells each session once, in which root logs in or begins to act, as soon as it has a terminal."""

    def __init__(self, messenger: Messenger) -> None:
        self._messenger = messenger
        self._told: set[SessionKey] = set()

    def remember(self, tracked: TrackedSession) -> None:
        """A session of the daemon before this one: told then, or let go now, rather than told twice."""
        self._told.add(tracked.session.key)

    def forget(self, key: SessionKey) -> None:
        """Drops what is kept of a session that is gone."""
        self._told.discard(key)

    def look(self, sessions: dict[SessionKey, TrackedSession]) -> None:
        """Tells the sessions that are elevated since the last look."""
        fresh = [
            tracked
            for key, tracked in sessions.items()
            if tracked.elevated and tracked.readings and key not in self._told
        ]
        if not fresh:
            return
        held = sum(1 for tracked in sessions.values() if tracked.hold is not None)
        for tracked in fresh:
            self._told.add(tracked.session.key)
            if held:
                self._messenger.announce(tracked, held)
