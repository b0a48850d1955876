"""On what file system a descriptor's file is, as the kernel tells without asking that file system.

stat(2) on a file of the network, or of a user's own server (fuse(4)) that is frozen by now, may wait for ever.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from reaper import procfs

# Where what stands for a device can be, besides devpts; none of them waits for anybody.
_LOCAL = ("devtmpfs", "devpts", "tmpfs", "ramfs")
_INFO = re.compile(rb"^(mnt_id|ino):\s*([0-9]+)$", re.MULTILINE)
_MOST_BYTES = 4096


class Info(NamedTuple):
    """What fdinfo says of a descriptor; `inode` is None before Linux 5.14."""

    mount: int | None
    inode: int | None


class Mount(NamedTuple):
    """A mounted file system: its device, and whether it may have device files and never waits."""

    device: int
    is_local: bool


class Mounts:
    """The mounts of this process and of those that were asked about; a mount's number is the same for all."""

    def __init__(self) -> None:
        self._known = _read("self")
        self._asked: set[int] = set()

    def find(self, number: int | None, pid: int) -> Mount | None:
        """The mount of a file that a process has open; None where neither it nor we have it mounted (any more)."""
        if number is None:
            return None
        if number not in self._known and pid not in self._asked:
            self._asked.add(pid)
            self._known.update(_read(str(pid)))
        return self._known.get(number)


def read_info(directory: str, fd: str) -> Info:
    """The fdinfo of a task's descriptor. Raises OSError where it is closed by now."""
    with open(f"{directory}/fdinfo/{fd}", "rb", buffering=0) as file:
        told = {name: int(value) for name, value in _INFO.findall(file.read(_MOST_BYTES))}
    return Info(told.get(b"mnt_id"), told.get(b"ino"))


def _read(who: str) -> dict[int, Mount]:
    """proc_pid_mountinfo(5): number, parent, major:minor, ..., and after a hyphen the type."""
    found = {}
    try:
        with open(f"{procfs.PROC}/{who}/mountinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                fields, _, rest = line.partition(" - ")
                number, _, device = fields.split(" ", 3)[:3]
                major, _, minor = device.partition(":")
                kind = rest.partition(" ")[0]
                found[int(number)] = Mount(os.makedev(int(major), int(minor)), kind in _LOCAL)
    except OSError:  # it is gone
        pass
    return found
