"""On what file system a descriptor's file is, as the kernel tells without asking that file system.

stat(2) on a file of the network, or of a user's own server (fuse(4)) that is frozen by now, may wait for ever.

A mount table can be a megabyte for each 10,000 mounts, of which a user may have 100,000 in each namespace of theirs
(fs.mount-max). So none is read before a mount is asked for, none but one is kept beside our own, and a mount is looked
for by its number at the start of a line: no name can be there, as the kernel escapes line feeds. What is beyond
kernel_text.MOST_BYTES is not found, as is a mount that was detached (umount(2), MNT_DETACH) or that only a third
process has: find() does not know those, and the caller must do without.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from reaper import kernel_text, procfs

# The largest of a device's two numbers (MINORBITS of <linux/kdev_t.h>).
_LARGEST = (2**12 - 1, 2**20 - 1)
# Where what stands for a device can be, besides devpts; none of them waits for anybody.
_LOCAL = (b"devtmpfs", b"devpts", b"tmpfs", b"ramfs")


class Mount(NamedTuple):
    """A mounted file system: its device, and whether it may have device files and never waits."""

    device: int
    is_local: bool


class Mounts:
    """The mounts of this process and of those that were asked about; a mount's number is the same for all."""

    def __init__(self) -> None:
        self._known: dict[int, Mount] = {}
        self._own: bytes | None = None
        self._other: tuple[int, bytes] = (0, b"")

    def find(self, number: int | None, pid: int) -> Mount | None:
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


def find_mount(table: bytes, number: int) -> Mount | None:
    """The mount of a number in a mount table; None where there is none."""
    start = b"%d " % number
    place = 0 if table.startswith(start) else table.find(b"\n" + start) + 1
    if not place and not table.startswith(start):
        return None
    end = table.find(b"\n", place)
    found = parse_mount(table[place:] if end < 0 else table[place:end])
    return None if found is None else found[1]


def parse_mount(line: bytes) -> tuple[int, Mount] | None:
    """Parses a line of proc_pid_mountinfo(5): number, parent, major:minor, ..., and after a hyphen the type.

    None for anything else. Paths and sources are users' own; the kernel escapes blanks and line feeds in them.
    """
    fields, _, rest = line.partition(b" - ")
    words = fields.split(b" ", 3)
    if len(words) < 4:
        return None
    major, _, minor = words[2].partition(b":")
    number, numbers = kernel_text.number(words[0]), (kernel_text.number(major), kernel_text.number(minor))
    if number is None or numbers[0] is None or numbers[1] is None:
        return None
    if not (0 <= numbers[0] <= _LARGEST[0] and 0 <= numbers[1] <= _LARGEST[1]):
        return None
    return number, Mount(os.makedev(numbers[0], numbers[1]), rest.partition(b" ")[0] in _LOCAL)
