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
from reaper.lock.freeze import cgroups
from reaper.sense.lock_files import DIRECTORY
from reaper.sense.processes import CGROUP

# Where something waits for a disk, the look is had without it: that has no children meanwhile either.
STOP_SEC = 2.0
# How long the moment of another lock of the same user's is waited for, and after how long one that does not end kills
# who is at it: looks end before (bounded.LOOK_SEC), unless this process itself does not get to run.
ALONE_SEC = 30.0
# The same for what ends a moment that was interrupted. systemd gives what follows a keeper 15 s in all.
RELEASE_SEC = 5.0
LONGEST_SEC = 25.0
_PAUSE_SEC = 0.05


class UserFreeze:
    """All that is the user's of the session with this scope; `directory` is one of root's alone, and of all keepers.

    No two keepers of one user are at it at a time. Those of other users do not wait: a user with many descriptors makes
    a look long (see bounded), and with one file lock for all of them would hold up everybody's.
    """

    def __init__(self, scope: str, mount: str = CGROUP, directory: str = DIRECTORY) -> None:
        group = scope.rpartition("/")[0]
        self._path, self._directory = mount + group, directory
        user = group.rpartition("/")[2]
        self._mark = f"{directory}/{user}.still"  # it is we who have frozen it
        self._lock = f"{directory}/{user}.lock"
        self._is_held = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The moment. One that does not end is ended by SIGALRM, and undone by release().

        Raises ReaperError ("cannot-freeze") where that of another lock does not end.
        """
        with self._alone(ALONE_SEC):
            # By an administrator, who will thaw it; or by a keeper whose lock was not waited for, and which has a mark.
            if cgroups.is_set(f"{self._path}/cgroup.freeze") and not os.path.exists(self._mark):
                yield
                return
            with open(self._mark, "w", encoding="ascii"):
                pass
            signal.setitimer(signal.ITIMER_REAL, LONGEST_SEC)
            self._is_held = True
            try:
                cgroups.write(f"{self._path}/cgroup.freeze", "1")
                cgroups.wait_frozen(self._path, STOP_SEC)
                yield
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                self._thaw()
                self._is_held = False

    def break_off(self) -> None:
        """Ends the moment if it is one of this object's, whose thread does not come back from its look."""
        if self._is_held:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._thaw()

    def release(self) -> None:
        """Ends a moment that was interrupted. Waits for one that is under way, unless whoever is at it hangs.

        Raises OSError only where the kernel does not let it go on: a lock for which there is no room is done without.
        """
        with contextlib.suppress(ReaperError, OSError), self._alone(RELEASE_SEC):
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
    def _alone(self, seconds: float) -> Iterator[None]:
        """While no other keeper has this user stand still, or go on. The lock is on a file that root alone can open."""
        deadline = time.monotonic() + seconds
        fd = self._take_lock()
        while fd is None:
            if time.monotonic() > deadline:
                raise ReaperError("cannot-freeze", "another lock of its user's does not get done")
            time.sleep(_PAUSE_SEC)
            fd = self._take_lock()
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._lock)
            os.close(fd)

    def _take_lock(self) -> int | None:
        """The file, locked; None where another keeper has it, which removes it: none stays of a user who is gone.

        One that was removed before it was locked here is no lock: a third keeper may have made it again.
        """
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        fd = os.open(self._lock, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(self._lock, follow_symlinks=False)):
                return fd
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None
