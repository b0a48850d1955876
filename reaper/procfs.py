"""One process, read from /proc and held by a pidfd: the leaf that both sense and act stand on.

A pid alone is never trusted: it may have been given to another process since. A process is named by its pid and start
time together, and a descriptor that open_process() returns is known to be of that very process.
"""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

PROC = "/proc"
CLOCK_TICKS_PER_SEC = os.sysconf("SC_CLK_TCK")
_DELETED = " (deleted)"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Stat(NamedTuple):
    """The fields of proc_pid_stat(5) that reaper uses, under their names there."""

    pid: int
    comm: str
    state: str
    ppid: int
    pgrp: int
    session: int
    tty_nr: int
    tpgid: int
    cpu_ticks: int  # utime + stime
    reaped_cpu_ticks: int  # cutime + cstime
    threads: int
    starttime: int
    rss_pages: int


def parse_stat(text: str) -> Stat:
    """Parses /proc/PID/stat. comm is whatever the process chose: it may hold spaces, parentheses and newlines.

    Raises ValueError on anything else than a stat line.
    """
    head, _, rest = text.rpartition(")")
    pid, _, comm = head.partition(" (")
    fields = rest.split()
    if len(fields) < 22:
        raise ValueError(f"not a stat line: {text[:80]!r}")
    number = [int(field) for field in fields[1:22]]
    return Stat(
        pid=int(pid),
        comm=comm,
        state=fields[0],
        ppid=number[0],
        pgrp=number[1],
        session=number[2],
        tty_nr=number[3],
        tpgid=number[4],
        cpu_ticks=number[10] + number[11],
        reaped_cpu_ticks=number[12] + number[13],
        threads=number[16],
        starttime=number[18],
        rss_pages=number[20],
    )


def read_stat(pid: int) -> Stat | None:
    """What the kernel says of a process, or None where there is none (any more), or only a zombie of it.

    One whose first thread has ended while others run on (pthread_exit(3) in main) is shown as a zombie, and is none:
    its other threads hold what it had open, and do as they like.
    """
    try:
        with open(f"{PROC}/{pid}/stat", "rb") as file:
            stat = parse_stat(file.read().decode("utf-8", "replace"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if stat.state in "ZX" and stat.threads < 2 else stat


def read_session(pid: int) -> int | None:
    """The kernel session of a process (getsid(2)), far cheaper than read_stat(); None where it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
    except PermissionError:  # a security module
        stat = read_stat(pid)
        return stat.session if stat else None


def read_program(pid: int) -> str | None:
    """The path of the file that a process runs (proc_pid_exe(5)), also of one that an upgrade has replaced since.

    None where there is none to tell: it is gone, a zombie or a task of the kernel, or its path is longer than any that
    a system call takes.
    """
    try:
        path = os.readlink(f"{PROC}/{pid}/exe")
    except OSError:
        return None
    return path[: -len(_DELETED)] if path.endswith(_DELETED) else path


def read_status(pid: int, field: str) -> str | None:
    """One field of proc_pid_status(5) as it stands there; None where the process is gone."""
    try:
        with open(f"{PROC}/{pid}/status", encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name == field:
                    return value.strip()
    except (FileNotFoundError, ProcessLookupError):
        pass
    return None


def open_process(pid: int, start_ticks: int) -> int | None:
    """A pidfd of exactly that process, which the caller closes; None where it is gone or the pid is another's by now.

    The descriptor is opened first and the start time read after: had the process ended in between, the pidfd would
    be of the dead one and the read would fail or tell another start time.
    """
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:  # a thread, or a pid that cannot be
            return None
        raise
    try:
        stat = read_stat(pid)
    except BaseException:
        os.close(fd)
        raise
    if stat is None or stat.starttime != start_ticks:
        os.close(fd)
        return None
    return fd
