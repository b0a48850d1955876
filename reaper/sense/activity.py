"""What a session's connection and processes have done: the signs of life of one that has no terminal.

Read for sessions whose work counts, at each poll: a few files a session, found from its leader downwards.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection

from reaper import kernel_text, procfs
from reaper.decide.policy.match import Origin
from reaper.decide.session.model import ActivitySample, ConnectionSample, Instant, Session
from reaper.sense import connections, processes
from reaper.sense.ssh_counters import read_traffic
from reaper.sense.terminals import DEV


def read_work(session: Session, has_terminal: bool, boot_usec: int) -> ActivitySample | None:
    """What the session has done until now; None where that cannot be told.

    Nor can it where sshd runs something on a terminal and we know of none (`has_terminal`): a person may type there,
    and a session is taken for one without a terminal only if it is one.
    """
    try:
        carriers = connections.carriers(session)
        channels = connections.channels(*carriers)
        if not carriers or (not has_terminal and any(channel.tty_nr for channel in channels)):
            return None
        traffic = read_traffic(carriers, _monitor_of(session, carriers))
        passed = (traffic.carrier, traffic.socket, traffic.typed, traffic.printed)
        return ActivitySample(boot_usec, *passed, _cpu_usec(session, carriers))
    except OSError:  # gone meanwhile, or not for us to read
        return None


def counts_keys(session: Session) -> bool:
    """Whether a single key shows on what carries the session's terminals, read or not: on a connection of sshd's.

    Not where that is over, and mosh-server has the terminal, nor where the kernel does not let it be counted.
    """
    if session.origin is not Origin.SSH or not processes.is_alive(session.key):
        return False
    try:
        carriers = connections.carriers(session)
        return bool(carriers) and bool(read_traffic(carriers, _monitor_of(session, carriers)).socket)
    except OSError:
        return False


def read_line(session: Session, names: Collection[str], now: Instant) -> ConnectionSample | None:
    """One look at what carries these terminals of a session by ssh; None where that cannot be told."""
    try:
        carriers = connections.carriers(session)
        channels = connections.channels(*carriers)
        apart = connections.apart(carriers, channels)
        terminals = [os.stat(f"{DEV}/{name}", follow_symlinks=False) for name in names]
        if not carriers or not terminals:
            return None
        passed = [io for io in (procfs.read_io(each.pid) for each in apart) if io is not None]
        return ConnectionSample(
            now.boot_usec,
            now.wall_ns,
            read_traffic(carriers, _monitor_of(session, carriers)),
            max(each.st_mtime_ns for each in terminals),
            max(each.st_ctime_ns for each in terminals),
            sum(each.read for each in passed),
            sum(each.read + each.written for each in passed),
        )
    except OSError:
        return None


def _monitor_of(session: Session, carriers: Collection[int]) -> int | None:
    """The monitor of what carries a connection: the session's leader, unless that carries it or has ended."""
    leader = session.key.pid
    return leader if leader not in carriers and processes.is_alive(session.key) else None


def _cpu_usec(session: Session, carriers: list[int]) -> int:
    """CPU time of all that the session runs or has run, or where it has no scope, of what runs below its connection."""
    if not session.scope:
        return sum(map(processes.family_cpu_usec, carriers))
    text = kernel_text.read(f"{processes.CGROUP}{session.scope}/cpu.stat")
    if text is None:
        raise FileNotFoundError(errno.ENOENT, "it is gone", session.scope)
    return kernel_text.number(kernel_text.field(text, b"usage_usec", b" ")) or 0
