"""What a session's connection and processes have done: the signs of life of one that has no terminal.

Read for sessions whose work counts, at each poll: a few files a session, found from its leader downwards.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable

from reaper import kernel_text, procfs
from reaper.decide.model import Line, Session, Work
from reaper.decide.policy import Origin
from reaper.procparse import Passed
from reaper.sense import connections, processes
from reaper.sense.terminals import DEV


def read_work(session: Session, has_terminal: bool, boot_usec: int) -> Work | None:
    """What the session has done until now; None where that cannot be told.

    Nor can it where sshd runs something on a terminal and we know of none (`has_terminal`): a person may type there,
    and a session is taken for one without a terminal only if it is one.
    """
    try:
        carriers = connections.carriers(session)
        channels = connections.channels(*carriers)
        if not carriers or (not has_terminal and any(channel.tty_nr for channel in channels)):
            return None
        return Work(boot_usec, *_sum_passed_on(carriers), _cpu_usec(session, carriers))
    except OSError:  # gone meanwhile, or not for us to read
        return None


def counts_keys(session: Session) -> bool:
    """Whether a single key shows on what carries the session's terminals, read or not: on a connection of sshd's.

    Not where that is over, and mosh-server has the terminal.
    """
    return session.origin is Origin.SSH and processes.is_alive(session.key)


def read_line(session: Session, names: Collection[str], wall_ns: int) -> Line | None:
    """One look at what carries these terminals of a session by ssh; None where that cannot be told."""
    try:
        carriers = connections.carriers(session)
        channels = connections.channels(*carriers)
        apart = connections.apart(carriers, channels)
        terminals = [os.stat(f"{DEV}/{name}", follow_symlinks=False) for name in names]
        if not carriers or not terminals:
            return None
        return Line(
            wall_ns,
            *_sum_passed_on(carriers),
            max(each.st_mtime_ns for each in terminals),
            max(each.st_ctime_ns for each in terminals),
            sum(_sum_passed_on(each.pid for each in apart)[:2]),
        )
    except OSError:
        return None


def _sum_passed_on(pids: Iterable[int]) -> tuple[int, int, int, int]:
    read, written, reads, writes = map(sum, zip((0, 0, 0, 0), *map(_passed_on, pids)))
    return read, written, reads, writes


def _passed_on(pid: int) -> Passed:
    passed = procfs.read_io(pid)
    if passed is None:
        raise ProcessLookupError(errno.ESRCH, "it has ended", str(pid))
    return passed


def _cpu_usec(session: Session, carriers: list[int]) -> int:
    """CPU time of all that the session runs or has run, or where it has no scope, of what runs below its connection."""
    if not session.scope:
        return sum(map(processes.family_cpu_usec, carriers))
    text = kernel_text.read(f"{processes.CGROUP}{session.scope}/cpu.stat")
    if text is None:
        raise FileNotFoundError(errno.ENOENT, "it is gone", session.scope)
    return kernel_text.number(kernel_text.field(text, b"usage_usec", b" ")) or 0
