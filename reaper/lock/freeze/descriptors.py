"""What one process has open, and whether that is one of the terminals that are looked for.

A name tells nothing: a bind mount in a user namespace of a user's own gives a terminal any, one that is longer than
readlink(2) tells (4096 bytes), and anything the name of a terminal. Nor does the kind of a file system: a chroot has
nodes of its own on whatever it is on. What counts is the inode, or the number of the device, as statx(2) tells them,
which waits for no file system that is looked at here (see reaper/statx.py).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

from reaper import kernel_text, procfs
from reaper.lock.bounded import TimeLimit
from reaper.lock.freeze.mounts import Mounts
from reaper.statx import Statx, statx

# /dev/tty0, /dev/tty and /dev/console: what these lead to was settled when they were opened.
_LEADING_ELSEWHERE = frozenset(os.makedev(*each) for each in ((4, 0), (5, 0), (5, 1)))
_PTS_MAJORS = range(136, 144)  # UNIX98_PTY_SLAVE_MAJOR and so on, of <linux/major.h>
_MACHINES_APART = ("alpha", "mips", "ppc", "sparc")  # in asm/ioctl.h, _IOC_READ
_TIOCGDEV = 0x40045432 if os.uname().machine.startswith(_MACHINES_APART) else 0x80045432
# kcmp(2), which is older, by machine; elsewhere, and in a Python of 32 bits, every thread is looked at.
_KCMP = {"x86_64": 312, "aarch64": 272, "riscv64": 272, "ppc64le": 354, "s390x": 343}.get(os.uname().machine)
_KCMP_FILES = 2
_LIBC = ctypes.CDLL(None, use_errno=True)
RING = "anon_inode:[io_uring]"
"""What a descriptor of an io_uring is called."""
UNKNOWN = ""
"""What stands for the name of a descriptor that the kernel does not tell."""
HUNG_UP = 0
"""What a descriptor leads to that was hung up; no terminal has that number."""
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


class Search:
    """What is looked for: the nodes of terminals, with their numbers as the kernel codes them (new_encode_dev)."""

    def __init__(self, nodes: dict[Node, int]) -> None:
        self._nodes, self._numbers = nodes, frozenset(nodes.values())
        self._devices = frozenset(filter(_has_one_node_everywhere, map(_device, self._numbers)))
        self._mounts = Mounts()

    def is_terminal(self, descriptor: Descriptor) -> bool | None:
        """Whether a descriptor leads to one of the terminals; None for one of /dev/tty that may lead anywhere.

        Raises OSError where that cannot be told; see is_closed().
        """
        found = self._look_at(descriptor)
        if found is None:
            return False
        is_one = (found.device, found.inode) in self._nodes
        is_one = is_one or (stat.S_ISCHR(found.mode) and found.rdev in self._devices)
        if not is_one and not (stat.S_ISCHR(found.mode) and found.rdev in _LEADING_ELSEWHERE):
            return False
        number = _terminal_behind(descriptor)
        if number is None:
            return True if is_one else None
        return number in self._numbers or (is_one and number != HUNG_UP)

    def _look_at(self, descriptor: Descriptor) -> Statx | None:
        """What is behind a descriptor; None where only the server of a file system could tell."""
        info = procfs.read_descriptor(descriptor.pid, descriptor.number, descriptor.tid)
        if info is None:
            raise OSError(errno.ENOENT, "closed meanwhile", descriptor.path)
        mount = self._mounts.find(info.mount, descriptor.pid)
        if mount is not None and mount.is_asking:
            return None
        return statx(descriptor.path.encode())


def _device(number: int) -> int:
    """A device's number as stat(2) tells it, of new_encode_dev's."""
    return os.makedev(number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00)


def _has_one_node_everywhere(device: int) -> bool:
    """Whether the number of a device is that of one terminal, on whatever file system a node of it is.

    No pty's is: every instance of devpts has a pts/0, and opening a node that is elsewhere fails (pts_unix98_lookup;
    seen on Linux 6.18: EIO).
    """
    return os.major(device) not in _PTS_MAJORS


def is_closed(error: OSError) -> bool:
    """Whether a look failed as the descriptor is closed by now, or its file is gone from the server that had it.

    Only a file system with a server forgets a file that is open, and no terminal is on one.
    """
    return error.errno in (errno.ENOENT, errno.ESRCH, errno.EBADF, errno.ESTALE)


def opened(pid: int, deadline: TimeLimit) -> Iterator[Descriptor]:
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
            link = _read_link(f"{procfs.PROC}/{pid}/task/{tid}/fd/{number}")
            if link is not None and (link.startswith("/") or link in (RING, UNKNOWN)):
                yield Descriptor(pid, tid, number, link)


def _read_link(path: str) -> str | None:
    """What a descriptor is called; None where it is closed by now.

    A user can give a file a path of more than readlink(2) tells, by a mount in a namespace of their own (ENAMETOOLONG).
    """
    try:
        return os.readlink(path)
    except OSError as error:
        return None if is_closed(error) else UNKNOWN


def _tables(pid: int, deadline: TimeLimit) -> Iterator[int]:
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
    compared = f"{procfs.PROC}/{first}: kcmp"  # which waits as a read of /proc does
    return bool(kernel_text.noting(compared, lambda _: _LIBC.syscall(_KCMP, first, second, _KCMP_FILES, 0, 0)) == 0)


def _terminal_behind(descriptor: Descriptor) -> int | None:
    """The number of the terminal that a descriptor leads to, or HUNG_UP; None where that cannot be told.

    The kernel tells it to who has the descriptor alone (TIOCGDEV), so we take one, of that thread (a pidfd of one that
    is not the first is to be had from Linux 6.9 on). One that was hung up (vhangup(2), which login(1) calls, and so
    does the end of what had the line before) shows its node as before, and reads nothing any more: any ioctl(2) fails
    with EIO (hung_up_tty_ioctl), and TIOCGDEV does for no other reason.
    """
    try:
        own = procfs.take_descriptor(descriptor.pid, descriptor.number, descriptor.tid)
    except OSError:
        return None
    try:
        (number,) = struct.unpack("I", fcntl.ioctl(own, _TIOCGDEV, struct.pack("I", 0)))
    except OSError as error:
        return HUNG_UP if error.errno == errno.EIO else None
    finally:
        os.close(own)
    return int(number)
