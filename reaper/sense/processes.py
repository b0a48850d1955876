"""The processes of a session: those on its terminals, and those in its scope.

Nothing here runs at a regular poll except for sessions that are about to be acted on; attached() asks about every
process of the host and is for the moment before an act. walk.py says what that costs.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Callable, Optional

from reaper import kernel_text, procfs
from reaper.decide.session import lock_protocol
from reaper.decide.session.model import AttachedProcess, ProcessId, Usage
from reaper.procparse import Stat
from reaper.sense.terminals import device_number

CGROUP = "/sys/fs/cgroup"
MOST_IN_FRONT = 2048  # whose descriptors are read: 0.2 s; more than any pipeline with a pager has
OWN_FDS = 10  # from this number on shells keep their own descriptors: dash and zsh from 10, bash 255
MOST_BELOW = 64  # processes that are looked at to find one of the user's: it is the first or the second
_SCOPE = re.compile(r"/user\.slice/(?:[^/]+/)*session-[A-Za-z0-9]+\.scope(?=/|$)", re.ASCII)


def start_ticks(pid: int) -> int | None:
    """Returns a process's start time in clock ticks since boot; None where it has ended."""
    stat = procfs.read_stat(pid)
    return stat.starttime if stat else None


def is_alive(process: tuple[int, int]) -> bool:
    """Returns whether exactly that process (pid, start time) still runs; a zombie does not.

    If a process of that pid cannot be read, it is taken for the same one: that alone does not make a process ended.
    """
    ticks = start_ticks(process[0])
    return ticks == process[1] if ticks is not None else procfs.is_withheld(process[0])


def scope_of(pid: int) -> str:
    """Returns the session scope that a process is in, as a path below the cgroup mount; empty if it is in none.

    Only a `session-ID.scope` below user.slice belongs to one session: the cgroup of a session without one (no
    pam_systemd) is that of sshd.service, with every other such session in it.
    """
    match = _SCOPE.match(procfs.read_group(pid) or "")
    return match[0] if match else ""


def own_scope(pid: int, uid: int, session_id: str) -> str:
    """Returns the session's own scope, that of its leader or where logind makes it; empty if it has none.

    Only the `session-ID.scope` of its own id is its own: a leader may run in the scope of another session, as the
    monitors of an sshd do that an administrator started from theirs.
    """
    if not re.fullmatch(r"[A-Za-z0-9]+", session_id):
        return ""
    scope = scope_of(pid)
    if scope.endswith(f"/session-{session_id}.scope"):
        return scope
    path = f"/user.slice/user-{uid}.slice/session-{session_id}.scope"
    return path if not scope and os.path.isdir(CGROUP + path) else ""


def member_pids(scope: str) -> list[int]:
    """Returns the pid of every process in a scope and the groups below it; none if the scope is removed or empty.

    Zombies are not among them (since Linux 5.3).
    """
    if not scope:
        return []
    found = []
    for directory, _, _ in os.walk(CGROUP + scope):
        try:
            text = kernel_text.read(f"{directory}/cgroup.procs")
        except OSError:  # a threaded group (EOPNOTSUPP)
            continue
        found += kernel_text.numbers(text or b"")
    return found


def members(scope: str) -> list[ProcessId]:
    """Returns every process in a scope and the groups below it; reads each of them."""
    ticks = ((pid, start_ticks(pid)) for pid in member_pids(scope))
    return [ProcessId(pid, start) for pid, start in ticks if start is not None]


def can_be_killed_at_once(scope: str) -> bool:
    """Returns whether the kernel kills all of a session's scope by one write to it (cgroup.kill, Linux 5.14)."""
    return lock_protocol.is_scope(scope) and os.access(f"{CGROUP}{scope}/cgroup.kill", os.W_OK)


Reader = Callable[[int], Optional[Stat]]


def attached(terminals: Iterable[str], held: Iterable[ProcessId]) -> list[AttachedProcess]:
    """Returns every process that has one of these controlling terminals; `held` are the session's processes."""
    return attached_to(terminals, [process.pid for process in held], procfs.read_stat)


def attached_to(terminals: Iterable[str], held: Collection[int], read: Reader) -> list[AttachedProcess]:
    """Returns the same, of those that `read` returns; `held` are the pids of the session's processes.

    A terminal's number alone does not identify it: every instance of devpts, a container's too, has a pts/0 of its own.
    But a controlling terminal belongs to one kernel session (credentials(7)), and that has members among the session's
    processes.
    """
    numbers = _numbers(terminals)
    kernel_sessions = {leader.pid for leader in _on_terminals(numbers, held, read)}
    if not kernel_sessions:
        return []
    stats = (read(pid) for pid in procfs.list_pids() if procfs.read_session(pid) in kernel_sessions)
    return [
        AttachedProcess(ProcessId(stat.pid, stat.starttime), stat.session == stat.pid or stat.pgrp == stat.tpgid)
        for stat in stats
        if stat is not None and stat.tty_nr in numbers and stat.session in kernel_sessions
    ]


