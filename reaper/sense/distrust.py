"""Processes that are not read, as one of their user's has made who read it wait.

The kernel keeps stat, exe, io, maps and mountinfo of a process from being read while it is within execve(2)
(exec_update_lock), and there it closes the descriptors that were opened with O_CLOEXEC: the server of a FUSE file
system is asked at that (FLUSH), and any user can run one and stop it. The read waits until the server answers, and
nothing but the death of who reads ends it. Seen on Linux 6.18 with a stopped bindfs. So:

1. Where the daemon has waited for 10 seconds in one read, it notes whose process that is and ends itself
   (daemon/supervisor.py), and the next does not read the processes of that user: procfs tells nothing of them.
2. Root's processes are read all the same: the leaders of sessions are among them. So are processes of the user that
   only root's can have started, sshd's unprivileged child for one, unless one of these was it.
3. A process of its own (read_probe.py) tries from time to time to read what is not read; when that works, it is over.

Whose a process is, is told by what does not wait: /proc/PID/status and /proc/PID/cgroup.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable

from reaper import procfs
from reaper.decide.session import stuck
from reaper.decide.session.stuck import Stuck
from reaper.decide.text.duration import USEC_PER_SEC

# See nameservice.py. It starts in 30 ms.
PROGRAM = (sys.executable, "-I", "-S", os.path.join(os.path.dirname(os.path.abspath(__file__)), "read_probe.py"))
PROBE_USEC = 15 * USEC_PER_SEC
# login.defs(5), SUB_UID_MIN: from here on a user can have thousands of uids (subuid(5)), with which the daemon would
# have to start again for each. All of these are one user here, outside the slices of users.
SUBORDINATE_UID = 100_000
_SLICE = re.compile(r"/user\.slice/user-([0-9]{1,10})\.slice(?=/|$)")
_PROCESS = re.compile(re.escape(procfs.PROC) + r"/([0-9]{1,10})/")


class Distrust:
    """Whose processes are not read. Where there is none, asking costs nothing."""

    def __init__(self, known: Iterable[Stuck] = ()) -> None:
        self.known: tuple[Stuck, ...] = ()
        self._users: dict[int, bool] = {}  # whether not even those are read that only root's can have started
        self._pids: frozenset[int] = frozenset()
        self.take(known)

    def take(self, known: Iterable[Stuck]) -> None:
        """Puts what is known in the place of what was."""
        self.known = tuple(known)
        self._users = {each.uid: each.is_strict for each in self.active if each.uid}
        self._pids = frozenset(each.pid for each in self.active if not each.uid)

    def install(self) -> None:
        """Has procfs tell nothing of these processes."""
        procfs.is_hidden = self.hides if self.active else None

    @property
    def active(self) -> tuple[Stuck, ...]:
        """What is not over."""
        return tuple(each for each in self.known if not each.is_over)

    def covers(self, uid: int) -> bool:
        """Whether the processes of a user are not read."""
        return uid in self._users or _counted_as(uid) in self._users

    def hides(self, pid: int) -> bool:
        """Whether a process is not read."""
        if pid in self._pids:
            return True
        uids = procfs.read_uids(pid)
        if not uids or uids[0] == 0:  # an answer that is over by the next moment, at which there is nothing to read
            return False
        owners = (_slice_owner(pid) or _counted_as(uids[0]), uids[0])
        strict = [self._users[uid] for uid in owners if uid in self._users]
        return bool(strict) and (any(strict) or not _is_started_by_root(pid))


def blame(path: str, now_usec: int) -> Stuck | None:
    """Whose fault it is that a file cannot be read; None where it is no process's, or that is gone."""
    found = _PROCESS.match(path)
    pid = int(found[1]) if found else 0
    uids = procfs.read_uids(pid) if pid else ()
    if not uids:
        return None
    # Not only of that uid: a user can have others, from /etc/subuid, in the slice of theirs.
    uid = (_slice_owner(pid) or _counted_as(uids[0])) if uids[0] else 0
    return Stuck(pid, uid, bool(uid) and _is_started_by_root(pid), now_usec)


def _counted_as(uid: int) -> int:
    """As which user a uid outside of the slices counts."""
    return min(uid, SUBORDINATE_UID)


def _slice_owner(pid: int) -> int:
    """Whose slice a process is in; 0 where it is in no user's."""
    found = _SLICE.match(procfs.read_group(pid) or "")
    return int(found[1]) if found else 0


def _is_started_by_root(pid: int) -> bool:
    """Whether it is the child of a process of root's, and of that one's kernel session, which none can join later.

    So is sshd's unprivileged child. Also what sudo and su run as another user in a session of theirs.
    """
    try:
        leader = os.getsid(pid)  # not procfs.read_session(), which may read stat
    except OSError:
        return False
    if leader == pid or procfs.read_parent(pid) != leader:
        return False
    return procfs.read_uids(leader)[:1] == (0,)


class Probe:
    """Tries in a process of its own, one at a time, to read what is not read; the next is never waited for."""

    def __init__(self, program: tuple[str, ...] = PROGRAM) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._of: Stuck | None = None
        self._next_usec = 0
        self._tried: list[Stuck] = []

    def look(self, active: Iterable[Stuck], now_usec: int) -> Stuck | None:
        """One of those that can be read again; None where none is known to be. Starts the next try, users in turn."""
        if self._process is not None:
            if self._process.poll() is None:
                return None
            is_read = self._process.returncode == 0
            self._process = None
            if is_read:
                return self._of
        self._start([each for each in active if each.until_usec <= now_usec], now_usec)
        return None

    def _start(self, ripe: list[Stuck], now_usec: int) -> None:
        if not ripe or now_usec < self._next_usec:
            return
        self._tried = [each for each in self._tried if each in ripe]
        if len(self._tried) == len(ripe):
            self._tried.clear()
        self._of = next(each for each in ripe if each not in self._tried)
        self._tried.append(self._of)
        self._next_usec = now_usec + PROBE_USEC
        try:
            self._process = subprocess.Popen(
                [*self._program, stuck.encode([self._of])],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            )
        except OSError:
            self._process = None

    def close(self) -> None:
        """Ends the process, if one runs."""
        if self._process is not None:
            self._process.kill()
