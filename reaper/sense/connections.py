"""The processes that carry a session's connection, and those that sshd has started for it on this host."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterable

from reaper import procfs
from reaper.decide.policy.match import Origin
from reaper.decide.session.model import AttachedProcess, ProcessId, Session
from reaper.procparse import Stat
from reaper.sense import executables
from reaper.sense.executables import ProgramFiles
from reaper.sense.processes import Reader, ignores_hangup, is_alive, member_pids, scope_of
from reaper.sense.terminals import held_ptys

SSHD = ("sshd", "sshd-session")
"""sshd-session exists since OpenSSH 9.8."""

# The leaders whose child serves terminals as the user, and the name of that child. The file that the child runs need
# not have that name: cockpit-bridge is a program of its own in Cockpit 287 (Debian 12), and a Python script in 337
# (Debian 13).
_STARTED_BY = {"cockpit-session": "cockpit-bridge"}

# For one connection sshd allows ten (MaxSessions). What is beyond this number are children that a user made.
MOST_CHANNELS = 256
MOST_DESCRIPTORS = 1024  # of a program that serves a terminal: its user can have it inherit more


def connection_holders(session: Session, servers: Collection[str] = ()) -> list[ProcessId]:
    """Returns the processes that carry the session's connection: its leader, and sshd's child if that is a monitor.

    The first one closes all of it when it gets SIGTERM. That is the leader, except where cockpit-session has started a
    bridge: cockpit-session ignores SIGTERM (tried with 287 and 337) and closes the PAM session as soon as the bridge
    has ended.

    sshd's unprivileged child holds duplicates of the pty masters: if only the monitor were killed, the shell and the
    connection would live on. Where the leader has ended already, the result is that of remains(). Descriptors of the
    user's own processes are not looked at, as there can be millions. A lock does not freeze what is found here. Under
    any other leader, such as login(1), the result is the leader alone: its children are the user's shell and whatever
    that shell makes a child of the leader (clone(2), CLONE_PARENT).
    """
    leader = ProcessId(*session.key)
    if not is_alive(leader):
        return remains(session.scope, leader.pid, session.uid, sshd_names(session), servers)
    found, names = [*bridges(leader.pid, servers), leader], sshd_names(session)
    if is_monitor(leader.pid, names):
        children = _unprivileged_children(leader.pid, _children(session), names)
        found += [ProcessId(stat.pid, stat.starttime) for stat in children]
    return found


def sshd_names(session: Session) -> tuple[str, ...]:
    """Returns the names that the program file of a session's sshd can have.

    Up to OpenSSH 9.7, an sshd whose file has another name, a copy or a hard link, names its PAM service after that
    file.
    """
    is_renamed = session.origin is Origin.SSH and session.service and session.service not in SSHD
    return (*SSHD, session.service) if is_renamed else SSHD


def is_monitor(pid: int, names: Collection[str] = SSHD) -> bool:
    """Returns whether a session's leader is the part of sshd that keeps root's rights."""
    return is_sshd(pid, names) and _uid(pid) == 0


def _unprivileged_children(monitor: int, pids: Iterable[int], names: Collection[str]) -> list[Stat]:
    """Returns those of the processes that are a monitor's child which passes on what crosses the connection.

    The child stays in the monitor's kernel session: the one that sshd made (sshd.c: setsid), or the one that sshd was
    started in (`sshd -i` by an inetd, `sshd -d`). sshd calls setsid(2) before it runs anything of the user's, and a
    kernel session is only inherited, never joined: no program of the user's is in this one, whatever its parent is.
    """
    session = procfs.read_session(monitor)
    stats = map(procfs.read_stat, pids) if session else ()
    return [
        stat
        for stat in stats
        if stat is not None and stat.ppid == monitor and stat.session == session and _is_hosts_sshd(stat.pid, names)
    ]


def _is_hosts_sshd(pid: int, names: Collection[str]) -> bool:
    """Returns the same as is_sshd(), but False in another user namespace, where a user controls the mounts."""
    return is_sshd(pid, names) and executables.is_in_our_user_namespace(pid)


def _children(session: Session) -> list[int]:
    """Returns the pids in the session among which the leader's children are."""
    try:
        children = procfs.read_children(session.key.pid)
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        return member_pids(session.scope) if session.scope else procfs.list_pids()
    return [pid for pid in children if not session.scope or scope_of(pid) == session.scope]


