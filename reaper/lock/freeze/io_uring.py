"""io_uring(7): what freezing does not stop, as the kernel goes on serving the requests of a frozen process.

A read requested before the freeze is carried out when there is something to read, into memory that other processes of
the same user may look at (seen with Linux 6.18). So a process that has used a ring cannot be stopped, and its session
cannot be locked. Through its ring a process may also read a terminal that is not among its descriptors: a file that is
registered with the ring is read for as long as the ring lives, and a ring can outlive its descriptor.

1. No name shows what is registered. A bind mount has another name; a carriage return may be in it. The number of
   registered files is known (UserFiles of /proc/PID/fdinfo/FD): any of them may be the terminal.
2. No count shows that all requests are done. A ring may give more answers than there were requests (MSG_RING, and
   requests that answer many times), so that the two counts are equal while a timer runs to which a read is linked, and
   no list shows that. Seen on 6.18: 4 requests, 4 answers, an empty PollList, and the key that was typed 6 s later in
   a file. So a ring is idle only if it never got any request.
3. A ring whose descriptor was closed (IORING_REGISTER_RING_FDS) shows in /proc/PID/maps while it is mapped, and by the
   kernel threads in its process (iou-wrk, iou-sqp), which are recognized by a flag; the user can choose their names.
   One that was unmapped as well, and has no such thread, shows nowhere, and reads (seen on 6.18). Only
   kernel.io_uring_disabled helps against that; the manual says so.
4. What the kernel does not report counts as the worst case. Kernels before 5.16 neither count requests nor give each
   ring an inode of its own. Later ones report nothing while the ring is in use (they only try to lock its mutex). This
   counts while the user's processes are frozen; at any other time such a ring is passed over, as a server may use its
   ring all the time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from reaper import kernel_text, procfs
from reaper.lock.bounded import TimeLimit, within
from reaper.lock.freeze.descriptors import RING, Descriptor, open_descriptors

_NAME = RING.encode()
_WAITING = re.compile(rb"^ +op=([0-9]+),", re.MULTILINE)
# IORING_OP_READV, READ_FIXED, READ, SPLICE, READ_MULTISHOT and READV_FIXED, of <linux/io_uring.h>. Operations after
# PIPE, the last of Linux 6.18, are unknown and may read.
_READS, _LAST_KNOWN = {1, 4, 22, 30, 49, 60}, 62
_PF_IO_WORKER = 0x10  # <linux/sched.h>: set on both kinds of threads, which belong to the process since Linux 5.12
_LONGEST_LINE_BYTES = 64 * 1024
_TRIES, _PAUSE_SEC = 10, 0.001


class Ring(NamedTuple):
    """What the kernel reports of a ring; None for what it does not report."""

    inode: int | None
    files: int | None
    requests: int | None
    thread: int | None
    waits_to_read: bool
    waits: bool

    @property
    def may_have_terminal(self) -> bool:
        """Whether a file is registered with the ring, or may be, if the kernel reports anything about it."""
        return self.files is not None and (self.files > 0 or self.requests is None)

    @property
    def is_idle(self) -> bool:
        """Whether the ring never got a request, and does not poll for requests by itself (SQPOLL)."""
        return self.requests == 0 and self.thread == -1 and not self.waits


def parse(text: bytes) -> Ring:
    """Parses the fdinfo of a ring. It has names of registered files, the only lines in it that a user controls."""
    numbers = (b"ino", b"UserFiles", b"CachedSqHead", b"SqThread")
    inode, files, requests, thread = (kernel_text.number(kernel_text.field(text, name)) for name in numbers)
    waiting = [int(number) for number in _WAITING.findall(text.partition(b"\nPollList:\n")[2])]
    reads = any(number in _READS or number > _LAST_KNOWN for number in waiting)
    return Ring(inode, files, requests, thread, reads, bool(waiting))


def read(descriptor: Descriptor) -> Ring:
    """Reads what the kernel reports of a ring; tries again if that is nothing, as the ring is in use at this moment."""
    task = f"{procfs.PROC}/{descriptor.pid}/task/{descriptor.tid}"
    for _ in range(_TRIES):
        ring = parse(kernel_text.read(f"{task}/fdinfo/{descriptor.number}") or b"")
        if ring.files is not None:
            break
        time.sleep(_PAUSE_SEC)
    return ring


def may_read(pid: int, rings: Sequence[Ring], *, may_wait: bool) -> bool:
    """Whether a process that has these rings open may read a terminal that is not among its descriptors.

    With `may_wait` also if any read is pending, or a ring is not reported. Must be called within() a time limit, as the
    memory map may be locked.
    """
    if any(ring.may_have_terminal or (may_wait and (ring.waits_to_read or ring.files is None)) for ring in rings):
        return True
    return has_unlisted_ring(pid, rings) or (not rings and has_worker(pid))


def find_busy(pids: Iterable[int]) -> int | None:
    """Returns the first of these processes that may have sent a request to a ring, which the kernel may still serve.

    Raises TooLongError if that cannot be determined in time.
    """
    return within(lambda deadline: next((pid for pid in pids if _is_busy(pid, deadline)), None))


def _is_busy(pid: int, deadline: TimeLimit) -> bool:
    rings = []
    for each in open_descriptors(pid, deadline):
        if each.link == RING:
            rings.append(read(each))
            if not rings[-1].is_idle:
                return True
    return has_unlisted_ring(pid, rings) or has_worker(pid)


def has_unlisted_ring(pid: int, rings: Sequence[Ring]) -> bool:
    """Whether a process has a ring mapped that is not among those it has open; True if that cannot be determined."""
    text = kernel_text.read(f"{procfs.PROC}/{pid}/maps") or b""
    if len(text) > kernel_text.MOST_BYTES - _LONGEST_LINE_BYTES:  # it may be cut off
        return True
    if _NAME not in text:
        return False
    return not {parse_mapping(line) for line in kernel_text.lines(text)} - {0} <= {ring.inode for ring in rings}


def parse_mapping(line: bytes) -> int | None:
    """Returns the inode of the ring in a line of proc_pid_maps(5); 0 for anything else, None for a ring without inode.

    A file that is named like a ring has a path, which begins with a slash.
    """
    fields = line.split(b" ", 5)
    if len(fields) < 6 or fields[5].lstrip(b" ") != _NAME:
        return 0
    return kernel_text.number(fields[4]) or None


def has_worker(pid: int) -> bool:
    """Whether a thread of a process is one of the kernel's that carries out requests of a ring."""
    threads = procfs.list_threads(pid)
    stats = (procfs.read_stat(pid, tid) for tid in threads) if len(threads) > 1 else ()
    return any(stat is not None and stat.flags & _PF_IO_WORKER for stat in stats)
