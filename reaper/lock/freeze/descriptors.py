"""What one process has open, and whether that is one of the terminals searched for.

A name proves nothing: a bind mount in a user's own user namespace can give a terminal any name, one that is longer than
readlink(2) returns (4096 bytes), and can give anything the name of a terminal. Nor does the type of a file system: a
chroot can have device nodes on any. What counts is the inode, or the device number, as statx(2) returns them, which
here never waits for the file system in question (see reaper/statx.py).
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

# /dev/tty0, /dev/tty and /dev/console: the terminal they lead to was determined when they were opened.
_LEADING_ELSEWHERE = frozenset(os.makedev(*each) for each in ((4, 0), (5, 0), (5, 1)))
_PTS_MAJORS = range(136, 144)  # UNIX98_PTY_SLAVE_MAJOR and so on, of <linux/major.h>
_MACHINES_APART = ("alpha", "mips", "ppc", "sparc")  # with another _IOC_READ in asm/ioctl.h
_TIOCGDEV = 0x40045432 if os.uname().machine.startswith(_MACHINES_APART) else 0x80045432
# The number of kcmp(2) by machine. On other machines, and in a 32-bit Python, every thread is examined instead.
_KCMP = {"x86_64": 312, "aarch64": 272, "riscv64": 272, "ppc64le": 354, "s390x": 343}.get(os.uname().machine)
_KCMP_FILES = 2
_LIBC = ctypes.CDLL(None, use_errno=True)
RING = "anon_inode:[io_uring]"
"""The name of an io_uring's descriptor in /proc."""
UNKNOWN = ""
"""Stands for the name of a descriptor for which the kernel returns none."""
HUNG_UP = 0
"""Stands for the terminal of a descriptor that was hung up; no terminal has this number."""
Node = tuple[int, int]


class Descriptor(NamedTuple):
    """A descriptor of a thread, with its name in /proc."""

    pid: int
    tid: int
    number: int
    link: str

    @property
    def path(self) -> str:
        """The path of its link in /proc."""
        return f"{procfs.PROC}/{self.pid}/task/{self.tid}/fd/{self.number}"

    @property
    def can_read(self) -> bool:
        """Whether it was opened for reading; write(1) and system loggers open terminals only for writing."""
        try:
            return bool(os.lstat(self.path).st_mode & stat.S_IRUSR)
        except OSError:  # closed meanwhile
            return False


class Search:
    """What is searched for: nodes of terminals, and their device numbers in the kernel's encoding (new_encode_dev)."""

    def __init__(self, nodes: dict[Node, int]) -> None:
        self._nodes, self._numbers = nodes, frozenset(nodes.values())
        self._devices = frozenset(filter(_has_one_node_everywhere, map(_device, self._numbers)))
        self._mounts = Mounts()

    def is_terminal(self, descriptor: Descriptor) -> bool | None:
        """Whether a descriptor leads to one of the terminals; None for one of /dev/tty that may lead anywhere.

        Raises OSError if that cannot be determined; see is_closed().
        """
        found = self._examine(descriptor)
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

    def _examine(self, descriptor: Descriptor) -> Statx | None:
        """Returns the statx of the file; None if only the server of a file system could answer."""
        info = procfs.read_descriptor(descriptor.pid, descriptor.number, descriptor.tid)
        if info is None:
            raise OSError(errno.ENOENT, "closed meanwhile", descriptor.path)
        mount = self._mounts.find(info.mount, descriptor.pid)
        if mount is not None and mount.is_asking:
            return None
        return statx(descriptor.path.encode())


def _device(number: int) -> int:
    """Converts a device number from new_encode_dev's form to that of stat(2)."""
    return os.makedev(number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00)


def _has_one_node_everywhere(device: int) -> bool:
    """Whether a device number means the same one terminal in every file system that has a node with it.

    Not for a pty: every instance of devpts has a pts/0, and opening a node elsewhere fails (pts_unix98_lookup; EIO on
    Linux 6.18).
    """
    return os.major(device) not in _PTS_MAJORS


def is_closed(error: OSError) -> bool:
    """Whether a look failed because the descriptor is closed by now, or its file is gone from the server that had it.

    Only a file system with a server forgets an open file, and no terminal is on one.
    """
    return error.errno in (errno.ENOENT, errno.ESRCH, errno.EBADF, errno.ESTALE)


def open_descriptors(pid: int, deadline: TimeLimit) -> Iterator[Descriptor]:
    """Yields the open files and rings of a process, once for each table of descriptors: a thread may have its own.

    Leaves out sockets, pipes and other non-files. Raises TooLongError.
    """
    for tid in _tables(pid, deadline):
        try:
            numbers = procfs.list_descriptors(pid, tid)
        except OSError:  # denied by a security module
            continue
        for number in numbers:
            deadline.check()
            link = _read_link(f"{procfs.PROC}/{pid}/task/{tid}/fd/{number}")
            if link is not None and (link.startswith("/") or link in (RING, UNKNOWN)):
                yield Descriptor(pid, tid, number, link)


def _read_link(path: str) -> str | None:
    """Returns the name of a descriptor; None if it is closed by now.

    With a mount in their own namespace, users can give a file a longer path than readlink(2) returns (ENAMETOOLONG).
    """
    try:
        return os.readlink(path)
    except OSError as error:
        return None if is_closed(error) else UNKNOWN


def _tables(pid: int, deadline: TimeLimit) -> Iterator[int]:
    """Yields at least one thread for each table of descriptors that a process has."""
    seen: list[int] = []
    for tid in procfs.list_threads(pid):
        deadline.check()
        # Only the first and the last one: a process with a thousand tables is not compared with all of them.
        if not any(shares_table(tid, other) for other in {*seen[:1], *seen[-1:]}):
            seen.append(tid)
            yield tid


def shares_table(first: int, second: int) -> bool:
    """Whether two threads are known to share one table of descriptors (kcmp(2), KCMP_FILES)."""
    if _KCMP is None or sys.maxsize < 1 << 32:
        return False
    compared = f"{procfs.PROC}/{first}: kcmp"  # it can block like a read of /proc
    return bool(kernel_text.noting(compared, lambda _: _LIBC.syscall(_KCMP, first, second, _KCMP_FILES, 0, 0)) == 0)


def _terminal_behind(descriptor: Descriptor) -> int | None:
    """Returns the number of the terminal that a descriptor leads to, or HUNG_UP; None if that cannot be determined.

    The kernel reveals it only to a process that has the descriptor (TIOCGDEV), so we take a copy of that thread's (a
    pidfd for a thread that is not the first needs Linux 6.9). A descriptor that was hung up (by vhangup(2), which
    login(1) calls, or at the end of the previous user of the line) still shows its node, but reads nothing any more:
    every ioctl(2) fails with EIO (hung_up_tty_ioctl), and TIOCGDEV fails with EIO for no other reason.
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
