"""A /proc and a cgroup hierarchy made by the test: any process in any scope, as the real ones would show it.

Real processes can be shown in it too, in the scope that the test gives them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reaper import procfs
from reaper.decide.session.model import ProcessId, Session, SessionKey
from reaper.sense import processes
from tests.unit.fakes import make_session

START_TICKS = 50
PANE = "/user.slice/user-1000.slice/user@1000.service/tmux-spawn-1.scope"


class Tree:
    """Replaces both for one test."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        (directory / "proc").mkdir()
        (directory / "sbin").mkdir()
        monkeypatch.setattr(procfs, "PROC", str(directory / "proc"))
        monkeypatch.setattr(procfs, "read_session", lambda pid: getattr(procfs.read_stat(pid), "session", None))
        monkeypatch.setattr(procfs, "read_process_group", lambda pid: getattr(procfs.read_stat(pid), "pgrp", None))
        monkeypatch.setattr(processes, "CGROUP", str(directory / "cgroup"))

    def scope(self, session_id: str, uid: int = 1000) -> str:
        """Makes a session's scope, as logind does."""
        scope = f"/user.slice/user-{uid}.slice/session-{session_id}.scope"
        (self.directory / "cgroup" / scope[1:]).mkdir(parents=True, exist_ok=True)
        return scope

    def add(
        self, pid: int, ppid: int = 1, exe: str = "bash", scope: str = "", session: int = 0, pgrp: int = 0,
        tty_nr: int = 0, tpgid: int = -1, cpu_ticks: tuple[int, int, int, int] = (0, 0, 0, 0),
        uid: int = 1000, groups: tuple[int, ...] = (),
    ) -> ProcessId:  # fmt: skip
        """Adds an invented process; `exe` is the name of a program of root's."""
        entry = self._entry(pid, scope)
        numbers = [
            ppid,
            pgrp or pid,
            session or pid,
            tty_nr,
            tpgid,
            *[0] * 5,
            *cpu_ticks,
            *[0] * 4,
            START_TICKS,
            0,
            100,
            *[0] * 28,
        ]
        (entry / "stat").write_text(f"{pid} (a) b) S {' '.join(map(str, numbers))}\n")
        program = self.directory / "sbin" / exe
        program.touch(0o755)
        os.symlink(program, entry / "exe")
        os.symlink("/proc/self/ns", entry / "ns")
        gid, held = (groups or (uid,))[0], " ".join(map(str, groups[1:]))
        ids = f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\nGroups:\t{held} \n"
        (entry / "status").write_text(f"Name:\ta\n{ids}")
        (entry / "task" / str(pid)).mkdir(parents=True)
        (entry / "task" / str(pid) / "children").write_text("")
        above = self.directory / "proc" / str(ppid) / "task" / str(ppid) / "children"
        if above.exists():
            above.write_text(f"{above.read_text()}{pid} ")
        return ProcessId(pid, START_TICKS)

    def write(self, pid: int, name: str, text: str) -> None:
        """Writes a file of a process."""
        (self.directory / "proc" / str(pid) / name).write_text(text)

    def show_mounts(self, pid: int) -> None:
        """Shows a process the mounts of the test itself, where the programs of invented processes are."""
        os.symlink("/proc/self/mountinfo", self.directory / "proc" / str(pid) / "mountinfo")

    def log_in(self, pid: int, login: int) -> None:
        """Gives a process an audit session, as pam_loginuid does."""
        (self.directory / "proc" / str(pid) / "sessionid").write_text(str(login))

    def group(self, path: str) -> str:
        """Makes a control group, as a user's service manager does; processes are put there as into a scope."""
        (self.directory / "cgroup" / path[1:]).mkdir(parents=True, exist_ok=True)
        return path

    def open_master(self, pid: int, descriptor: int, index: int, mount: int = 0) -> None:
        """Opens the master of a pty in a process, through that mount."""
        entry = self.directory / "proc" / str(pid)
        for kind in ("fd", "fdinfo"):
            (entry / kind).mkdir(exist_ok=True)
        (entry / "fd" / str(descriptor)).symlink_to("/dev/ptmx")
        (entry / "fdinfo" / str(descriptor)).write_text(f"pos:\t0\nmnt_id:\t{mount}\ntty-index:\t{index}\n")

    def open_pipe(self, pid: int, descriptor: int, number: int) -> None:
        """Opens an end of a pipe in a process."""
        directory = self.directory / "proc" / str(pid) / "fd"
        directory.mkdir(exist_ok=True)
        (directory / str(descriptor)).symlink_to(f"pipe:[{number}]")

    def write_scope(self, scope: str, name: str, text: str) -> None:
        """Writes a file of a scope."""
        (self.directory / "cgroup" / scope[1:] / name).write_text(text)

    def show(self, process: tuple[int, int], scope: str = "") -> None:
        """Shows a real process, in a scope."""
        entry = self._entry(process[0], scope)
        for name in ("stat", "fd", "fdinfo", "exe", "task", "status", "ns", "mountinfo"):
            os.symlink(f"/proc/{process[0]}/{name}", entry / name)

    def hide(self, pid: int, name: str) -> None:
        """Makes reading this file of a process fail, with an error other than that the process has ended."""
        path = self.directory / "proc" / str(pid) / name
        path.unlink()
        path.mkdir()

    def _entry(self, pid: int, scope: str) -> Path:
        entry = self.directory / "proc" / str(pid)
        entry.mkdir()
        (entry / "cgroup").write_bytes(os.fsencode(f"1:name=systemd:/\n0::{scope or '/system.slice/ssh.service'}\n"))
        if scope:
            with open(f"{self.directory}/cgroup{scope}/cgroup.procs", "a", encoding="ascii") as file:
                file.write(f"{pid}\n")
        return entry


def add_login(tree: Tree, pid: int, name: str, login: int | None = None) -> Session:
    """Adds a login whose leader runs, in a scope of its own."""
    scope = tree.scope(name)
    tree.add(pid, 1, "sshd", scope, uid=0)
    if login is not None:
        tree.log_in(pid, login)
    return make_session(pid, key=SessionKey(pid, START_TICKS), scope=scope)


def add_process(tree: Tree, pid: int, ppid: int, group: str, login: int | None = None, **more: object) -> int:
    tree.add(pid, ppid, scope=tree.group(group), **more)  # type: ignore[arg-type]
    if login is not None:
        tree.log_in(pid, login)
    return pid


def make_connection(tree: Tree, scope: str = "") -> Session:
    """Adds a monitor 500 with its child 501, which carries the connection."""
    tree.add(500, 400, "sshd", scope, uid=0)
    tree.add(501, 500, "sshd", scope, session=500)
    return make_session(500, key=SessionKey(500, START_TICKS), scope=scope)
