"""A fake /proc and cgroup hierarchy, in which processes can be moved."""

from __future__ import annotations

import errno
import os

import pytest

from reaper.decide.session.model import ProcessId
from reaper.lock.freeze import cgroups as groups
from reaper.lock.freeze import descriptors, freezer, guard
from reaper.lock.freeze.freezer import Freezer
from tests.unit.lock.logged_in import Login
from tests.unit.sense.trees import Tree


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Tree:
    monkeypatch.setattr(descriptors, "shares_table", lambda first, second: False)  # kcmp(2) takes only real threads
    monkeypatch.setattr(descriptors, "_terminal_behind", lambda descriptor: None)  # nor can these be copied
    return Tree(tmp_path, monkeypatch)


@pytest.fixture
def login(tree, monkeypatch) -> Login:
    return Login(tree, monkeypatch)


class FakeTracer:
    """Stops fake processes."""

    def __init__(self) -> None:
        self.refused: set[ProcessId] = set()
        self.held: set[ProcessId] = set()
        self.without_alarm: set[ProcessId] = set()

    def seize(self, process: ProcessId) -> int:
        if process in self.refused:
            return errno.EPERM
        self.held.add(process)
        return 0

    def reap(self) -> None:
        """Does nothing: no fake process ends by itself."""

    def detach(self, process: ProcessId, *, without_alarm: bool = False) -> None:
        if without_alarm and process in self.held:
            self.without_alarm.add(process)
        self.held.discard(process)

    def detach_all(self) -> None:
        self.held.clear()


class Cgroups:
    """Does what the kernel does when one of its files is written, and refuses what it is told to refuse."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.mount = str(tree.directory / "cgroup")
        self.scope = tree.scope("3")
        self.path = f"{self.scope}/reaper-lock"
        self.directory = str(tree.directory / "locks")
        self.freezer = Freezer(self.scope, self.mount)
        self.refusals: dict[tuple[str, int], int] = {}
        with open(f"{self.mount}/cgroup.controllers", "w", encoding="ascii"):
            pass

    def make(self) -> None:
        self.make_group(self.path)
        self.freezer.make()

    def make_group(self, group: str) -> None:
        """Makes the files of a group, as the kernel does."""
        os.makedirs(self.mount + group, exist_ok=True)
        for name, text in (("freeze", "0\n"), ("procs", ""), ("threads", ""), ("events", "frozen 1\n")):
            self.tree.write_scope(group, f"cgroup.{name}", text)

    def add(self, pid: int, group: str) -> ProcessId:
        os.makedirs(self.mount + group, exist_ok=True)
        return self.tree.add(pid, scope=group)

    def where(self, pid: int) -> str:
        text = (self.tree.directory / "proc" / str(pid) / "cgroup").read_bytes()
        return os.fsdecode(text.rpartition(b"\n0::")[2]).removeprefix("0::").removesuffix("\n")

    def pids(self, group: str) -> list[int]:
        try:
            with open(f"{self.mount}{group}/cgroup.procs", encoding="ascii") as file:
                return [int(line) for line in file]
        except FileNotFoundError:
            return []

    def write(self, path: str, text: str) -> None:
        """Replaces cgroups.write()."""
        group, _, name = path[len(self.mount) :].rpartition("/")
        if not os.path.isdir(self.mount + group):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        if name != "cgroup.procs":
            self.tree.write_scope(group, name, text)
            return
        pid = int(text)
        if (group, pid) in self.refusals:
            number = self.refusals[group, pid]
            raise OSError(number, os.strerror(number))
        entry = self.tree.directory / "proc" / text
        if not entry.exists():
            raise ProcessLookupError(errno.ESRCH, "No such process")
        old = self.where(pid)
        self.tree.write_scope(old, "cgroup.procs", "".join(f"{each}\n" for each in self.pids(old) if each != pid))
        self.tree.write_scope(group, "cgroup.procs", "".join(f"{each}\n" for each in [*self.pids(group), pid]))
        (entry / "cgroup").write_bytes(os.fsencode(f"0::{group}\n"))

    def rmdir(self, path: str) -> None:
        """Replaces os.rmdir()."""
        group = path[len(self.mount) :]
        if not os.path.isdir(path):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        if any(self.where(pid) == group for pid in self.pids(group)):
            raise OSError(errno.EBUSY, "Device or resource busy")
        for name in os.listdir(path):
            os.unlink(f"{path}/{name}")
        _rmdir(path)


_rmdir = os.rmdir


@pytest.fixture
def cgroups(tree, monkeypatch) -> Cgroups:
    cgroups = Cgroups(tree)
    monkeypatch.setattr(groups, "write", cgroups.write)
    monkeypatch.setattr(freezer.os, "rmdir", cgroups.rmdir)
    monkeypatch.setattr(freezer, "_PAUSE_SEC", 0)
    return cgroups


@pytest.fixture
def tracers(monkeypatch) -> list[FakeTracer]:
    """Every tracer that a guard makes; ptrace must not be called with the pids of fake processes."""
    made: list[FakeTracer] = []

    def make() -> FakeTracer:
        made.append(FakeTracer())
        return made[-1]

    monkeypatch.setattr(guard, "Tracer", make)
    return made
