"""Finds the processes of a session that are in no session's scope any more, or in one that is not a login's.

Needed for what concerns all processes of a session: `kill: session`, and programs that make it busy. Only what
certainly belongs to the session is found, as it may be killed: a process that has the audit session of this login alone
(see belonging) and is in a control group of its user's own service manager, or in the session that logind made for a
su(1), sudo(8) or run0(1) within it. Never found are the manager and the services that it started, even if the user
asked for them from this session: they have the manager's own audit session. Nor is anything found that was moved into a
control group of the host's, as a container's processes are.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Callable

from reaper import kernel_text, procfs
from reaper.decide.session.model import ProcessId, Session
from reaper.sense import processes, run0
from reaper.sense.belonging import Homes, NestedSession

# A user can make any number of groups below the manager's. Each costs one read, and 3 us for each process in it (two
# panes of tmux in 12 groups: 0.25 ms in all, Linux 6.18).
MOST_GROUPS = 1000
MOST_PROCESSES = 16_384  # as in walk


def find(
    session: Session, sessions: Collection[Session], nested_sessions: Iterable[NestedSession], homes: Homes
) -> list[ProcessId]:
    """Returns the processes of a session outside of its scope; none where they cannot be determined with certainty."""
    login = homes.login_of(session, sessions)
    manager = f"{_slice(session)}/user@{session.uid}.service"
    # If the manager has the same, logins get no audit session of their own, as in some containers.
    if login is not None and login in map(procfs.read_login, _pids_in(f"{processes.CGROUP}{manager}/init.scope")):
        login = None
    found = list(_of_login(_member_pids(manager), login)) if login is not None else []
    clients = functools.cache(run0.list_clients)
    # One with another login's audit session is not this session's; run0's has none. A user can have thousands of them.
    near = (each for each in nested_sessions if procfs.read_login(each.leader.pid) in (None, login))
    for nested in islice(near, MOST_GROUPS):
        pids = processes.member_pids(nested.scope)
        if _is_home(session, sessions, nested, homes, clients):
            found += _of_login(pids, login, None)
        elif login is not None:
            found += _of_login(pids, login)
    return found


def _of_login(pids: Iterable[int], *logins: int | None) -> Iterator[ProcessId]:
    for pid in pids:
        if procfs.read_login(pid) in logins:
            stat = procfs.read_stat(pid)
            # Read again: it must be the process of this start time that has the audit session.
            if stat is not None and procfs.read_login(pid) in logins:
                yield ProcessId(pid, stat.starttime)


def _is_home(
    session: Session,
    sessions: Collection[Session],
    nested: NestedSession,
    homes: Homes,
    clients: Callable[[], Sequence[run0.Client]],
) -> bool:
    try:
        return processes.is_alive(nested.leader) and homes.of(nested.leader.pid, sessions, clients) == session.key
    except OSError:  # we may not look at it
        return False


def _slice(session: Session) -> str:
    return os.path.dirname(session.scope) or f"/user.slice/user-{session.uid}.slice"


def _member_pids(group: str) -> Iterator[int]:
    """Yields the pids in a group and in those below it, up to the limits above."""
    left, directories = MOST_PROCESSES, [processes.CGROUP + group]
    for number in range(MOST_GROUPS):
        if number >= len(directories) or left <= 0:
            return
        pids = _pids_in(directories[number])
        yield from pids[:left]
        left -= len(pids)
        directories += _below(directories[number], MOST_GROUPS - len(directories))


def _pids_in(directory: str) -> list[int]:
    try:
        return kernel_text.numbers(kernel_text.read(f"{directory}/cgroup.procs") or b"")
    except OSError:  # a threaded group (EOPNOTSUPP)
        return []


def _below(directory: str, most: int) -> list[str]:
    """Returns the groups in a group, at most `most`: their user can have made a million."""
    try:
        with os.scandir(directory) as entries:
            groups = (entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
            return list(islice(groups, max(0, most)))
    except OSError:  # the group was removed
        return []
