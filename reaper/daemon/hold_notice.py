"""Tells administrators who become root that sessions of the host are held."""

from __future__ import annotations

from reaper.daemon.messenger import Messenger
from reaper.decide.session.model import SessionKey
from reaper.decide.session.tracked_session import TrackedSession


class HoldNotice:
    """Tells each elevated session once, as soon as it has a terminal: root's own, and those in which root acts."""

    def __init__(self, messenger: Messenger) -> None:
        self._messenger = messenger
        self._notified: set[SessionKey] = set()

    def mark_notified(self, tracked: TrackedSession) -> None:
        """Excludes a session that an earlier daemon knew: rather no notice than the same notice twice."""
        self._notified.add(tracked.session.key)

    def forget(self, key: SessionKey) -> None:
        """Forgets a session that is gone."""
        self._notified.discard(key)

    def announce(self, sessions: dict[SessionKey, TrackedSession]) -> None:
        """Writes the notice to the sessions that have become elevated since the last call."""
        fresh = [
            tracked
            for key, tracked in sessions.items()
            if tracked.elevated and tracked.readings and key not in self._notified
        ]
        if not fresh:
            return
        held = sum(1 for tracked in sessions.values() if tracked.hold is not None)
        for tracked in fresh:
            self._notified.add(tracked.session.key)
            if held:
                self._messenger.announce_holds(tracked, held)
