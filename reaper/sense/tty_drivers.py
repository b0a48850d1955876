"""Which devices are terminals, by the drivers that the kernel lists (/proc/tty/drivers, proc_tty_drivers(5)).

A device is recognised by its number and not by its name: each driver names its serial lines differently (ttyS, ttymxc,
ttyGS, ttyLP, hvc, sclp_line).
"""

from __future__ import annotations

import os
from typing import NamedTuple

from reaper import kernel_text, procfs

# Majors of <linux/major.h>. The devices of the first are no lines: /dev/tty, /dev/console, /dev/ptmx, a log for printk.
_TTYAUX, _TTY, _PTY = 5, 4, 136


class Driver(NamedTuple):
    """A driver's devices, or some of them; `kind` as the kernel prints it: "serial", "pty:slave", "system"."""

    major: int
    first: int
    last: int
    kind: bytes


def parse_drivers(text: bytes) -> list[Driver]:
    """Parses the text of /proc/tty/drivers; skips lines of any other form.

    A line is: the driver's name, the name of its devices, major, minor or the first and the last of them, kind.
    """
    found = []
    for line in kernel_text.lines(text):
        words = [word for word in line.split(b" ") if word]
        if len(words) < 5:
            continue
        first, dash, last = words[-2].partition(b"-")
        major, begin, end = (kernel_text.number(word) for word in (words[-3], first, last if dash else first))
        if major is not None and begin is not None and end is not None:
            found.append(Driver(major, begin, end, words[-1]))
    return found


def is_line(device: int, drivers: list[Driver]) -> bool:
    """Returns whether a device is a line that a person can use as their terminal.

    A pty's master is not, nor is a device that stands for another terminal.
    """
    major, minor = os.major(device), os.minor(device)
    if major == _TTYAUX or (major, minor) == (_TTY, 0):
        return False
    kinds = [each.kind for each in drivers if each.major == major and each.first <= minor <= each.last]
    return bool(kinds) and b"pty:master" not in kinds


def read_drivers() -> list[Driver]:
    """Returns the drivers of this host; none where the kernel does not list them."""
    return parse_drivers(kernel_text.read(f"{procfs.PROC}/tty/drivers") or b"")


def pty_index(tty_nr: int) -> int | None:
    """Returns the number of the pty that a tty_nr of proc_pid_stat(5) stands for; None for any other terminal."""
    major, minor = (tty_nr >> 8) & 0xFFF, (tty_nr & 0xFF) | ((tty_nr >> 12) & 0xFFF00)
    return minor if major == _PTY else None
