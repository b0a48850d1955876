"""What one process has open, and whether that is one of the terminals that are looked for.

A name tells nothing: a bind mount in a user namespace of a user's own gives a terminal any, and anything the name of a
terminal. What counts is the inode. It is told by /proc/PID/fdinfo (from Linux 5.14 on) and the mount table, without
asking a file system that may wait for ever. Where those do not tell, statx(2) does, with AT_STATX_DONT_SYNC and for no
field at all: fuse(4) then answers from what the kernel has (seen with a bindfs that was stopped, Linux 6.18).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import stat
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

from reaper import procfs
from reaper.lock.bounded import Deadline
from reaper.lock.mounts import Mounts

_DEV_TTY = os.makedev(5, 0)
_PIDFD_GETFD = 438  # the same on every architecture, as all that came after Linux 5.1
_PIDFD_THREAD = os.O_EXCL
_MACHINES_APART = ("alpha", "mips", "ppc", "sparc")  # in asm/ioctl.h, _IOC_READ
_TIOCGDEV = 0x40045432 if os.uname().machine.startswith(_MACHINES_APART) else 0x80045432
# kcmp(2), which is older, by machine; elsewhere, and in a Python of 32 bits, every thread is looked at.
_KCMP = {"x86_64": 312, "aarch64": 272, "riscv64": 272, "ppc64le": 354, "s390x": 343}.get(os.uname().machine)
_KCMP_FILES = 2
_AT_FDCWD, _AT_NO_AUTOMOUNT, _AT_STATX_DONT_SYNC = -100, 0x800, 0x4000
_STATX_BYTES = 256
_LIBC = ctypes.CDLL(None, use_errno=True)
RING = "anon_inode:[io_uring]"
"""What a descriptor of an io_uring is called."""
Node = tuple[int, int]


class Descriptor(NamedTuple):
    """A descriptor of a thread, with what it is called in /proc."""

    pid: int
    tid: int
    number: int
    link: str

    @property
    def path(self) -> str:
        """Where it is in /proc."""
        return f"{procfs.PROC}/{self.pid}/task/{self.tid}/fd/{self.number}"

    @property
    def can_read(self) -> bool:
        """Whether it was opened to be read; write(1) and a system log have terminals open to write to them alone."""
        try:
            return bool(os.lstat(self.path).st_mode & stat.S_IRUSR)
        except OSError:  # closed meanwhile
            return False


class _Node(NamedTuple):
    """What is behind a descriptor: the inode, and what device that stands for, where it was asked."""

    node: Node
    device: int | None


class Search:
    """What is looked for: the nodes of terminals, with their device numbers, and that of /dev/tty."""

    def __init__(self, nodes: dict[Node, int], dev_tty: frozenset[Node]) -> None:
        self._nodes, self._dev_tty = nodes, dev_tty
        self._inodes = {inode for _, inode in (*nodes, *dev_tty)}
        self._devices = {device for device, _ in (*nodes, *dev_tty)}
        self._mounts = Mounts()

    def is_terminal(self, descriptor: Descriptor) -> bool | None:
        """Whether a descriptor leads to one of the terminals; None for one of /dev/tty that may lead anywhere.

        Raises OSError where it is closed by now.
        """
        found = self._look_at(descriptor)
        if found is None:
            return False
        if found.node in self._nodes:
            return True
        if found.node not in self._dev_tty and found.device != _DEV_TTY:
            return False
        number = _terminal_behind(descriptor)
        return None if number is None else number in self._nodes.values()

    def _look_at(self, descriptor: Descriptor) -> _Node | None:
        """What is behind a descriptor, unless that cannot be a terminal that matters, nor /dev/tty by whatever name."""
        info = procfs.read_descriptor(descriptor.pid, descriptor.number, descriptor.tid)
        if info is None:  # closed meanwhile
            return None
        is_named = descriptor.link.endswith("/tty")  # that of a container, perhaps, which has a node of its own
        if info.inode is not None and info.inode not in self._inodes and not is_named:
            return None
        mount = self._mounts.find(info.mount, descriptor.pid)
        if mount is not None:
            if mount.device in self._devices:
                if info.inode is not None:
                    return _Node((mount.device, info.inode), None)
            elif not (is_named and mount.is_local):
                return None
        return _statx(descriptor.path)


def opened(pid: int, deadline: Deadline) -> Iterator[Descriptor]:
    """What a process has open, once for each table of descriptors: a thread may have one of its own.

    Not what is no file and no ring, as sockets and pipes are. Raises TooLongError.
    """
    for tid in _tables(pid, deadline):
        try:
            numbers = procfs.list_descriptors(pid, tid)
        except OSError:  # kept from us by a security module
            continue
        for number in numbers:
            deadline.check()
            with contextlib.suppress(OSError):  # closed meanwhile
                link = os.readlink(f"{procfs.PROC}/{pid}/task/{tid}/fd/{number}")
                if link.startswith("/") or link == RING:
                    yield Descriptor(pid, tid, number, link)


def _tables(pid: int, deadline: Deadline) -> Iterator[int]:
    """A thread for each table of descriptors that a process has, or more than one for it."""
    seen: list[int] = []
    for tid in procfs.list_threads(pid):
        deadline.check()
        # The first of all and the last: a process with a thousand tables is not compared with each.
        if not any(shares_table(tid, other) for other in {*seen[:1], *seen[-1:]}):
            seen.append(tid)
            yield tid


def shares_table(first: int, second: int) -> bool:
    """Whether two threads are known to have one table of descriptors (kcmp(2), KCMP_FILES)."""
    if _KCMP is None or sys.maxsize < 1 << 32:
        return False
    return bool(_LIBC.syscall(_KCMP, first, second, _KCMP_FILES, 0, 0) == 0)


def _statx(path: str) -> _Node:
    """What is behind a path, without asking a file system that may wait. Raises OSError."""
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    flags = _AT_NO_AUTOMOUNT | _AT_STATX_DONT_SYNC
    if _LIBC.statx(_AT_FDCWD, os.fsencode(path), flags, 0, buffer):
        raise OSError(ctypes.get_errno(), "statx", path)
    (mode,) = struct.unpack_from("=H", buffer, 28)
    (inode,) = struct.unpack_from("=Q", buffer, 32)
    of_file, of_system = struct.unpack_from("=II", buffer, 128), struct.unpack_from("=II", buffer, 136)
    device = os.makedev(*of_file) if stat.S_ISCHR(mode) else None
    return _Node((os.makedev(*of_system), inode), device)


def _terminal_behind(descriptor: Descriptor) -> int | None:
    """The number of the terminal that a descriptor of /dev/tty leads to; None where that cannot be told.

    The kernel tells it to who has the descriptor alone (TIOCGDEV), so we take one, of that thread (a pidfd of one that
    is not the first is to be had from Linux 6.9 on).
    """
    try:
        pidfd = os.pidfd_open(descriptor.tid, 0 if descriptor.tid == descriptor.pid else _PIDFD_THREAD)
    except OSError:
        return None
    try:
        own = _LIBC.syscall(_PIDFD_GETFD, pidfd, descriptor.number, 0)  # close-on-exec
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