def _numbers(terminals: Iterable[str]) -> set[int]:
    return {number for number in map(device_number, terminals) if number is not None}


def _on_terminals(numbers: Collection[int], held: Iterable[int], read: Reader) -> list[Stat]:
    """Returns the leaders of kernel sessions that have one of these terminals and a member among `held`.

    The leader's terminal is that of its kernel session: when the leader ends or gives the terminal up, all members lose
    it (tty_ioctl(4), TIOCNOTTY).
    """
    if not numbers:
        return []
    leaders = (read(session) for session in {procfs.read_session(pid) for pid in held} if session)
    return [leader for leader in leaders if leader is not None and leader.tty_nr in numbers]


def foreground_groups(terminals: Iterable[str], held: Iterable[int]) -> set[int]:
    """The process groups in the foreground of these terminals; `held` are the pids of what the session holds."""
    return {leader.tpgid for leader in _on_terminals(_numbers(terminals), held, procfs.read_stat)}


def pages_apart(terminals: Iterable[str], held: Collection[int]) -> bool:
    """Returns whether a process in the foreground of one of these terminals reads /dev/tty, as pagers do.

    `held` are the pids of the session's processes.
    """
    numbers = _numbers(terminals)
    groups = {leader.tpgid for leader in _on_terminals(numbers, held, procfs.read_stat)}
    if not groups:
        return False
    stats = (procfs.read_stat(pid) for pid in held if procfs.read_process_group(pid) in groups)
    in_front = (stat for stat in stats if stat and stat.tty_nr in numbers and stat.pgrp == stat.tpgid)
    return any(_has_open(stat.pid, "/dev/tty") for stat in islice(in_front, MOST_IN_FRONT))


def _has_open(pid: int, path: str) -> bool:
    """Returns whether a path is among a process's first descriptors, where a program opens its input as it starts.

    An interactive shell has /dev/tty open all the time, for job control, and reads its standard input.
    """
    return any(procfs.read_link(pid, f"fd/{fd}") == path for fd in range(OWN_FDS))


def _all_stats() -> Iterator[Stat]:
    for pid in procfs.list_pids():
        stat = procfs.read_stat(pid)
        if stat is not None:
            yield stat


def family_cpu_usec(pid: int) -> int:
    """Returns the CPU time of a process, its descendants, and their children that have ended."""
    ticks, queue = 0, [pid]
    while queue:
        stat = procfs.read_stat(queue.pop())
        if stat is not None:
            ticks += stat.cpu_ticks + stat.reaped_cpu_ticks
            queue += procfs.read_children(stat.pid)
    return ticks * 1_000_000 // procfs.CLOCK_TICKS_PER_SEC


def descendants(leader: ProcessId) -> list[ProcessId]:
    """Returns the leader and its descendants, for a session that has no scope of its own."""
    if not is_alive(leader):
        return []
    children: dict[int, list[Stat]] = {}
    for stat in _all_stats():
        children.setdefault(stat.ppid, []).append(stat)
    found, queue = [leader], [leader.pid]
    while queue:
        for stat in children.get(queue.pop(), ()):
            found.append(ProcessId(stat.pid, stat.starttime))
            queue.append(stat.pid)
    return found


def groups_of(leader: int, uid: int) -> frozenset[int]:
    """Returns the groups of a session's user, those that the first process of theirs below the leader has.

    That is sshd's unprivileged child, or the login shell: both have what initgroups(3) gave them. What the user starts
    may have other groups, by newgrp(1) or in a user namespace, and is further below. Empty if there is no such process
    yet.
    """
    queue = [leader]
    for pid in queue:
        if len(queue) > MOST_BELOW:
            break
        try:
            queue += procfs.read_children(pid)
        except OSError:  # a kernel without CONFIG_PROC_CHILDREN
            break
    for pid in (*queue[1:MOST_BELOW], leader):
        if set(procfs.read_uids(pid)) == {uid}:
            return procfs.read_gids(pid)
    return frozenset()


def ignores_hangup(pid: int) -> bool:
    """Returns whether a process ignores SIGHUP; False if it is gone."""
    ignored = procfs.read_ignored_signals(pid)
    return ignored is not None and bool(ignored & 1 << (signal.SIGHUP - 1))


def has_ended(process: ProcessId) -> bool:
    """Returns the opposite of is_alive(); much cheaper if no process has the pid any more."""
    return procfs.read_session(process.pid) is None or not is_alive(process)


def usage_of(stat: Stat) -> Usage:
    """Returns the memory and CPU time that a process uses."""
    return Usage(1, stat.rss_pages * procfs.PAGE_BYTES, stat.cpu_ticks * 1_000_000 // procfs.CLOCK_TICKS_PER_SEC)
