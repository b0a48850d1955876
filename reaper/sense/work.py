"""What a session's connection and processes have done: the signs of life of one that has no terminal.

Read for sessions whose work counts, at each poll: a few files a session, found from its leader downwards.
"""

from __future__ import annotations

from reaper import procfs
from reaper.decide.model import Session, Work
from reaper.sense import connections, processes


def read_work(session: Session, has_terminal: bool, boot_usec: int) -> Work | None:
    """What the session has done until now; None where that cannot be told.

    Nor can it where sshd runs something on a terminal and we know of none (`has_terminal`): a person may type there,
    and a session is taken for one without a terminal only if it is one.
    """
    try:
        carriers = connections.carriers(session)
        channels = [each for pid in carriers for each in connections.channels(pid)]
        if not carriers or (not has_terminal and any(channel.tty_nr for channel in channels)):
            return None
        octets, reads, writes = map(sum, zip(*map(_passed_on, carriers)))
        return Work(boot_usec, octets, reads, writes, _cpu_usec(session, carriers))
    except OSError:  # gone meanwhile, or not for us to read
        return None


def _passed_on(pid: int) -> tuple[int, int, int]:
    """What a process passed on, from all to all of its descriptors: bytes, reads and writes (proc_pid_io(5))."""
    with open(f"{procfs.PROC}/{pid}/io", encoding="ascii") as file:
        numbers = dict(line.split(": ") for line in file.read().splitlines())
    return int(numbers["rchar"]) + int(numbers["wchar"]), int(numbers["syscr"]), int(numbers["syscw"])


def _cpu_usec(session: Session, carriers: list[int]) -> int:
    """CPU time of all that the session runs or has run, or where it has no scope, of what runs below its connection."""
    if not session.scope:
        return sum(map(processes.family_cpu_usec, carriers))
    with open(f"{processes.CGROUP}{session.scope}/cpu.stat", encoding="ascii") as file:
        for line in file:
            name, _, value = line.partition(" ")
            if name == "usage_usec":
                return int(value)
    return 0
