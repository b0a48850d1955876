"""What carries a session's connection, and what sshd has started at this end of it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Collection, Iterable

from reaper import procfs
from reaper.decide.model import Attached, ProcessId, Session
from reaper.sense import processes
from reaper.sense.processes import is_alive, members
from reaper.sense.terminals import device_number

SSHD = ("sshd", "sshd-session")
"""The second since OpenSSH 9.8."""


def connection_holders(session: Session, held: Iterable[ProcessId], servers: Collection[str] = ()) -> list[ProcessId]:
    """What carries the session's line: its leader, and sshd's child of it; `held` is what the session holds.

    Where the leader is dead, so do terminal servers of the user's, by these names.

    sshd's unprivileged child holds duplicates of the masters: were only the monitor killed, shell and connection would
    live on. Where the leader is dead already, what is left of the connection is found in the scope alone. Descriptors
    of the user's own processes are not looked at: there can be millions.
    """
    leader = ProcessId(*session.key)
    alive = is_alive(leader)
    parent = leader.pid if alive else 1
    found = [leader] if alive else []
    for process in held:
        if process == leader:
            continue
        stat = procfs.read_stat(process.pid)
        is_child = stat is not None and stat.ppid == parent and is_sshd(process.pid)
        if is_child or (not alive and runs(process.pid, servers)):
            found.append(process)
    return found


def survivors(scope: str, programs: Collection[str] = SSHD) -> list[ProcessId]:
    """What is left of a connection whose leader died: sshd's own processes in its scope, or those of other programs."""
    return [process for process in members(scope) if runs(process.pid, programs)]


def is_sshd(pid: int) -> bool:
    """Whether a process runs sshd's binary."""
    return runs(pid, SSHD)


def runs(pid: int, programs: Collection[str]) -> bool:
    """Whether a process runs a program by one of these names, and the file that it runs is root's."""
    link = f"{procfs.PROC}/{pid}/exe"
    try:
        name = os.path.basename(os.readlink(link)).replace(" (deleted)", "")
        return name in programs and os.stat(link).st_uid == 0
    except OSError:  # gone, or a path that no system call takes: whatever it is, it is not theirs
        return False


def carriers(session: Session) -> list[int]:
    """Who passes on what crosses the connection: sshd's unprivileged child.

    Where root logs in that is the leader itself. Where the leader died, it is what is left in the session's scope.
    """
    if not is_alive(session.key):
        return [process.pid for process in survivors(session.scope)]
    leader = session.key.pid
    return [pid for pid in processes.children(leader) if is_sshd(pid)] or [leader]


def channels(carrier: int) -> list[procfs.Stat]:
    """What sshd has started for the channels of a connection: shells, commands, subsystems.

    Nothing of the user's can become a child of sshd's.
    """
    stats = map(procfs.read_stat, processes.children(carrier))
    return [stat for stat in stats if stat is not None]


def _channels_if_told(session: Session) -> list[procfs.Stat]:
    """None on a kernel that does not tell who is whose child."""
    try:
        return [stat for pid in carriers(session) for stat in channels(pid)]
    except OSError:
        return []


def fed(session: Session, held: Iterable[ProcessId]) -> list[Attached]:
    """What runs on the connection's channels that have no terminal; `held` is what the session holds.

    sshd makes each channel's process the leader of a kernel session (setsid(2)); what left that has detached itself.
    There is no foreground: in front is what a hangup would end, so not what nohup(1) guards.
    """
    leaders = {each.pid for each in _channels_if_told(session) if not each.tty_nr}
    if not leaders:
        return []
    stats = (procfs.read_stat(process.pid) for process in held)
    return [
        Attached(ProcessId(each.pid, each.starttime), not _ignores_hangup(each.pid))
        for each in stats
        if each is not None and each.session in leaders and not each.tty_nr
    ]


def _ignores_hangup(pid: int) -> bool:
    try:
        with open(f"{procfs.PROC}/{pid}/status", "rb") as file:
            ignored = re.search(rb"^SigIgn:\s*([0-9a-f]+)$", file.read(), re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return ignored is not None and bool(int(ignored[1], 16) & 1 << (signal.SIGHUP - 1))


def is_reopened(session: Session, terminal: str, since_usec: int) -> bool:
    """Whether sshd has put a shell on a pty since a moment (of the boot-time clock): a new line by an old number."""
    number = device_number(terminal)
    since_ticks = since_usec * procfs.CLOCK_TICKS_PER_SEC // 1_000_000
    return any(
        stat.tty_nr == number and stat.session == stat.pid and stat.starttime >= since_ticks
        for stat in _channels_if_told(session)
    )
