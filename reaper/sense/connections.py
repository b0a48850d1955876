"""What carries a session's connection, and what sshd has started at this end of it."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Collection, Iterable

from reaper import procfs
from reaper.decide.policy.match import Origin
from reaper.decide.session.model import AttachedProcess, ProcessId, Session
from reaper.procparse import Stat
from reaper.sense import executables
from reaper.sense.executables import ProgramFiles
from reaper.sense.processes import Reader, is_alive, member_pids, scope_of
from reaper.sense.terminals import held_ptys

SSHD = ("sshd", "sshd-session")
"""The second since OpenSSH 9.8."""

# A leader whose child serves terminals as the user, and what that is called. The file that it runs need not be called
# so: cockpit-bridge is a program of its own in Cockpit 287 (Debian 12), and a script of Python's in 337 (Debian 13).
_STARTED_BY = {"cockpit-session": "cockpit-bridge"}

# Of one connection: sshd lets a client have ten (MaxSessions). Beyond these are children that a user made.
MOST_CHANNELS = 256
MOST_DESCRIPTORS = 1024  # of a program that serves a terminal; its user can have it inherit more


def connection_holders(session: Session, servers: Collection[str] = ()) -> list[ProcessId]:
    """What carries the session's line: its leader, and where that is sshd's monitor, its child in the session.

    First comes what closes all of it when it gets SIGTERM: the leader, but the bridge that cockpit-session has started,
    which passes the signal over (tried with 287 and 337) and closes the PAM session as soon as the bridge has ended.

    sshd's unprivileged child holds duplicates of the masters: were only the monitor killed, shell and connection would
    live on. Where the leader is dead already, it is what remains(). Descriptors of the user's own processes are not
    looked at: there can be millions. A lock spares what is found here. Under any other leader, as login(1), that is the
    leader alone: its children are the user's shell and whatever that makes a child of it (clone(2), CLONE_PARENT).
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
    """The names that the file of the sshd of a session can have.

    Up to OpenSSH 9.7 a program of another name, a copy or a hard link, names its PAM service after itself.
    """
    is_renamed = session.origin is Origin.SSH and session.service and session.service not in SSHD
    return (*SSHD, session.service) if is_renamed else SSHD


def is_monitor(pid: int, names: Collection[str] = SSHD) -> bool:
    """Whether a session's leader is the part of sshd that keeps root's rights."""
    return is_sshd(pid, names) and _uid(pid) == 0


def _unprivileged_children(monitor: int, pids: Iterable[int], names: Collection[str]) -> list[Stat]:
    """Returns which of these processes are a monitor's child that passes on what crosses the connection.

    It stays in the monitor's kernel session: the one that sshd made (sshd.c: setsid), or the one that it was started in
    (`sshd -i` by an inetd, `sshd -d`). sshd calls setsid(2) before it runs anything of the user's, and a kernel session
    is only inherited, never joined: no program of the user's is in this one, whoever its parent is.
    """
    session = procfs.read_session(monitor)
    stats = map(procfs.read_stat, pids) if session else ()
    return [
        stat
        for stat in stats
        if stat is not None and stat.ppid == monitor and stat.session == session and _is_hosts_sshd(stat.pid, names)
    ]


def _is_hosts_sshd(pid: int, names: Collection[str]) -> bool:
    """The same as is_sshd(); False also for a process in a user namespace of its own, where mounts are its user's."""
    return is_sshd(pid, names) and executables.is_in_our_user_namespace(pid)


def _children(session: Session) -> list[int]:
    """The pids among which the leader's children are that the session holds."""
    try:
        children = procfs.read_children(session.key.pid)
    except OSError:  # a kernel that does not tell
        return member_pids(session.scope) if session.scope else procfs.list_pids()
    return [pid for pid in children if not session.scope or scope_of(pid) == session.scope]


def remains(
    scope: str, leader: int, uid: int, sshd: Collection[str] = SSHD, servers: Collection[str] = ()
) -> list[ProcessId]:
    """What is left of a connection whose leader died: sshd's child of it, and terminal servers, by these names.

    The child is the user's, and is in the kernel session that the monitor made (sshd.c: setsid). Any other sshd in the
    scope, a listener that an administrator started by hand and all who came in through it, has nothing to do with it.
    Of root's none is looked for. What may not be read (see procfs) and serves a terminal is taken for a terminal
    server, if there are any: its user may be typing there. Its start time is not known then, and nothing is sent to it.
    """
    found, files = [], ProgramFiles()
    started = {process.pid for process in bridges(leader, servers)}
    for pid in member_pids(scope) if sshd or servers else ():
        name = _program_name(pid)
        if name not in sshd and name not in servers and pid not in started:
            if servers and procfs.is_withheld(pid) and held_ptys(pid, MOST_DESCRIPTORS):
                found.append(ProcessId(pid, 0))
            continue
        stat = procfs.read_stat(pid)  # and only then whether it is one: the pid may just have been given to another
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
    """What the terminal server is called that a session's leader starts; "" where it starts none."""
    return _STARTED_BY.get(_program_name(leader), "")


