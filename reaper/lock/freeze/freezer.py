"""The cgroup of root's in which the processes of a locked session are frozen, so that no signal of the user wakes them.

Any SIGCONT of the same user would undo a SIGSTOP. A process in a frozen cgroup (cgroup v2, cgroup.freeze) does nothing
until it is thawed, whatever signal it gets, except to die: from SIGKILL, and from any other fatal signal for which it
has no handler; a signal with a handler waits. So only a handler keeps a process from ending when it should, and systemd
sends SIGKILL after its timeout (tests/host/test_lock_freezing.py).

All of them move to one group, `reaper-lock` below the session's scope, and not each to a child of its own group:
everything below user@UID.service is delegated to the user, who could move them out again. A process that is moved out
runs at once, and systemd moves it for its user even so: see tracer for the second means that holds it.

A systemd unit that becomes empty is over, so a process that was alone in a scope of the user's own has no group to
return to, and stays in the session's scope.

This module does not decide which processes are frozen (see readers), and remembers nothing: the caller keeps the group
that each came from, so that it is known after a restart.
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

# Moving a process out also moves the children it has later, so two rounds suffice; more are for those born meanwhile.
_ROUNDS = 100
_QUICK_ROUNDS = 10
_PAUSE_SEC = 0.05
_FIRST = "/init.scope"  # of pid 1 (systemd.special(7))


class Freezer:
    """The group of one session's frozen processes. `scope` is the session's, as a path below the cgroup mount."""

    def __init__(self, scope: str, mount: str = CGROUP) -> None:
        self._scope, self._mount = scope, mount
        self._path = f"{scope}/{GROUP}"

    @property
    def path(self) -> str:
        """The path of the group below the cgroup mount."""
        return self._path

    def is_made(self) -> bool:
        """Whether the group exists, made by this keeper or an earlier one."""
        return os.path.isdir(self._mount + self._path)

    def make(self) -> None:
        """Makes the group, frozen, so that whatever enters stops at once. Does nothing if it exists already.

        Raises ReaperError ("cannot-freeze") if that is impossible: no cgroup v2, no scope, an old kernel.
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
        """Returns the cgroup from which add() would take a process; None if it is gone, or in the group already.

        For a caller that must save it before anything changes.
        """
        group = procfs.read_group(process.pid)
        is_there = start_ticks(process.pid) == process.start_ticks  # checked last: so the read was of it
        return group if is_there and group != self._path else None

    def add(self, process: ProcessId) -> str | None:
        """Moves a process in, where it stops; returns the cgroup that it came from, as a path below the mount.

        None if it is gone, or in the group already. Raises ReaperError ("cannot-freeze") if the kernel refuses the
        move.
        """
        origin = self.origin(process)
        if origin is None:
            return None
        try:
            return origin if self._move(process, self._path) else None
        except OSError as error:
            raise ReaperError("cannot-freeze", f"process {process.pid} cannot be moved: {error.strerror}") from error

    def members(self) -> list[ProcessId]:
        """Returns the processes in the group; none if there is no group."""
        return list(self._threads())

    def wait(self, seconds: float) -> bool:
        """Waits until all members have stopped; False if some have not by then. True for an empty group."""
        return cgroups.wait_frozen(self._mount + self._path, seconds)

    def is_late(self) -> bool:
        """Whether a member runs, or would on a less busy machine.

        One that waits for a disk does not count: it stops before it does anything else.
        """
        return any(
            stat is not None and stat.state == "R" for stat in map(procfs.read_stat, self._read("cgroup.threads"))
        )

    def move_back(self, process: ProcessId, origin: str) -> None:
        """Moves one member to where it came from, where it runs again; to the scope if that group is gone."""
        thread = self._threads().get(process)
        if thread is not None:
            self._release(process, thread, origin)

    def put_back(self, origins: Mapping[ProcessId, str]) -> None:
        """Moves every member to where it came from, where it runs again, and removes the group.

        A process that is not in `origins`, or whose group is gone or refuses it, goes to the scope. May be repeated
        after an interruption, and then does the rest. Raises ReaperError ("cannot-thaw") if the group does not become
        empty; all of its members are thawed then.
        """
        for count in range(_ROUNDS):
            for process, thread in self._threads().items():
                self._release(process, thread, origins.get(process, self._scope))
            if self._is_removed():
                return
            if count > _QUICK_ROUNDS:  # a process that is being killed stays until its memory is freed
                time.sleep(_PAUSE_SEC)
        self.thaw()
        raise ReaperError("cannot-thaw", f"{self._path} does not become empty")

    def thaw(self) -> None:
        """Thaws every member where it is. Does nothing if there is no group."""
        try:
            cgroups.write(f"{self._mount}{self._path}/cgroup.freeze", "0")
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise

    def _threads(self) -> dict[ProcessId, int]:
        """Returns each process in the group, with the id of one of its threads that is in.

        A process whose first thread has ended is not in cgroup.procs: that thread stays in the group in which it died,
        and only the others move (measured on 6.18). They are in cgroup.threads. If it died in this group, it is shown
        here for as long as the others live, wherever they are; the group can be removed all the same (measured on
        6.18).
        """
        threads = self._read("cgroup.procs")
        for tid in self._read("cgroup.threads"):
            if tid not in threads:
                threads.setdefault(procfs.read_tgid(tid) or 0, tid)
        found = ((pid, start_ticks(pid), tid) for pid, tid in threads.items() if pid > 0)
        return {ProcessId(pid, ticks): tid for pid, ticks, tid in found if ticks is not None}

    def _read(self, name: str) -> dict[int, int]:
        """Returns the ids in a file, each once. One that moves during the read may be in it twice (cgroup-v2.rst)."""
        found = kernel_text.numbers(kernel_text.read(f"{self._mount}{self._path}/{name}") or b"")
        return dict(zip(found, found))

    def _is_in(self, process: ProcessId, thread: int) -> bool:
        """Whether a process is in the group now, by one of its threads."""
        is_here = procfs.read_group(thread) == self._path
        is_its_own = thread == process.pid or procfs.read_tgid(thread) == process.pid
        return is_here and is_its_own and is_alive(process)  # checked last: so the reads before were of this process

    def _release(self, process: ProcessId, thread: int, origin: str) -> None:
        """Moves a member to where it came from, or to the scope if that is no group or refuses it.

        Moves nothing that is not in the group immediately before: the member may end, and another process get its pid.
        """
        is_place = cgroups.is_path(origin) and origin != self._path
        for group in (origin, self._scope) if is_place else (self._scope,):
            if not self._is_in(process, thread):
                return
            with contextlib.suppress(OSError):
                self._move(process, group)
                return

    def _move(self, process: ProcessId, group: str) -> bool:
        """Moves an existing process; returns whether that one was moved. Raises OSError if the kernel refuses.

        If it ended in that very moment, and another process got its pid, that one is sent back.
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
        """Moves an unrelated process out of a group, to its parent's group, where it was born a moment ago.

        If that group is unknown, one of the user's goes to the session's scope. A process of anyone else must not come
        to where the user may kill everything (loginctl kill-session), so it goes to the group of pid 1.
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
            return error.errno in (errno.ENOENT, errno.ENODEV)  # any other error: there is a member still
        return True
