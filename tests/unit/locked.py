"""Locks in the daemon's surroundings: reaper-lock, as FakeHost and FakeActor imitate it, does what the test says."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from reaper.decide.policy.match import Origin
from reaper.decide.session.lock_protocol import LockOrder, LockState, Stage, encode_state, is_standing
from reaper.decide.session.model import ProcessId, Session, SessionKey
from reaper.errors import ReaperError

KEEPER = ProcessId(4711, 4711)


def keep_files(directory: str, name: str, stage: Stage, since_usec: int = 5) -> None:
    """Writes a lock's state as reaper-lock does, for the real Host to read."""
    path = Path(f"{directory}/{name}/state")
    path.touch(mode=0o600)
    path.write_text(encode_state(LockState(stage, since_usec, 0, "", KEEPER)))


class FakeLocks:
    """The part of FakeHost that answers for locks, with what reaper-lock has written."""

    def __init__(self) -> None:
        self.obstacles: dict[SessionKey, str] = {}
        self.lock_states: dict[str, LockState] = {}
        self.lock_orders: dict[str, LockOrder] = {}
        self.hints: dict[str, bool | None] = {}
        self.running = {KEEPER}
        self.frozen: set[SessionKey] = set()

    # What a test does to the host.

    def keep(self, session: Session, stage: Stage, since_usec: int, why: str = "") -> None:
        """Has reaper-lock write how far a lock is."""
        self.lock_states[session.name] = LockState(stage, since_usec, 0, why, KEEPER)

    # What the daemon asks of the host.

    def lock_obstacle(self, session: Session, names: Collection[str]) -> str:
        has_place = bool(session.session_id) if session.origin is Origin.GRAPHICAL else bool(names)
        return self.obstacles.get(session.key, "" if has_place else "it has no terminal")

    def read_lock(self, session: Session) -> LockState | None:
        return self.lock_states.get(session.name)

    def standing_lock(self, session: Session) -> LockOrder | None:
        order, state = self.lock_orders.get(session.name), self.lock_states.get(session.name)
        return order if order is not None and is_standing(order, state, session.key) else None

    def read_locked_hint(self, session: Session) -> bool | None:
        return self.hints.get(session.session_id)

    def is_frozen(self, session: Session) -> bool:
        return session.key in self.frozen

    def is_running(self, process: ProcessId) -> bool:
        return process in self.running


class FakeLocker:
    """The part of FakeActor that locks."""

    def __init__(self, host: FakeLocks) -> None:
        self._locks = host
        self.locked: list[str] = []
        self.lock_trouble: ReaperError | None = None
        self.orders = host.lock_orders
        self.started: list[str] = []
        self.ended_locks: list[str] = []
        self.withdrawn: list[str] = []
        self.thawed: list[str] = []
        self.thaw_trouble: ReaperError | None = None

    def lock(self, session_id: str) -> None:
        if self.lock_trouble is not None:
            raise self.lock_trouble
        self.locked.append(session_id)

    def lock_terminals(self, name: str, order: LockOrder) -> None:
        if self.lock_trouble is not None:
            raise self.lock_trouble
        self.orders[name] = order
        self._locks.lock_states.pop(name, None)

    def start_keeper(self, name: str) -> None:
        self.started.append(name)

    def end_lock(self, name: str) -> None:
        self.ended_locks.append(name)

    def withdraw_lock(self, name: str) -> None:
        self.orders.pop(name, None)
        self.withdrawn.append(name)

    def thaw(self, scope: str) -> None:
        if self.thaw_trouble is not None:
            raise self.thaw_trouble
        self.thawed.append(scope)

    def forget_lock(self, name: str) -> None:
        self.orders.pop(name, None)
        self._locks.lock_states.pop(name, None)
