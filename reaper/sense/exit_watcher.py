"""The end of a leader, or of another process, told by the kernel at once: a pidfd each, in an epoll of their own.

Not in the loop's selector: what that keeps for each descriptor would be a tenth of all that a session costs.
"""

from __future__ import annotations

import os
import select
from typing import Generic, TypeVar

from reaper import procfs

Process = TypeVar("Process", bound="tuple[int, int]")
"""Who is watched: named by pid and start time, whatever else the name says of them."""


class ExitWatcher(Generic[Process]):
    """The leaders that are watched. fileno() becomes readable when one ends."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._keys: dict[int, Process] = {}

    def fileno(self) -> int:
        """For the loop's selector."""
        return self._epoll.fileno()

    def watch(self, key: Process) -> bool:
        """Watches a session's leader; False where it is gone or descriptors are short: then the poll must."""
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
        """Lets go of a leader. Looks through all of them, which happens once in the life of each."""
        for fd in [fd for fd, watched in self._keys.items() if watched == key]:
            self._drop(fd)

    def ended(self) -> list[Process]:
        """The leaders that have ended since; they are not watched any more."""
        return [self._drop(fd) for fd, _ in self._epoll.poll(0)]

    def _drop(self, fd: int) -> Process:
        self._epoll.unregister(fd)
        os.close(fd)
        return self._keys.pop(fd)

    def close(self) -> None:
        """Gives every descriptor back."""
        for fd in list(self._keys):
            self._drop(fd)
        self._epoll.close()