def bridges(leader: int, programs: Collection[str]) -> list[ProcessId]:
    """The terminal server of a session that its leader has started itself, if it is one of `programs`.

    The leader is root's, and so is its file. Its child is told as sshd's is: it stays in the leader's kernel session
    (ps -o pid,ppid,sid: cockpit-session 325 1 325, its bridge 348 325 325, the shell of a terminal 352 348 352).
    A user who makes more processes look like that gains what they have anyway, as they can start a terminal server.
    Those come after it: the kernel lists children from the oldest.
    """
    if bridge_name(leader) not in programs or _uid(leader) != 0 or not _is_roots(leader):
        return []
    session = procfs.read_session(leader)
    try:
        children = procfs.read_children(leader)
    except OSError:  # a kernel that does not tell
        return []
    stats = map(procfs.read_stat, itertools.islice(children, MOST_CHANNELS))
    return [
        ProcessId(stat.pid, stat.starttime)
        for stat in stats
        if stat is not None and stat.ppid == leader and stat.session == session
    ]


def _is_roots(pid: int) -> bool:
    """Whether the file that a process runs is root's."""
    status = executables.read_status(pid)
    return status is not None and status.uid == 0


def is_another_login(pid: int) -> bool:
    """Whether a process is an sshd of root's with a kernel session of its own: the monitor of a connection.

    No user can have such a process: whatever makes it run sshd, it runs as the user really (status, Uid).
    """
    return procfs.read_session(pid) == pid and is_sshd(pid) and _uid(pid) == 0


def _program_name(pid: int) -> str:
    return os.path.basename(procfs.read_program(pid) or "")


def _uid(pid: int) -> int | None:
    """As whom a process really runs; None where it is gone."""
    return next(iter(procfs.read_uids(pid)), None)


def is_sshd(pid: int, names: Collection[str] = SSHD) -> bool:
    """Whether a process runs a program of sshd's name, or of one of these, and the file that it runs is root's.

    A user can have such a process, too (the real sshd with LD_PRELOAD, a mount in a namespace of theirs, a FUSE file
    system that calls its files root's), and make it a child of the session's leader (clone(2), CLONE_PARENT). So this
    decides nothing by itself. Callers also ask for what no user can have: root's uid, or a place in a monitor's kernel
    session (see _unprivileged_children).
    """
    return _program_name(pid) in names and _is_roots(pid)


def carriers(session: Session) -> list[int]:
    """Who passes on what crosses the connection: sshd's unprivileged child; none where that cannot be told.

    What sshd starts, internal-sftp for one, is not among them. Where root logs in, OpenSSH 9.2 has no such child, and
    the monitor passes on itself; 10.0 has one, which runs as root.
    """
    leader, names = session.key.pid, sshd_names(session)
    if not is_alive(session.key):
        return [process.pid for process in remains(session.scope, leader, session.uid, names)]
    if not is_sshd(leader, names):
        return []
    uid = _uid(leader)
    if session.uid and uid == session.uid:  # it is what remained, and stands for its leader
        return [leader]
    if uid != 0:
        return []
    found = [stat.pid for stat in _unprivileged_children(leader, procfs.read_children(leader), names)]
    return found or ([leader] if session.uid == 0 else [])


def channels(*carriers: int) -> list[Stat]:
    """What sshd has started for the channels of a connection: shells, commands, subsystems.

    And what a user wants to be taken for it: clone(2) with CLONE_PARENT makes a child of the caller's parent. What is
    concluded from a process must therefore be nothing that its user gains by; see apart().
    """
    pids = (pid for carrier in carriers for pid in procfs.read_children(carrier))
    stats = map(procfs.read_stat, itertools.islice(pids, MOST_CHANNELS))
    return [stat for stat in stats if stat is not None]


def apart(carriers: Iterable[int], channels: Iterable[Stat]) -> list[Stat]:
    """Returns those of a connection's channels that have no terminal: an end of their pipes is held by what carries it.

    sshd makes these pipes when the client opens such a channel (OpenSSH 9.2 and 10.0 on Linux: two or three, which are
    the standard input, output and errors of what it starts). Only who is on such a channel has them, by whatever
    parent, and what they write there crosses the connection.
    """
    ends = {_pipe(carrier, each) for carrier in carriers for each in procfs.list_descriptors(carrier)} - {None}
    if not ends:
        return []
    return [each for each in channels if any(_pipe(each.pid, standard) in ends for standard in range(3))]


def _pipe(pid: int, descriptor: int) -> str | None:
    """What the kernel calls the pipe that a descriptor is ("pipe:[4711]", the same at both ends); None for no pipe."""
    target = procfs.read_link(pid, f"fd/{descriptor}")
    return target if target is not None and target.startswith("pipe:[") else None


def _channels_if_told(session: Session) -> list[Stat]:
    """The same; empty on a kernel that does not tell who is whose child."""
    try:
        return channels(*carriers(session))
    except OSError:
        return []


def fed(session: Session, held: Collection[int], read: Reader) -> list[AttachedProcess]:
    """What runs on the connection's channels that have no terminal, as far as `read` reads it.

    `held` are the pids of what the session holds.

    sshd makes each channel's process the leader of a kernel session (setsid(2)); what left that has detached itself.
    There is no foreground: in front is what a hangup would end, so not what nohup(1) guards. Who made a process of
    theirs look like a channel's has it ended with the others.
    """
    leaders = {each.pid for each in _channels_if_told(session) if not each.tty_nr}
    if not leaders:
        return []
    stats = (read(pid) for pid in held if procfs.read_session(pid) in leaders)
    return [
        AttachedProcess(ProcessId(each.pid, each.starttime), not _ignores_hangup(each.pid))
        for each in stats
        if each is not None and each.session in leaders and not each.tty_nr
    ]


def _ignores_hangup(pid: int) -> bool:
    ignored = procfs.read_ignored_signals(pid)
    return ignored is not None and bool(ignored & 1 << (signal.SIGHUP - 1))