def remains(
    scope: str, leader: int, uid: int, sshd: Collection[str] = SSHD, servers: Collection[str] = ()
) -> list[ProcessId]:
    """Returns what is left of a connection whose leader has ended: sshd's child, and terminal servers of these names.

    The child runs as the user and is in the kernel session that the monitor made (sshd.c: setsid). Any other sshd in
    the scope, such as a listener that an administrator started by hand and everyone who logged in through it, has
    nothing to do with the session. For a session of root's no child is looked for. A process that may not be read (see
    procfs) and serves a terminal is treated as a terminal server if `servers` names any, as its user may be typing
    there. Its start time is then unknown, and no signal is sent to it.
    """
    found, files = [], ProgramFiles()
    started = {process.pid for process in bridges(leader, servers)}
    for pid in member_pids(scope) if sshd or servers else ():
        name = _program_name(pid)
        if name not in sshd and name not in servers and pid not in started:
            if servers and procfs.is_withheld(pid) and held_ptys(pid, MOST_DESCRIPTORS):
                found.append(ProcessId(pid, 0))
            continue
        stat = procfs.read_stat(pid)  # read before the name is checked again: the pid may just have been reused
        if stat is None or _program_name(pid) != name or _uid(pid) != uid:
            continue
        if name in sshd:
            is_left = bool(uid) and stat.session == leader and _is_hosts_sshd(pid, sshd)
        else:
            status = files.read_status(pid)
            is_left = status is not None and status.uid == 0
        if is_left:
            found.append(ProcessId(pid, stat.starttime))
    return found


def bridge_name(leader: int) -> str:
    """Returns the name of the terminal server that a session's leader starts; empty where it starts none."""
    return _STARTED_BY.get(_program_name(leader), "")


def bridges(leader: int, programs: Collection[str]) -> list[ProcessId]:
    """Returns the terminal server that a session's leader has started itself, if it is one of `programs`.

    The leader runs as root, and root owns its file. Its child is recognised as sshd's is: it stays in the leader's
    kernel session (ps -o pid,ppid,sid: cockpit-session 325 1 325, its bridge 348 325 325, the shell of a terminal 352
    348 352). A user who makes more processes look like that gains nothing new, as any user can start a terminal server.
    Such processes come later in the result: the kernel lists the oldest children first.
    """
    if bridge_name(leader) not in programs or _uid(leader) != 0 or not _is_roots(leader):
        return []
    session = procfs.read_session(leader)
    try:
        children = procfs.read_children(leader)
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        return []
    stats = map(procfs.read_stat, itertools.islice(children, MOST_CHANNELS))
    return [
        ProcessId(stat.pid, stat.starttime)
        for stat in stats
        if stat is not None and stat.ppid == leader and stat.session == session
    ]


def _is_roots(pid: int) -> bool:
    """Returns whether root owns the file that a process runs."""
    status = executables.read_status(pid)
    return status is not None and status.uid == 0


def is_another_login(pid: int) -> bool:
    """Returns whether a process is an sshd of root's that leads a kernel session: the monitor of a connection.

    No user can have such a process: even if a user makes it run sshd, its real uid (status, Uid) is the user's.
    """
    return procfs.read_session(pid) == pid and is_sshd(pid) and _uid(pid) == 0


def _program_name(pid: int) -> str:
    return os.path.basename(procfs.read_program(pid) or "")


def _uid(pid: int) -> int | None:
    """Returns the real uid of a process; None where it has ended."""
    return next(iter(procfs.read_uids(pid)), None)


