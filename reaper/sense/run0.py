"""Finds the client that ordered what run0(1) or systemd-run(1) runs; it waits in the session that it was called from.

run0 has PID 1 start what it runs (systemd 256 and later), so that process is no child of the session, has a logind
session of its own and no audit session; `systemd-run --user --pty` has the user's manager start it. What still connects
the two is what the client gave away or kept: it holds the master of the pty that is the other side's terminal, and what
run0 starts without a terminal has the client's pipes as standard input, output and error (measured with systemd 257:
`run0` on a terminal, `ssh host run0 sleep 30` without one).

No other user can fake either. Only who was given a pipe has it. The master must be open through a mount that the client
itself sees, in the user namespace of the host: in a namespace of their own a user can make a devpts whose ptys have any
number.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Callable, NamedTuple

from reaper import kernel_text, procfs
from reaper.procparse import Stat
from reaper.sense import executables, processes
from reaper.sense.tty_drivers import pty_index

# run0 is a link to it. Its client has about fifteen descriptors, and its user waits for it.
_PROGRAM = "systemd-run"
_MOST_DESCRIPTORS = 64
MOST_CLIENTS = 32
_MASTERS = (b"devpts", b"devtmpfs", b"tmpfs")  # file systems where /dev/ptmx may be; a container's /dev is a tmpfs
_OF_SESSIONS = ("pipe:[", "socket:[")


class Client(NamedTuple):
    """A process that could have ordered something, and the ptys whose masters it holds."""

    pid: int
    masters: frozenset[int]


def list_clients() -> list[Client]:
    """Returns all processes that could have ordered something, at most MOST_CLIENTS of each user.

    Reads the program of each process, 3 us each, and the descriptors of those that run run0.
    """
    counts: Counter[int] = Counter()
    found = []
    for pid in filter(_is_client, sorted(procfs.list_pids())):
        uids = procfs.read_uids(pid)[:1]
        counts.update(uids)
        if uids and counts[uids[0]] <= MOST_CLIENTS:
            found.append(Client(pid, _masters(pid)))
    return found


def find_client(line: Sequence[Stat], list_all: Callable[[], Sequence[Client]] = list_clients) -> int | None:
    """Returns the pid of the client that ordered a process or an ancestor; None if there is none or it is ambiguous.

    It is ambiguous if clients of several users match. `line` is the process and its ancestors; `list_all` is called
    only if there is something to compare with.
    """
    indexes = dict.fromkeys(index for index in (pty_index(stat.tty_nr) for stat in line) if index is not None)
    clients = list_all() if indexes else ()
    for index in indexes:
        found = [client.pid for client in clients if index in client.masters]
        if found:
            return _only(found)
    ends = _standard_ends(line[-1].pid) if line and not indexes and _is_run0s(line[-1]) else None
    return _only([client.pid for client in list_all() if ends & _standard_ends(client.pid)]) if ends else None


def _only(pids: Sequence[int]) -> int | None:
    """Returns the first pid if all belong to one user: a user can make a second process look like the real client."""
    users = {tuple(procfs.read_uids(pid)[:1]) for pid in pids}
    return pids[0] if len(users) == 1 else None


def _is_run0s(stat: Stat) -> bool:
    """Returns whether PID 1 has started a process in a logind session of its own, and not within a login."""
    return stat.ppid == 1 and procfs.read_login(stat.pid) is None and bool(processes.scope_of(stat.pid))


def _is_client(pid: int) -> bool:
    if os.path.basename(procfs.read_program(pid) or "") != _PROGRAM or not executables.is_in_our_user_namespace(pid):
        return False
    status = executables.read_status(pid)
    return status is not None and status.uid == 0


def _masters(pid: int) -> frozenset[int]:
    """Returns the ptys whose masters a process holds, if they are open through a mount that it sees."""
    found, mounts = set(), None
    try:
        descriptors = procfs.list_descriptors(pid, most=_MOST_DESCRIPTORS)
    except PermissionError:  # refused by a security module
        return frozenset()
    for descriptor in descriptors:
        index = procfs.read_tty_index(pid, descriptor)
        info = procfs.read_descriptor(pid, descriptor) if index is not None else None
        if index is None or info is None or info.mount is None:
            continue
        mounts = mounts if mounts is not None else kernel_text.read(f"{procfs.PROC}/{pid}/mountinfo")
        mount = executables.find_mount(mounts, info.mount) if mounts is not None else None
        if mount is not None and mount.file_system in _MASTERS:
            found.add(index)
    return frozenset(found)


def _standard_ends(pid: int) -> set[str]:
    """Returns the kernel's names of the pipes and sockets that are a process's standard input, output and error."""
    links = (procfs.read_link(pid, f"fd/{descriptor}") for descriptor in range(3))
    return {link for link in links if link is not None and link.startswith(_OF_SESSIONS)}
