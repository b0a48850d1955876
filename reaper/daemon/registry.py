"""The sessions that the daemon knows, and the only way to remove one that is gone.

Each part of the daemon keeps what it remembers of a session itself, by the session's key. It joins the registry with a
function that forgets a key, and remove() calls all of these functions, so that no part can be left out. A test
(tests/unit/daemon/test_registry.py) searches every part for keys of sessions that are gone.
"""

from __future__ import annotations

import contextlib
from typing import Callable

from reaper.decide.session.model import SessionKey
from reaper.decide.session.tracked_session import TrackedSession


class Registry(dict[SessionKey, TrackedSession]):
    """The tracked session of each key, in the order in which the sessions were found."""

    def __init__(self) -> None:
        super().__init__()
        self._forgetting: list[Callable[[SessionKey], object]] = []

    def join(self, *forget: Callable[[SessionKey], object]) -> None:
        """Registers functions that remove() calls with the key of each session that is gone."""
        self._forgetting += forget

    def remove(self, key: SessionKey) -> None:
        """Removes a session from the registry and from every part that joined it, even if one of them raises."""
        del self[key]
        with contextlib.ExitStack() as parts:
            for forget in reversed(self._forgetting):
                parts.callback(forget, key)
