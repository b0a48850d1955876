"""What carries a session's connection, and what sshd has started at this end of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from reaper import procfs
from reaper.decide.model import ProcessId, Session
from reaper.sense.processes import is_alive, members
from reaper.sense.terminals import device_number


def connection_holders(session: Session, held: Iterable[ProcessId]) -> list[ProcessId]:
    """What carries the session's line: its leader, and sshd's child of it; `held` is what the session holds.

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
        if is_child:
            found.append(process)
    return found


def survivors(scope: str) -> list[ProcessId]:
    """What is left of a connection whose leader died: sshd's own processes in its scope."""
    return [process for process in members(scope) if is_sshd(process.pid)]


def is_sshd(pid: int) -> bool:
    """Whether a process runs sshd's binary (sshd, since 9.8 sshd-session), and that binary is root's."""
    link = f"{procfs.PROC}/{pid}/exe"
    try:
        name = os.path.basename(os.readlink(link)).replace(" (deleted)", "")
        return name in ("sshd", "sshd-session") and os.stat(link).st_uid == 0
    except OSError:  # gone, or a path that no system call takes: whatever it is, it is not sshd's
        return False


def children(pid: int) -> list[int]:
    """The pids of a process's children (proc_pid_task(5), `children`); none where it is gone."""
    try:
        with open(f"{procfs.PROC}/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def channels(leader: int) -> Iterator[procfs.Stat]:
    """What sshd has started for the channels of a connection: shells, commands, subsystems.

    They are children of sshd's unprivileged child, or of the monitor itself where root logs in (there is none then).
    Nothing of the user's can become one.
    """
    for pid in children(leader):
        for each in children(pid) if is_sshd(pid) else [pid]:
            stat = procfs.read_stat(each)
            if stat is not None:
                yield stat


def is_reopened(leader: int, terminal: str, since_usec: int) -> bool:
    """Whether sshd has put a shell on a pty since a moment (of the boot-time clock): a new line by an old number."""
    number = device_number(terminal)
    since_ticks = since_usec * procfs.CLOCK_TICKS_PER_SEC // 1_000_000
    return any(
        stat.tty_nr == number and stat.session == stat.pid and stat.starttime >= since_ticks
        for stat in channels(leader)
    )
