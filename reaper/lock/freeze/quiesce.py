"""Briefly freezes all of a user's processes, so that terminal readers can be listed without a race.

A process that forks and exits, again and again, is gone whenever a keeper comes to move it. None escapes this freeze.
It also stops the connections of the user's other logins, so it must be short, and must end whatever happens to the
keeper: the user could not even log in.
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

# If something waits for a disk, the search goes ahead without it: it forks no children meanwhile either.
STOP_SEC = 2.0
# How long to wait for a freeze by another lock of the same user, and after how long a freeze that does not end kills
# its keeper: searches end earlier (bounded.LOOK_SEC), unless this process itself gets no processor time.
ALONE_SEC = 30.0
# The same when ending a freeze that was interrupted. systemd allows 15 s for everything that follows a keeper.
RELEASE_SEC = 5.0
LONGEST_SEC = 25.0
_PAUSE_SEC = 0.05


class UserFreeze:
    """All processes of the user whose session has this scope. `directory` is root's alone, and common to all keepers.

    Only one keeper of a user freezes at a time. Keepers of other users do not wait: a user with many descriptors makes
    a search long (see bounded), and with one file lock for all users would delay everybody's.
    """

    def __init__(self, scope: str, mount: str = CGROUP, directory: str = DIRECTORY) -> None:
        group = scope.rpartition("/")[0]
        self._path, self._directory = mount + group, directory
        user = group.rpartition("/")[2]
        self._mark = f"{directory}/{user}.still"  # exists while the freeze is a keeper's
        self._lock = f"{directory}/{user}.lock"
        self._is_held = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Freezes the user for a `with` block. SIGALRM kills a keeper that takes too long; release() then thaws.

        Raises ReaperError ("cannot-freeze") if the freeze of another lock does not end.
        """
        with self._exclusively(ALONE_SEC):
            # Frozen without a mark: by an administrator, who will thaw it. With a mark it was a keeper.
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

    def abort(self) -> None:
        """Ends the freeze if this object holds it; its thread does not come back from its search."""
        if self._is_held:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._thaw()

    def release(self) -> None:
        """Ends a freeze that was interrupted. Waits for one that is in progress, unless its keeper hangs.

        Raises OSError only if the kernel refuses the thaw: if the file lock cannot be had, it is thawed without.
        """
        with contextlib.suppress(ReaperError, OSError), self._exclusively(RELEASE_SEC):
            self._thaw()
            return
        self._thaw()

    def _thaw(self) -> None:
        if os.path.exists(self._mark):
            with contextlib.suppress(FileNotFoundError):  # the user has logged out
                cgroups.write(f"{self._path}/cgroup.freeze", "0")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._mark)

    @contextlib.contextmanager
    def _exclusively(self, seconds: float) -> Iterator[None]:
        """Excludes other keepers from freezing or thawing this user. Only root can open the lock file."""
        deadline = time.monotonic() + seconds
        fd = self._take_lock()
        while fd is None:
            if time.monotonic() > deadline:
                raise ReaperError("cannot-freeze", "another lock of the same user does not finish")
            time.sleep(_PAUSE_SEC)
            fd = self._take_lock()
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._lock)
            os.close(fd)

    def _take_lock(self) -> int | None:
        """Returns the lock file, locked; None if another keeper holds it. Its holder removes it, so none stays behind.

        A file that was removed before it was locked here is no lock: a third keeper may have created a new one.
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
