"""The sessions that the daemon knows, and the one way out for a session that is gone.

Each part of the daemon keeps what it remembers of a session itself, by the session's key, where it is typed and used.
It joins the registry with the function that forgets a key; remove() calls all of them. So no part can be left out, and
a test (tests/unit/daemon/test_registry.py) looks through every part for keys of sessions that are gone.
"""

from __future__ import annotations

from typing import Callable

from reaper.decide.session.model import SessionKey
from reaper.decide.session.tracked_session import TrackedSession


class Registry(dict[SessionKey, TrackedSession]):
    """The tracked session of each key, in the order in which the sessions were found."""

    def __init__(self) -> None:
        super().__init__()
        self._forgetting: list[Callable[[SessionKey], object]] = []

    def join(self, *forget: Callable[[SessionKey], object]) -> None:
        """Has these functions called with the key of each session that is removed from now on."""
        self._forgetting += forget

    def remove(self, key: SessionKey) -> None:
        """Forgets a session everywhere; the only way out."""
        del self[key]
        for forget in self._forgetting:
            forget(key)
