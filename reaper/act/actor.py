"""Everything that the daemon does to the host, in one place: so that a test can stand in for it."""

from __future__ import annotations

from collections.abc import Iterable

from reaper.act import lock, notify, runtime, terminate, tickets
from reaper.act.notify import Delivery
from reaper.decide.lifecycle import Rung
from reaper.decide.locking import LockOrder
from reaper.decide.model import ProcessId, SessionKey, Targets
from reaper.decide.policy import Kill


class Actor:
    """Acts on this host; its own files are in `directory`."""

    def __init__(self, directory: str = runtime.DIRECTORY) -> None:
        self._directory = directory

    def write_message(self, terminal: str, text: str, uid: int) -> Delivery:
        """See notify.write_message."""
        return notify.write_message(terminal, text, uid)

    def climb(self, targets: Targets, rung: Rung, kill: Kill, scope: str) -> bool:
        """See terminate.climb."""
        return terminate.climb(targets, rung, kill, scope)

    def lock(self, session_id: str) -> None:
        """See lock.lock_session."""
        lock.lock_session(session_id)

    def lock_terminals(self, name: str, order: LockOrder) -> None:
        """See lock.lock_terminals."""
        lock.lock_terminals(name, order, f"{self._directory}/locks")

    def start_keeper(self, name: str) -> None:
        """See lock.start_keeper."""
        lock.start_keeper(name)

    def end_lock(self, name: str) -> None:
        """See lock.end_lock."""
        lock.end_lock(name)

    def withdraw_lock(self, name: str) -> None:
        """See lock.withdraw_lock."""
        lock.withdraw_lock(name, f"{self._directory}/locks")

    def thaw(self, scope: str) -> None:
        """See lock.thaw."""
        lock.thaw(scope)

    def forget_lock(self, name: str) -> None:
        """See lock.forget_lock."""
        lock.forget_lock(name, f"{self._directory}/locks")

    def drop_tickets(self, user: str, uid: int) -> list[str]:
        """See tickets.drop."""
        return tickets.drop(user, uid)

    def remove_record(self, key: SessionKey) -> None:
        """See runtime.remove_record."""
        runtime.remove_record(key, self._directory)

    def remove_mark(self, process: ProcessId) -> None:
        """See runtime.remove_mark."""
        runtime.remove_mark(process, self._directory)

    def write_state(self, lines: Iterable[str]) -> None:
        """See runtime.write_state."""
        runtime.write_state(lines, self._directory)
