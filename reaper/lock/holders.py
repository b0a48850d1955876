"""Who is to be frozen: what is attached to a terminal, and what else could read there.

A process that has left the terminal (setsid(2)) but keeps a descriptor of it reads what is typed as before, whatever
the owner and the mode of the terminal say since. A descriptor of /dev/tty does, too: it stays with the terminal that
was the controlling one when it was opened. So do those of a thread with a table of its own, and of a process whose
first thread has ended. All of them are looked for among the processes of the user and of the session.

So are those that read by an io_uring (see rings).

What cannot be seen so: a descriptor that is under way in a socket (unix(7), SCM_RIGHTS). The manual says it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import stat
import struct
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from reaper import procfs
from reaper.decide.model import ProcessId, Session
from reaper.lock import rings
from reaper.lock.mounts import Mounts
from reaper.sense import connections, processes
from reaper.sense.terminals import DEV, device_number

_DEV_TTY = os.makedev(5, 0)
_PIDFD_GETFD = 438  # the same on every architecture, as all that came after Linux 5.1
_PIDFD_THREAD = os.O_EXCL
_MACHINES_APART = ("alpha", "mips", "ppc", "sparc")  # in asm/ioctl.h, _IOC_READ
_TIOCGDEV = 0x40045432 if os.uname().machine.startswith(_MACHINES_APART) else 0x80045432
_Node = tuple[int, int]


class _Search(NamedTuple):
    """What is looked for: the nodes of the terminals with their device numbers, and those with that of /dev/tty."""

    nodes: dict[_Node, int]
    wanted: frozenset[_Node]
    mounts: Mounts


def holders(
    session: Session, terminals: Collection[str], held: Iterable[ProcessId], *, may_wait: bool = False
) -> list[ProcessId]:
    """Every process that reads what is typed on these terminals, or could; `held` is what the session holds.

    With `may_wait` also the user's that wait for something to read by a ring: a terminal, for all that can be seen.

    Never what carries the connection, another login's sshd, pid 1, or this process and what descends from it. Looks at
    every process of the host, and at the descriptors of those that are the user's or the session's: 1,600 of the former
    and 46 of the latter cost 35 ms of CPU time.
    """
    nodes, members = _nodes(terminals), set(held)
    if not nodes:
        return []
    search = _Search(nodes, frozenset(nodes) | _dev_tty(), Mounts())
    found = {each.process for each in processes.attached(terminals, members)}
    for process in _suspects(session, members) - found:
        if _has_open(process, search, process in members) or rings.reads(process.pid, terminals, may_wait=may_wait):
            found.add(process)
    spared = set(connections.connection_holders(session, members))
    return sorted(each for each in found - spared if not (_is_ours(each.pid) or _is_another_login(each.pid)))


def _nodes(terminals: Iterable[str]) -> dict[_Node, int]:
    """The inodes of the terminals, with the device numbers: every instance of devpts has a pts/0 by the same number."""
    found = {}
    for name in terminals:
        number = device_number(name)
        if number is not None:
            status = os.stat(f"{DEV}/{name}", follow_symlinks=False)
            found[status.st_dev, status.st_ino] = number
    return found


def _dev_tty() -> frozenset[_Node]:
    try:
        status = os.stat(f"{DEV}/tty")
    except FileNotFoundError:
        return frozenset()
    return frozenset([(status.st_dev, status.st_ino)])


def _suspects(session: Session, held: set[ProcessId]) -> set[ProcessId]:
    """What the session holds, and all that is the user's, wherever it runs.

    Of the user's groups all are, whoever they run as: those in a user namespace of theirs do as somebody else. Where
    root is the user, its services are not: they are the system.
    """
    found = held | set(processes.members(f"/user.slice/user-{session.uid}.slice"))
    if session.uid:
        known = {process.pid for process in found}
        for pid in _pids_of(session.uid, known):
            ticks = processes.start_ticks(pid)
            if ticks is not None:
                found.add(ProcessId(pid, ticks))
    return found


def _pids_of(uid: int, known: Collection[int]) -> Iterator[int]:
    """The processes that run as a user, really, effectively or when they like; /proc/PID of what may not be dumped is
    root's."""
    for pid in procfs.list_pids():
        if pid in known:
            continue
        try:
            owner = os.stat(f"{procfs.PROC}/{pid}").st_uid
        except FileNotFoundError:
            continue
        if owner == uid or (not owner and uid in procfs.read_uids(pid)):
            yield pid


