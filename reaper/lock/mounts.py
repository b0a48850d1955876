"""On what file system a descriptor's file is, as the kernel tells without asking that file system.

stat(2) on a file of the network, or of a user's own server (fuse(4)) that is frozen by now, may wait for ever.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from reaper import kernel_text, procfs

# Where what stands for a device can be, besides devpts; none of them waits for anybody.
_LOCAL = (b"devtmpfs", b"devpts", b"tmpfs", b"ramfs")


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


def _read(who: str) -> dict[int, Mount]:
    """The mounts of a process, by their numbers; none where it is gone, or does not let itself be looked at."""
    try:
        text = kernel_text.read(f"{procfs.PROC}/{who}/mountinfo")
    except OSError:
        return {}
    return dict(filter(None, map(parse_mount, kernel_text.lines(text or b""))))


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
    return number, Mount(os.makedev(numbers[0], numbers[1]), rest.partition(b" ")[0] in _LOCAL)
