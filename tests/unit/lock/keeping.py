"""A lock from its order to its end, with what systemd and reaperd do meanwhile; any part can be made to raise."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Collection
from typing import Any, Callable

import pytest

from reaper.decide.output.events import EventKind
from reaper.decide.session.lock_protocol import LockOrder, LockState, Stage, decode_state, encode_order
from reaper.decide.session.model import ProcessId, Session
from reaper.lock import aftermath, keeper, release
from reaper.lock.freeze import frozen, other_locks
from reaper.lock.freeze.freezer import Freezer
from reaper.lock.freeze.quiesce import UserFreeze
from reaper.lock.keeper import Keeper
from reaper.lock.prompt.pam import Outcome
from reaper.lock.store import Store
from reaper.lock.wakeup import Wakeup
from reaper.sense import lock_files
from tests.unit.fakes import FakeHost, FakeJournal
from tests.unit.lock.conftest import Cgroups

ELSEWHERE = "/user.slice/user-1000.slice/user@1000.service/app.slice/tmux.scope"
FAILED = {"SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited", "EXIT_STATUS": "1"}
MOST_KEEPERS = 20


class FakeLine:
    """An open terminal."""

    def __init__(self, lock: LockWorld) -> None:
        self._lock = lock

    def hang_up(self) -> None:
        self._lock.done.append("hung up")

    def shrink(self) -> tuple[int, int, int, int]:
        return (24, 80, 0, 0)

    def restore_size(self, size: tuple[int, int, int, int]) -> None:
        pass


class FakeHeldTerminal:
    """A terminal that the keeper holds. Its user types the right password, unless the lock says no."""

    lock: LockWorld

    def __init__(self, name: str) -> None:
        self.name, self.is_held, self.asked_usec = name, False, 0
        self.line = FakeLine(self.lock)
        self.fd, self.child_fd = self.lock.fds
        self.is_asking = False

    @classmethod
    def open_new(cls, name: str) -> FakeHeldTerminal:
        return cls(name)

    @classmethod
    def from_plain(cls, value: Any) -> FakeHeldTerminal:
        return cls(str(value["name"]))

    def to_plain(self) -> dict[str, Any]:
        return {"name": self.name}

    def open(self) -> None:
        pass

    def is_gone(self) -> bool:
        return False

    def drain(self) -> None:
        pass

    def hold(self) -> None:
        self.is_held = True

    def survey(self) -> bool:
        return True

    def set_aside_screen(self) -> None:
        pass

    def ask(self, order: LockOrder, host: str, failures: int, last: str) -> None:
        self.is_asking = True

    def outcome(self) -> Outcome:
        self.is_asking = False
        return Outcome(self.lock.is_right, 0, "", "account", is_answered=True)

    def stop_asking(self) -> None:
        self.is_asking = False

    def show_line(self, text: str) -> None:
        pass

    def restore(self) -> bool:
        self.lock.done.append("given back")
        return True

    def close(self) -> None:
        pass


class LockHost(FakeHost):
    """The host. A session with a refused lock is ended at once by reaperd, or after some looks by its user."""

    def __init__(self) -> None:
        super().__init__()
        self.lock: LockWorld | None = None
        self.patience = 0

    def is_alive(self, session: Session) -> bool:
        if self.lock is not None and self.lock.stage is Stage.REFUSED:
            self.patience -= 1
        return self.patience >= 0 and super().is_alive(session)


class LockWorld:
    """A session with a shell on its terminal, and an order to lock it."""

    def __init__(self, cgroups: Cgroups, monkeypatch: pytest.MonkeyPatch) -> None:
        self._cgroups, self._monkeypatch = cgroups, monkeypatch
        self.done: list[str] = []  # what was done to the terminals and the leader, in order
        self.is_right = True  # whether the right password is typed
        self.keepers = 0
        null = functools.partial(os.open, os.devnull)
        self.fds = null(os.O_RDONLY), null(os.O_RDONLY)
        self._wakeup = Wakeup()
        self.shell = cgroups.add(10, ELSEWHERE)
        cgroups.add(os.getpid(), "/system.slice/reaper-lock.service")
        self.host, self.journal = LockHost(), FakeJournal()
        self.session = self.host.login(3, "pts/1", session_id="3", scope=cgroups.scope).session
        self.host.lock = self
        self.store = Store("3", cgroups.directory)
        directory = cgroups.tree.directory / "locks/3"
        directory.mkdir(parents=True)
        fields = {"rule": "standard", "idle_usec": "1"}
        (directory / "order").write_text(encode_order(LockOrder(self.session, "", fields, 1, None)))
        (directory / "order").chmod(0o600)
        cgroups.make_group(cgroups.path)
        cgroups.make_group(cgroups.scope.rpartition("/")[0])
        self._replace()

    def _replace(self) -> None:
        mount, directory = self._cgroups.mount, self._cgroups.directory
        FakeHeldTerminal.lock = self
        set_ = self._monkeypatch.setattr
        set_(frozen, "Freezer", functools.partial(Freezer, mount=mount))
        for module in (frozen, aftermath):
            set_(module, "UserFreeze", functools.partial(UserFreeze, mount=mount, directory=directory))
        set_(frozen, "holders", lambda *_, **__: [self.shell])
        set_(frozen, "find_foreign_reader", lambda *_: None)
        set_(frozen.io_uring, "find_busy", lambda _: None)
        for name in ("origins", "groups"):
            set_(other_locks, name, functools.partial(getattr(other_locks, name), directory=directory))
        set_(lock_files, "DIRECTORY", directory)
        for module in (keeper, aftermath):
            set_(module, "HeldTerminal", FakeHeldTerminal)
        set_(keeper, "load", lambda: None)
        set_(Wakeup, "catch", lambda _: None)
        set_(keeper, "Wakeup", self._wake)
        set_(release.processes, "attached", lambda *_: [])
        set_(release, "send", self._send)
        set_(release, "REDRAW_MS", 0)
        set_(keeper, "LOOK_MS", 1)

    def _wake(self, is_stopped: bool) -> Wakeup:
        self._wakeup.is_stopped = is_stopped
        return self._wakeup

    def _send(self, processes: Collection[ProcessId], *_: signal.Signals) -> None:
        if ProcessId(*self.session.key) in processes:
            self.done.append("ended")

    @property
    def stage(self) -> Stage | None:
        """The stage of the lock; None before the first state is written, and after all files are removed."""
        text = lock_files.read_text("3", self._cgroups.directory, "state")
        return decode_state(text)[0].stage if text else None

    @property
    def has_authenticated(self) -> bool:
        """Whether its user has authenticated."""
        return any(event.kind is EventKind.UNLOCKED for event in self.journal.events)

    @property
    def is_frozen(self) -> bool:
        """Whether the shell is frozen."""
        path = f"{self._cgroups.mount}{self._cgroups.path}/cgroup.freeze"
        is_in = self._cgroups.where(self.shell.pid) == self._cgroups.path
        return is_in and os.path.exists(path) and open(path).read().strip() == "1"

    def leave_in(self, stage: Stage, why: str = "", **more: Any) -> None:
        """Leaves the lock as a keeper that was killed in a stage, with the shell frozen and the terminal taken."""
        self._cgroups.freezer.make()
        origins = [[*self.shell, self._cgroups.freezer.add(self.shell)]]
        state = LockState(stage, 1, 0, why, ProcessId(1, 1))
        self.store.write_state(state, **{"lines": [{"name": "pts/1"}], "origins": origins, **more})

    def breaks(self, owner: Any, name: str, error: Exception, stages: Collection[Stage | None]) -> None:
        """Has a function raise whenever the lock is in one of these stages."""
        original = owner.__dict__[name] if isinstance(owner, type) else getattr(owner, name)
        is_class_method = isinstance(original, classmethod)
        function: Callable[..., Any] = original.__func__ if is_class_method else original

        def broken(*words: Any, **more: Any) -> Any:
            if self.stage in stages:
                raise type(error)(*error.args)  # a new one each time: an exception keeps the frames that it passes
            return function(*words, **more)

        self._monkeypatch.setattr(owner, name, classmethod(broken) if is_class_method else broken)

    def run(self) -> None:
        """Runs keepers, one after another as systemd would, until one of them has succeeded, or the lock is over."""
        while os.path.exists(f"{self._cgroups.directory}/3/order"):
            self.keepers += 1
            assert self.keepers <= MOST_KEEPERS, f"keepers fail for ever, and the lock is {self.stage}"
            try:
                Keeper(self.store, self.host, self.journal).run()  # type: ignore[arg-type]
            except Exception:
                aftermath.follow(self.store, self.host, self.journal, FAILED)  # type: ignore[arg-type]
            else:
                return

    def close(self) -> None:
        """Closes the descriptors."""
        self._wakeup.close()
        for fd in self.fds:
            os.close(fd)
