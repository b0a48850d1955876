"""Everything that the daemon does to the host, as the methods of one class that tests can replace."""

from __future__ import annotations

from collections.abc import Iterable

from reaper.act import lock_service, runtime_files, sudo_tickets, terminal_output, terminate
from reaper.act.terminal_output import Delivery
from reaper.decide.policy.limits import Kill
from reaper.decide.session.lock_protocol import LockOrder
from reaper.decide.session.model import ProcessId, SessionKey, Targets
from reaper.decide.session.state import TerminationStep


class Actor:
    """Acts on this host; reaper's own files are in `directory`."""

    def __init__(self, directory: str = runtime_files.DIRECTORY) -> None:
        self._directory = directory

    def write_message(self, terminal: str, text: str, uid: int) -> Delivery:
        """See terminal_output.write_message."""
        return terminal_output.write_message(terminal, text, uid)

    def escalate(self, targets: Targets, step: TerminationStep, kill: Kill, scope: str) -> bool:
        """See terminate.escalate."""
        return terminate.escalate(targets, step, kill, scope)

    def lock(self, session_id: str) -> None:
        """See lock_service.lock_session."""
        lock_service.lock_session(session_id)

    def lock_terminals(self, name: str, order: LockOrder) -> None:
        """See lock_service.lock_terminals."""
        lock_service.lock_terminals(name, order, f"{self._directory}/locks")

    def start_keeper(self, name: str) -> None:
        """See lock_service.start_keeper."""
        lock_service.start_keeper(name)

    def end_lock(self, name: str) -> None:
        """See lock_service.end_lock."""
        lock_service.end_lock(name)

    def withdraw_lock(self, name: str) -> None:
        """See lock_service.withdraw_lock."""
        lock_service.withdraw_lock(name, f"{self._directory}/locks")

    def thaw(self, scope: str) -> None:
        """See lock_service.thaw."""
        lock_service.thaw(scope)

    def forget_lock(self, name: str) -> None:
        """See lock_service.forget_lock."""
        lock_service.forget_lock(name, f"{self._directory}/locks")

    def drop_tickets(self, user: str, uid: int) -> list[str]:
        """See sudo_tickets.drop."""
        return sudo_tickets.drop(user, uid)

    def remove_record(self, key: SessionKey) -> None:
        """See runtime_files.remove_record."""
        runtime_files.remove_record(key, self._directory)

    def remove_mark(self, process: ProcessId) -> None:
        """See runtime_files.remove_mark."""
        runtime_files.remove_mark(process, self._directory)

    def write_state(self, lines: Iterable[str]) -> None:
        """See runtime_files.write_state."""
        runtime_files.write_state(lines, self._directory)
