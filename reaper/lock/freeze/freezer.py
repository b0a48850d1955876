"""What is attached to the locked terminals stops, in a cgroup of root's that no signal of the person's wakes.

A SIGSTOP would be undone by any SIGCONT of the same user's. A process in a frozen cgroup (cgroup v2, cgroup.freeze)
does nothing until it is thawed, whatever the signal, but end: by SIGKILL, and by what else ends it where it has no
handler; what it would handle itself waits. So nothing that is meant to end is in the way of its end but a handler, and
systemd comes to SIGKILL after its timeout (tests/host/test_lock_freezing.py).

All of them go to one group, `reaper-lock` below the session's scope, and not each to a child of its own group: what is
below user@UID.service is delegated to the user, who could move them out again. A process that is moved out goes on at
once, and systemd moves it for its user even so: see tracer for the second means that holds it.

A unit of systemd that becomes empty is over, so who was alone in a scope of the user's own has no place to return to,
and stays in the session's.

Nothing here decides who is frozen (see holders), and nothing is remembered here: where each came from is the caller's
to keep, so that it is known after a restart.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Mapping

from reaper import kernel_text, procfs
from reaper.decide.session import lock_protocol
from reaper.decide.session.model import ProcessId
from reaper.errors import ReaperError
from reaper.lock.freeze import cgroups
from reaper.sense.lock_files import GROUP
from reaper.sense.processes import CGROUP, is_alive, start_ticks

# What moves a member out takes its later children with it, so two rounds do; more are for what was born in between.
_ROUNDS = 100
_QUICK_ROUNDS = 10
_PAUSE_SEC = 0.05
_FIRST = "/init.scope"  # of pid 1 (systemd.special(7))


class Freezer:
    """The group of one session's frozen processes; `scope` is that of the session, below the cgroup mount."""

    def __init__(self, scope: str, mount: str = CGROUP) -> None:
        self._scope, self._mount = scope, mount
        self._path = f"{scope}/{GROUP}"

    @property
    def path(self) -> str:
        """The group, as a path below the cgroup mount."""
        return self._path

    def is_made(self) -> bool:
        """Whether the group is there, by this keeper or an earlier one."""
        return os.path.isdir(self._mount + self._path)

    def make(self) -> None:
        """Makes the group, frozen, so that whatever comes in stops at once. Does nothing where it is made already.

        Raises ReaperError ("cannot-freeze") where there is none to be had: no cgroup v2, no scope, an old kernel.
        """
        if not lock_protocol.is_scope(self._scope):
            raise ReaperError("cannot-freeze", "the session has no scope of its own", "see loginctl session-status")
        if not os.path.exists(f"{self._mount}/cgroup.controllers"):
            hint = "boot with systemd.unified_cgroup_hierarchy=1"
            raise ReaperError("cannot-freeze", f"there is no cgroup v2 at {self._mount}", hint)
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._mount + self._path, 0o755)
        except OSError as error:
            raise ReaperError("cannot-freeze", f"no cgroup in {self._scope}: {error.strerror}") from error
        try:
            cgroups.write(f"{self._mount}{self._path}/cgroup.freeze", "1")
        except OSError as error:
            with contextlib.suppress(OSError):
                os.rmdir(self._mount + self._path)
            hint = "cgroup.freeze is there from Linux 5.2 on" if error.errno == errno.ENOENT else ""
            raise ReaperError("cannot-freeze", f"{self._scope} cannot be frozen: {error.strerror}", hint) from error

    def origin(self, process: ProcessId) -> str | None:
        """The cgroup that add() would take a process from; None where it is gone, or in already.

        For who must have it written down before anything changes.
        """
        group = procfs.read_group(process.pid)
        is_there = start_ticks(process.pid) == process.start_ticks  # after the other: so that was the same process
        return group if is_there and group != self._path else None

    def add(self, process: ProcessId) -> str | None:
        """Moves a process in, where it stops; returns the cgroup that it came from, as a path below the mount.

        None where it is gone, or in already. Raises ReaperError ("cannot-freeze") where the kernel does not take it.
        """
        origin = self.origin(process)
        if origin is None:
            return None
        try:
            return origin if self._move(process, self._path) else None
        except OSError as error:
            raise ReaperError("cannot-freeze", f"process {process.pid} cannot be moved: {error.strerror}") from error

    def members(self) -> list[ProcessId]:
        """The processes in the group; none where there is no group."""
        return list(self._threads())

    def wait(self, seconds: float) -> bool:
        """Waits until all members have stopped; False where some have not by then. So has an empty group."""
        return cgroups.wait_frozen(self._mount + self._path, seconds)

    def is_late(self) -> bool:
        """Whether a member runs, or would if the machine were less busy. One that waits for a disk does not, and will
        stop before it does anything else."""
        return any(
            stat is not None and stat.state == "R" for stat in map(procfs.read_stat, self._read("cgroup.threads"))
        )

    def let_go(self, process: ProcessId, origin: str) -> None:
        """Moves one member to where it came from, where it goes on; to the scope where that is gone."""
        thread = self._threads().get(process)
        if thread is not None:
            self._release(process, thread, origin)

    def put_back(self, origins: Mapping[ProcessId, str]) -> None:
        """Moves every member to where it came from, where it goes on, and removes the group.

        Who is not among the `origins`, or whose group is gone or takes nobody any more, goes to the scope. May be done
        again after it was interrupted, and then does the rest. Raises ReaperError ("cannot-thaw") where the group does
        not become empty; all in it are thawed then.
        """
        for count in range(_ROUNDS):
            for process, thread in self._threads().items():
                self._release(process, thread, origins.get(process, self._scope))
            if self._is_removed():
                return
            if count > _QUICK_ROUNDS:  # who is being killed is there until its memory is free
                time.sleep(_PAUSE_SEC)
        self.thaw()
        raise ReaperError("cannot-thaw", f"{self._path} does not become empty")

    def thaw(self) -> None:
        """Has every member go on, where it is. Does nothing where there is no group."""
        try:
            cgroups.write(f"{self._mount}{self._path}/cgroup.freeze", "0")
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise

    def _threads(self) -> dict[ProcessId, int]:
        """Each process that is in, with the id of a thread of it that is.

        One whose first thread has ended is not in cgroup.procs: that thread stays in the group that it died in, and
        only the others come along (measured on 6.18). They are in cgroup.threads. Had it died in here, it is shown in
        here as long as the others live, wherever that is; the group can be removed all the same (measured on 6.18).
        """
        threads = self._read("cgroup.procs")
        for tid in self._read("cgroup.threads"):
            if tid not in threads:
                threads.setdefault(procfs.read_tgid(tid) or 0, tid)
        found = ((pid, start_ticks(pid), tid) for pid, tid in threads.items() if pid > 0)
        return {ProcessId(pid, ticks): tid for pid, ticks, tid in found if ticks is not None}

    def _read(self, name: str) -> dict[int, int]:
        """The ids in a file, each by itself. What moves while it is read may be in it twice (cgroup-v2.rst)."""
        found = kernel_text.numbers(kernel_text.read(f"{self._mount}{self._path}/{name}") or b"")
        return dict(zip(found, found))

    def _is_in(self, process: ProcessId, thread: int) -> bool:
        """Whether a process is in at this moment, by one of its threads."""
        is_here = procfs.read_group(thread) == self._path
        is_its_own = thread == process.pid or procfs.read_tgid(thread) == process.pid
        return is_here and is_its_own and is_alive(process)  # that last: so the others were of the same process

    def _release(self, process: ProcessId, thread: int, origin: str) -> None:
        """Moves a member to where it came from, and to the scope where that is no group, or takes it not.

        Nothing that is not in the group just before is moved: this one may end meanwhile, and its pid be another's.
        """
        is_place = cgroups.is_path(origin) and origin != self._path
        for group in (origin, self._scope) if is_place else (self._scope,):
            if not self._is_in(process, thread):
                return
            with contextlib.suppress(OSError):
                self._move(process, group)
                return

    def _move(self, process: ProcessId, group: str) -> bool:
        """Moves a process, which is there; whether it is the one that was moved. Raises OSError where it is not taken.

        Where it ended in that very moment, and its pid went to a stranger, that one is sent back.
        """
        try:
            cgroups.write(f"{self._mount}{group}/cgroup.procs", str(process.pid))
        except OSError as error:
            if error.errno == errno.ESRCH or not is_alive(process):
                return False
            raise
        if is_alive(process):
            return True
        self._send_back(process.pid, group)
        return False

    def _send_back(self, pid: int, group: str) -> None:
        """Moves a stranger out of a group, to where its parent is: there it was born, a moment ago.

        Where that cannot be told, to the session's scope if it is the user's own. What is anybody else's must not come
        to where the user may end all that there is (loginctl kill-session), so it goes to where pid 1 is.
        """
        stat = procfs.read_stat(pid)
        if stat is None or procfs.read_group(pid) != group:
            return
        is_own = f"/user-{next(iter(procfs.read_uids(pid)), -1)}.slice/" in self._scope
        elsewhere = self._scope if is_own else _FIRST
        born = procfs.read_group(stat.ppid) if stat.ppid > 1 else None
        for home in (born or elsewhere, elsewhere):
            if home == group or procfs.read_group(pid) != group or not is_alive((pid, stat.starttime)):
                return
            with contextlib.suppress(OSError):
                cgroups.write(f"{self._mount}{home}/cgroup.procs", str(pid))
                return

    def _is_removed(self) -> bool:
        try:
            os.rmdir(self._mount + self._path)
        except OSError as error:
            return error.errno in (errno.ENOENT, errno.ENODEV)  # else somebody is in it still
        return True