def is_sshd(pid: int, names: Collection[str] = SSHD) -> bool:
    """Returns whether a process runs a program of sshd's name, or of one of `names`, whose file root owns.

    A user can have such a process too (the real sshd with LD_PRELOAD, a mount in a namespace of the user's, a FUSE file
    system that reports its files as root's) and make it a child of the session's leader (clone(2), CLONE_PARENT). So
    this proves nothing by itself. Callers also require what no user can have: root's uid, or a place in a monitor's
    kernel session (see _unprivileged_children).
    """
    return _program_name(pid) in names and _is_roots(pid)


def carriers(session: Session) -> list[int]:
    """Returns the processes that pass on what crosses the connection: sshd's child; none where that is unknown.

    What sshd starts, internal-sftp for example, is not among them. If root logs in, OpenSSH 9.2 has no such child and
    the monitor itself passes everything on; 10.0 has a child that runs as root.
    """
    leader, names = session.key.pid, sshd_names(session)
    if not is_alive(session.key):
        return [process.pid for process in remains(session.scope, leader, session.uid, names)]
    if not is_sshd(leader, names):
        return []
    uid = _uid(leader)
    if session.uid and uid == session.uid:  # its leader has ended, and this remaining process stands for it
        return [leader]
    if uid != 0:
        return []
    found = [stat.pid for stat in _unprivileged_children(leader, procfs.read_children(leader), names)]
    return found or ([leader] if session.uid == 0 else [])


def channels(*carriers: int) -> list[Stat]:
    """Returns the processes that sshd has started for the channels of a connection: shells, commands, subsystems.

    A user can make other processes look like these: clone(2) with CLONE_PARENT makes a child of the caller's parent. So
    nothing may be concluded from such a process that its user would gain by; see without_terminal().
    """
    pids = (pid for carrier in carriers for pid in procfs.read_children(carrier))
    stats = map(procfs.read_stat, itertools.islice(pids, MOST_CHANNELS))
    return [stat for stat in stats if stat is not None]


def without_terminal(carriers: Iterable[int], channels: Iterable[Stat]) -> list[Stat]:
    """Returns the channels without a terminal: one end of their pipes is held by a process that carries the connection.

    sshd makes these pipes when the client opens such a channel (OpenSSH 9.2 and 10.0 on Linux: two or three, which are
    the standard input, output and error of the program it starts). Only a program on such a channel has them, whatever
    its parent is, and what it writes there crosses the connection.
    """
    ends = {_pipe(carrier, each) for carrier in carriers for each in procfs.list_descriptors(carrier)} - {None}
    if not ends:
        return []
    return [each for each in channels if any(_pipe(each.pid, standard) in ends for standard in range(3))]


def _pipe(pid: int, descriptor: int) -> str | None:
    """Returns the kernel's name of a descriptor's pipe ("pipe:[4711]", the same at both ends); None for no pipe."""
    target = procfs.read_link(pid, f"fd/{descriptor}")
    return target if target is not None and target.startswith("pipe:[") else None


def _channels_if_known(session: Session) -> list[Stat]:
    """Returns the channels of a session's connection; empty on a kernel without CONFIG_PROC_CHILDREN."""
    try:
        return channels(*carriers(session))
    except OSError:
        return []


def on_channels(session: Session, held: Collection[int], read: Reader) -> list[AttachedProcess]:
    """Returns the processes on the connection's channels without a terminal, as far as `read` returns them.

    `held` are the pids of the session's processes.

    sshd makes each channel's process the leader of a kernel session (setsid(2)); a process that left it has detached
    itself. Such a channel has no foreground: a process counts as in the foreground if a hangup would end it, that is,
    unless nohup(1) protects it. If a user makes a process look like a channel's, it is ended with the others.
    """
    leaders = {each.pid for each in _channels_if_known(session) if not each.tty_nr}
    if not leaders:
        return []
    stats = (read(pid) for pid in held if procfs.read_session(pid) in leaders)
    return [
        AttachedProcess(ProcessId(each.pid, each.starttime), not ignores_hangup(each.pid))
        for each in stats
        if each is not None and each.session in leaders and not each.tty_nr
    ]
