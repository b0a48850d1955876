"""On what kind of mount a descriptor's file is, as the kernel tells without asking that file system.

A mount table can be a megabyte for each 10,000 mounts, of which a user may have 100,000 in each namespace of theirs
(fs.mount-max). So none is read before a mount is asked for, and none but one is kept beside our own. What is beyond
kernel_text.MOST_BYTES is not found, as is a mount that was detached (umount(2), MNT_DETACH) or that only a third
process has: find() does not know those, and the caller must do without.
"""

from __future__ import annotations

from reaper import kernel_text, procfs
from reaper.sense.executables import MountKind, find_mount


class Mounts:
    """The mounts of this process and of those that were asked about; a mount's number is the same for all."""

    def __init__(self) -> None:
        self._known: dict[int, MountKind] = {}
        self._own: bytes | None = None
        self._other: tuple[int, bytes] = (0, b"")

    def find(self, number: int | None, pid: int) -> MountKind | None:
        """The mount of a file that a process has open; None where neither it nor we have it mounted (any more)."""
        if number is None:
            return None
        if number not in self._known:
            if self._own is None:
                self._own = _read("self")
            mount = find_mount(self._own, number)
            if mount is None:
                if self._other[0] != pid:
                    self._other = (pid, _read(str(pid)))
                mount = find_mount(self._other[1], number)
            if mount is not None:
                self._known[number] = mount
        return self._known.get(number)


def _read(who: str) -> bytes:
    """The mount table of a process; b"" where it is gone, or does not let itself be looked at."""
    try:
        return kernel_text.read(f"{procfs.PROC}/{who}/mountinfo") or b""
    except OSError:
        return b""
