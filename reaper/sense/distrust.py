"""Users whose processes are not read, because one of their processes made a read wait.

The kernel keeps stat, exe, io, maps and mountinfo of a process from being read while it is within execve(2)
(exec_update_lock). There it also closes the descriptors that were opened with O_CLOEXEC, which asks the server of a
FUSE file system (FLUSH); any user can run such a server and stop it. The reader waits until the server answers, and
only the reader's own death ends the wait. Seen on Linux 6.18 with a stopped bindfs. So:

1. If the daemon has waited for 10 seconds in one read, it notes the owner of the process and ends itself
   (daemon/supervisor.py); its successor does not read the processes of that user: procfs returns nothing for them.
2. Root's processes are still read: the leaders of sessions are among them. So are processes of the user that only a
   process of root's can have started, such as sshd's unprivileged child, unless one of these made the read wait.
3. A separate process (read_probe.py) tries from time to time to read what is not read; when that works, it is over.

The owner of a process is found by files that never wait: /proc/PID/status and /proc/PID/cgroup.
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

# The flags are explained in name_service.py. It starts in 30 ms.
PROGRAM = (sys.executable, "-I", "-S", os.path.join(os.path.dirname(os.path.abspath(__file__)), "read_probe.py"))
PROBE_USEC = 15 * USEC_PER_SEC
# login.defs(5), SUB_UID_MIN: above this number a user can have thousands of uids (subuid(5)), and the daemon would have
# to restart once for each. Outside the slices of users, all of these count as one user.
SUBORDINATE_UID = 100_000
_SLICE = re.compile(r"/user\.slice/user-([0-9]{1,10})\.slice(?=/|$)")
_PROCESS = re.compile(re.escape(procfs.PROC) + r"/([0-9]{1,10})/")


class Distrust:
    """The users whose processes are not read. If there are none, asking costs nothing."""

    def __init__(self, known: Iterable[Stuck] = ()) -> None:
        self.known: tuple[Stuck, ...] = ()
        self._users: dict[int, bool] = {}  # True where not even processes that only root's can have started are read
        self._pids: frozenset[int] = frozenset()
        self.take(known)

    def take(self, known: Iterable[Stuck]) -> None:
        """Replaces what is known."""
        self.known = tuple(known)
        self._users = {each.uid: each.is_strict for each in self.active if each.uid}
        self._pids = frozenset(each.pid for each in self.active if not each.uid)

    def install(self) -> None:
        """Makes procfs return nothing for these processes."""
        procfs.is_hidden = self.hides if self.active else None

    @property
    def active(self) -> tuple[Stuck, ...]:
        """The entries that are not over."""
        return tuple(each for each in self.known if not each.is_over)

    def covers(self, uid: int) -> bool:
        """Returns whether the processes of a user are not read."""
        return uid in self._users or _counted_as(uid) in self._users

    def hides(self, pid: int) -> bool:
        """Returns whether a process is not read."""
        if pid in self._pids:
            return True
        uids = procfs.read_uids(pid)
        if not uids or uids[0] == 0:  # it has ended: there is nothing to read
            return False
        owners = (_slice_owner(pid) or _counted_as(uids[0]), uids[0])
        strict = [self._users[uid] for uid in owners if uid in self._users]
        return bool(strict) and (any(strict) or not _is_started_by_root(pid))


def blame(path: str, now_usec: int) -> Stuck | None:
    """Returns which process keeps a file from being read; None where the file is not a process's, or that has ended."""
    found = _PROCESS.match(path)
    pid = int(found[1]) if found else 0
    uids = procfs.read_uids(pid) if pid else ()
    if not uids:
        return None
    # Not only that uid: in their slice a user can have others, from /etc/subuid.
    uid = (_slice_owner(pid) or _counted_as(uids[0])) if uids[0] else 0
    return Stuck(pid, uid, bool(uid) and _is_started_by_root(pid), now_usec)


def _counted_as(uid: int) -> int:
    """Returns the user as which a uid outside of the slices counts."""
    return min(uid, SUBORDINATE_UID)


def _slice_owner(pid: int) -> int:
    """Returns the user in whose slice a process is; 0 where it is in none."""
    found = _SLICE.match(procfs.read_group(pid) or "")
    return int(found[1]) if found else 0


def _is_started_by_root(pid: int) -> bool:
    """Returns whether a root process that leads the process's kernel session, which none can join later, is its parent.

    sshd's unprivileged child is one, and so is what sudo and su run as another user in a kernel session of their own.
    """
    try:
        leader = os.getsid(pid)  # not procfs.read_session(), which may read stat
    except OSError:
        return False
    if leader == pid or procfs.read_parent(pid) != leader:
        return False
    return procfs.read_uids(leader)[:1] == (0,)


class Probe:
    """Tries in a separate process, one at a time, to read what is not read; never waits for that process."""

    def __init__(self, program: tuple[str, ...] = PROGRAM) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._of: Stuck | None = None
        self._next_usec = 0
        self._tried: list[Stuck] = []

    def look(self, active: Iterable[Stuck], now_usec: int) -> Stuck | None:
        """Returns an entry that can be read again, or None. Starts the next try when it is time, users in turn."""
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
