"""Everything that the daemon does to the host, in one place: so that a test can stand in for it."""

from __future__ import annotations

from collections.abc import Iterable

from reaper.act import lock, notify, runtime, terminate
from reaper.act.notify import Delivery
from reaper.decide.lifecycle import Rung
from reaper.decide.model import ProcessId, SessionKey, Targets
from reaper.decide.policy import Kill


class Actor:
    """Acts on this host; its own files are in `directory`."""

    def __init__(self, directory: str = runtime.DIRECTORY) -> None:
        self._directory = directory

    def write_message(self, terminal: str, text: str, uid: int) -> Delivery:
        """See notify.write_message."""
        return notify.write_message(terminal, text, uid)

    def climb(self, targets: Targets, rung: Rung, kill: Kill, scope: str) -> None:
        """See terminate.climb."""
        terminate.climb(targets, rung, kill, scope)

    def lock(self, session_id: str) -> None:
        """See lock.lock_session."""
        lock.lock_session(session_id)

    def remove_record(self, key: SessionKey) -> None:
        """See runtime.remove_record."""
        runtime.remove_record(key, self._directory)

    def remove_mark(self, process: ProcessId) -> None:
        """See runtime.remove_mark."""
        runtime.remove_mark(process, self._directory)

    def write_state(self, lines: Iterable[str]) -> None:
        """See runtime.write_state."""
        runtime.write_state(lines, self._directory)