def _has_open(process: ProcessId, search: _Search, is_held: bool) -> bool:
    """Whether a thread of a process has one of the terminals open."""
    pid = process.pid
    for tid in procfs.list_threads(pid):
        try:
            fds = procfs.list_descriptors(pid, tid)
        except OSError:  # kept from us by a security module
            continue
        for fd in fds:
            try:
                status = _status(pid, tid, fd, search)
            except OSError:
                continue
            if status is None:
                continue
            if (status.st_dev, status.st_ino) in search.nodes:
                return True
            if status.st_rdev == _DEV_TTY and stat.S_ISCHR(status.st_mode):
                number = _terminal_behind(tid, fd, tid == pid)
                if number in search.nodes.values() or (number is None and (is_held or not _has_terminal(pid))):
                    return True
    return False


def _status(pid: int, tid: int, fd: int, search: _Search) -> os.stat_result | None:
    """What a descriptor is of, unless that cannot be a terminal that matters, nor /dev/tty by whatever name.

    Asked of the file system only where that is one of theirs, or one that nobody can tell, and the inode is theirs.
    """
    path = f"{procfs.PROC}/{pid}/task/{tid}/fd/{fd}"
    link = os.readlink(path)
    if not link.startswith("/"):  # socket:[1], pipe:[2], anon_inode:inotify
        return None
    info = procfs.read_descriptor(pid, fd, tid)
    if info is None:  # closed meanwhile
        return None
    mount = search.mounts.find(info.mount, pid)
    is_named = link.endswith("/tty") and (mount is None or mount.is_local)  # that of a container, perhaps
    if not is_named and mount is not None and mount.device not in {device for device, _ in search.wanted}:
        return None
    if not is_named and info.inode is not None and info.inode not in {inode for _, inode in search.wanted}:
        return None
    return os.stat(path)


def _terminal_behind(tid: int, fd: int, is_first: bool) -> int | None:
    """The number of the terminal that a thread's descriptor of /dev/tty leads to; None where that cannot be told.

    The kernel tells it to who has the descriptor alone (TIOCGDEV), so we take one, of that thread (a pidfd of one that
    is not the first is to be had from Linux 6.9 on).
    """
    try:
        pidfd = os.pidfd_open(tid, 0 if is_first else _PIDFD_THREAD)
    except OSError:
        return None
    try:
        own = ctypes.CDLL(None).syscall(_PIDFD_GETFD, pidfd, fd, 0)  # close-on-exec
    finally:
        os.close(pidfd)
    if own < 0:
        return None
    try:
        (number,) = struct.unpack("I", fcntl.ioctl(own, _TIOCGDEV, struct.pack("I", 0)))
    except OSError:
        return None
    finally:
        os.close(own)
    return int(number)


def _has_terminal(pid: int) -> bool:
    status = procfs.read_stat(pid)
    return status is not None and status.tty_nr != 0


def _is_ours(pid: int) -> bool:
    """Pid 1, this process, and what descends from it."""
    while pid > 1 and pid != os.getpid():
        status = procfs.read_stat(pid)
        if status is None or not status.ppid:
            return False
        if status.ppid == 1:
            return pid == os.getpid()
        pid = status.ppid
    return True


def _is_another_login(pid: int) -> bool:
    """An sshd that an administrator started by hand has their terminal, and so have those whom it lets in."""
    status = procfs.read_stat(pid)
    return status is not None and connections.is_sshd(pid) and connections.is_another_login(status.session)
