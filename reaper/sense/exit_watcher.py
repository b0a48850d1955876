"""Reports at once that a session's leader or another process has ended: one pidfd each, in an epoll of its own.

The pidfds are not in the loop's selector: what that stores for each descriptor would be a tenth of a session's cost.
"""

from __future__ import annotations

import os
import select
from typing import Generic, TypeVar

from reaper import procfs

Process = TypeVar("Process", bound="tuple[int, int]")
"""What names a watched process: its pid and start time first, whatever follows."""


class ExitWatcher(Generic[Process]):
    """The processes that are watched. fileno() becomes readable when one ends."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._keys: dict[int, Process] = {}

    def fileno(self) -> int:
        """The descriptor for the loop's selector."""
        return self._epoll.fileno()

    def watch(self, key: Process) -> bool:
        """Watches a process. Returns False if it has ended, or if no descriptor is left: then the poll must notice."""
        try:
            fd = procfs.open_process(*key)
        except OSError:
            return False
        if fd is None:
            return False
        try:
            self._epoll.register(fd, select.EPOLLIN)
        except OSError:
            os.close(fd)
            return False
        self._keys[fd] = key
        return True

    def unwatch(self, key: Process) -> None:
        """Stops watching a process. Looks through all of them, but that happens once in the life of each."""
        for fd in [fd for fd, watched in self._keys.items() if watched == key]:
            self._drop(fd)

    def ended(self) -> list[Process]:
        """Returns the processes that have ended since the last call; they are not watched any more."""
        return [self._drop(fd) for fd, _ in self._epoll.poll(0)]

    def _drop(self, fd: int) -> Process:
        self._epoll.unregister(fd)
        os.close(fd)
        return self._keys.pop(fd)

    def close(self) -> None:
        """Closes every descriptor."""
        for fd in list(self._keys):
            self._drop(fd)
        self._epoll.close()
