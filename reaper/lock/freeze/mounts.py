"""The mount that a descriptor's file is on, as the kernel reports it without asking that file system.

A mount table can have a megabyte for each 10,000 mounts, and a user may have 100,000 in each of their namespaces
(fs.mount-max). So no table is read before a mount in it is needed, and only one is kept beside our own. find() does not
find a mount beyond kernel_text.MOST_BYTES, one that was detached (umount(2), MNT_DETACH), or one that only a third
process has: the caller must do without.
"""

from __future__ import annotations

from reaper import kernel_text, procfs
from reaper.sense.executables import MountKind, find_mount


class Mounts:
    """The mounts of this process and of those that were asked about. A mount has the same number in every process."""

    def __init__(self) -> None:
        self._known: dict[int, MountKind] = {}
        self._own: bytes | None = None
        self._other: tuple[int, bytes] = (0, b"")

    def find(self, number: int | None, pid: int) -> MountKind | None:
        """Returns the mount of a file that a process has open; None if neither that process nor we have it mounted."""
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
    """Returns the mount table of a process; b"" if it is gone, or access is denied."""
    try:
        return kernel_text.read(f"{procfs.PROC}/{who}/mountinfo") or b""
    except OSError:
        return b""
