"""What a session's connection and processes have done: the evidence of a session that has no terminal.

Read at each poll for sessions whose activity counts: a few files per session, found from its leader downwards.
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
    """Returns what the session has done until now; None where that cannot be determined.

    It cannot be determined either where sshd runs something on a terminal and none is known (`has_terminal` is False):
    a person may be typing there, and only a session that really has no terminal is treated as one without.
    """
    try:
        carriers = connections.carriers(session)
        channels = connections.channels(*carriers)
        if not carriers or (not has_terminal and any(channel.tty_nr for channel in channels)):
            return None
        traffic = read_traffic(carriers, _monitor_of(session, carriers))
        passed = (traffic.carrier, traffic.socket, traffic.typed, traffic.printed)
        return ActivitySample(boot_usec, *passed, _cpu_usec(session, carriers))
    except OSError:  # it has ended meanwhile, or we may not read it
        return None


def counts_keys(session: Session) -> bool:
    """Returns whether a single keystroke shows on sshd's connection, whether a program has read it or not.

    False where the connection has ended and mosh-server has the terminal, and where the kernel does not let us count.
    """
    if session.origin is not Origin.SSH or not processes.is_alive(session.key):
        return False
    try:
        carriers = connections.carriers(session)
        return bool(carriers) and bool(read_traffic(carriers, _monitor_of(session, carriers)).socket)
    except OSError:
        return False


def read_line(session: Session, names: Collection[str], now: Instant) -> ConnectionSample | None:
    """Returns one sample of the ssh connection that carries these terminals; None where there is none to read."""
    try:
        carriers = connections.carriers(session)
        channels = connections.channels(*carriers)
        without = connections.without_terminal(carriers, channels)
        terminals = [os.stat(f"{DEV}/{name}", follow_symlinks=False) for name in names]
        if not carriers or not terminals:
            return None
        passed = [io for io in (procfs.read_io(each.pid) for each in without) if io is not None]
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
    """Returns the connection's monitor: the session's leader, unless that carries the connection or has ended."""
    leader = session.key.pid
    return leader if leader not in carriers and processes.is_alive(session.key) else None


def _cpu_usec(session: Session, carriers: list[int]) -> int:
    """Returns the CPU time of all that has run in the session's scope; without a scope, below its connection."""
    if not session.scope:
        return sum(map(processes.family_cpu_usec, carriers))
    text = kernel_text.read(f"{processes.CGROUP}{session.scope}/cpu.stat")
    if text is None:
        raise FileNotFoundError(errno.ENOENT, "it does not exist any more", session.scope)
    return kernel_text.number(kernel_text.field(text, b"usage_usec", b" ")) or 0
