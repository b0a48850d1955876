"""Parses the files of /proc/PID. Pure: procfs reads them.

The name that a process gives itself is skipped, and if a field that the kernel prints as a number is none, the result
is None.
"""

from __future__ import annotations

from typing import NamedTuple

from reaper import kernel_text


class Stat(NamedTuple):
    """The fields of proc_pid_stat(5) that reaper uses, under their names there, except the name (comm)."""

    pid: int
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
    flags: int  # PF_* of <linux/sched.h>


class IoCounters(NamedTuple):
    """What a process has read and written by all of its descriptors (proc_pid_io(5)): bytes, then calls."""

    read: int
    written: int
    reads: int
    writes: int


class Signals(NamedTuple):
    """The signals of a process (proc_pid_status(5)), signal N as bit N-1; pending for it or for its first thread."""

    pending: int
    blocked: int
    ignored: int
    caught: int


class FileInfo(NamedTuple):
    """What fdinfo (proc_pid_fdinfo(5)) says of an open file; `inode` is None before Linux 5.14."""

    mount: int | None
    inode: int | None


def parse_stat(text: bytes) -> Stat | None:
    """Parses /proc/PID/stat; None for anything else.

    The process chooses the name in parentheses, which may contain blanks, parentheses and line feeds. It chooses
    nothing after the last parenthesis.
    """
    head, _, rest = text.rpartition(b")")
    fields = rest.rstrip(b"\n").split(b" ")[1:]
    if len(fields) < 22 or len(fields[0]) != 1:
        return None
    pid = kernel_text.number(head.partition(b" (")[0])
    values = [kernel_text.number(field) for field in fields[1:22]]
    number = [each for each in values if each is not None]
    if pid is None or len(number) != len(values):
        return None
    return Stat(
        pid=pid,
        state=fields[0].decode("latin-1"),
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
        flags=number[5],
    )


def parse_status(text: bytes, field: str) -> bytes | None:
    """Returns one field of proc_pid_status(5); never the name, which is the first line and which the process chooses.

    None where there is no such field.
    """
    return kernel_text.field(text.partition(b"\n")[2], field.encode())
