"""A fake login, and what its processes and others have open."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

from reaper.decide.session.model import ProcessId, SessionKey
from reaper.lock.freeze import readers as module
from reaper.lock.freeze.readers import find_foreign_reader, holders
from reaper.sense import processes
from tests.unit.fakes import make_session
from tests.unit.sense.trees import START_TICKS, Tree

NUMBER = 34816
SLICE = "/user.slice/user-1000.slice"


class Login:
    """A connection with a shell on its terminal, pts/0, which is a plain file here; only its inode counts."""

    def __init__(self, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tree = tree
        self.dev = tree.directory / "dev"
        (self.dev / "pts").mkdir(parents=True)
        for name in ("pts/0", "pts/1", "null"):
            (self.dev / name).touch()
        (tree.directory / "proc/self").mkdir()
        device = os.stat(self.dev).st_dev
        self.mount(f"22 1 {os.major(device)}:{os.minor(device)} / / rw shared:1 - ext4 /dev/vda rw", "self")
        self.mount("23 1 0:44 / /home/alice/m rw - fuse.rclone m: rw", "self")
        monkeypatch.setattr(module, "DEV", str(self.dev))
        for each in (module, processes):
            monkeypatch.setattr(each, "device_number", {"pts/0": NUMBER, "pts/1": NUMBER + 1}.get)
        self.scope = tree.scope("3")
        self.leader = tree.add(500, 400, "sshd", self.scope, uid=0)
        self.carrier = tree.add(501, 500, "sshd", self.scope, session=500)
        self.shell = tree.add(502, 501, scope=self.scope, tty_nr=NUMBER, tpgid=502)
        self.session = make_session(500, key=SessionKey(500, START_TICKS), scope=self.scope, uid=1000)

    def mount(self, line: str, pid: int | str) -> None:
        """Adds a line of mountinfo."""
        with open(self.tree.directory / f"proc/{pid}/mountinfo", "a", encoding="ascii") as file:
            file.write(f"{line}\n")

    def open(
        self, process: ProcessId, name: str, fd: int = 0, tid: int = 0, link: str = "", mount: int = 22
    ) -> ProcessId:
        """Adds a descriptor to a process, or to one of its threads."""
        task = self.tree.directory / f"proc/{process.pid}/task/{tid or process.pid}"
        for kind in ("fd", "fdinfo"):
            (task / kind).mkdir(parents=True, exist_ok=True)
        os.symlink(link or self.dev / name, task / f"fd/{fd}")
        inode = os.stat(self.dev / name).st_ino
        (task / f"fdinfo/{fd}").write_text(f"pos:\t0\nflags:\t02\nmnt_id:\t{mount}\nino:\t{inode}\n")
        return process

    def found(self, terminals: Iterable[str] = ("pts/0",)) -> set[ProcessId]:
        return set(holders(self.session, list(terminals), processes.members(self.scope)))

    def add_foreign(self, pid: int, uid: int = 1001, exe: str = "cat", session: int = 0) -> ProcessId:
        """Adds a process of another user."""
        process = self.tree.add(pid, exe=exe, uid=uid, session=session)
        os.chown(self.tree.directory / f"proc/{pid}", uid, -1)
        return process

    def foreign_reader(self) -> int | None:
        return find_foreign_reader(self.session, ["pts/0"], processes.members(self.scope))

    def make_group(self, group: str) -> str:
        """Makes a control group."""
        (self.tree.directory / "cgroup" / group[1:]).mkdir(parents=True, exist_ok=True)
        return group
