"""A moment in which nothing of a user's runs: for one look at who is to be frozen.

A process that has a child and ends, again and again, is gone whenever one comes to move it. Nobody escapes this look.
The connections of the user's other logins stand still with it, so it must be short, and must end whatever becomes of
who is at it: the user could not even log in.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator

from reaper.errors import ReaperError
from reaper.lock import cgroups
from reaper.sense.locks import DIRECTORY
from reaper.sense.processes import CGROUP

# Where something waits for a disk, the look is had without it: that has no children meanwhile either.
STOP_SEC = 2.0
# How long another lock's moment is waited for, and after how long one that does not end kills who is at it: a look at
# a file of the user's may wait for a server that is frozen itself.
ALONE_SEC = 30.0
LONGEST_SEC = 15.0
_PAUSE_SEC = 0.05


class Still:
    """All that is the user's of the session with this scope; `directory` is one of root's alone, and of all keepers."""

    def __init__(self, scope: str, mount: str = CGROUP, directory: str = DIRECTORY) -> None:
        group = scope.rpartition("/")[0]
        self._path, self._directory = mount + group, directory
        self._mark = f"{directory}/{group.rpartition('/')[2]}.still"  # it is we who have frozen it

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The moment. One that does not end is ended by SIGALRM, and undone by release().

        Raises ReaperError ("cannot-freeze") where that of another lock does not end.
        """
        with self._alone():
            if cgroups.is_set(f"{self._path}/cgroup.freeze"):  # by an administrator, who will thaw it
                yield
                return
            with open(self._mark, "w", encoding="ascii"):
                pass
            signal.setitimer(signal.ITIMER_REAL, LONGEST_SEC)
            try:
                cgroups.write(f"{self._path}/cgroup.freeze", "1")
                cgroups.wait_frozen(self._path, STOP_SEC)
                yield
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                self._thaw()

    def release(self) -> None:
        """Ends a moment that was interrupted. Waits for one that is under way, unless whoever is at it hangs."""
        with contextlib.suppress(ReaperError), self._alone():
            self._thaw()
            return
        self._thaw()

    def _thaw(self) -> None:
        if os.path.exists(self._mark):
            with contextlib.suppress(FileNotFoundError):  # the user is gone
                cgroups.write(f"{self._path}/cgroup.freeze", "0")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._mark)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """While no other keeper has users stand still, or go on. The lock is on what root alone can open."""
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            deadline = time.monotonic() + ALONE_SEC
            while not _is_locked(fd):
                if time.monotonic() > deadline:
                    raise ReaperError("cannot-freeze", "another lock does not get done")
                time.sleep(_PAUSE_SEC)
            yield
        finally:
            os.close(fd)


def _is_locked(fd: int) -> bool:
    """Whether the file lock is ours now."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
