"""What freezing does not stop: a frozen process that waits for its io_uring(7) is still served by the kernel.

A read that it has asked for before is carried out when there is something to be read, into memory that its person's
other processes may look at (seen with Linux 6.18). So who has something pending in such a ring cannot be locked. What
there is of a ring stands in /proc/PID/fdinfo/FD of its descriptor.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator

from reaper import kernel_text, procfs

_LINK = "anon_inode:[io_uring]"
_NUMBER = re.compile(rb"^(CachedSqHead|CachedCqTail):\s*([0-9]+)$", re.MULTILINE)
_WAITING = re.compile(rb"^\s*op=([0-9]+),", re.MULTILINE)
_FILES = re.compile(rb"^UserFiles:.*\n((?:\s+[0-9]+:.*\n)*)", re.MULTILINE)
# IORING_OP_READV, READ_FIXED, READ, SPLICE and READ_MULTISHOT, of <linux/io_uring.h>.
_READS = {1, 4, 22, 30, 49}
_MOST_BYTES = 1 << 20


def reads(pid: int, terminals: Collection[str], *, may_wait: bool) -> bool:
    """Whether a process has one of these terminals in a ring; with `may_wait` also whether a read of whatever waits."""
    return any(_has_registered(ring, terminals) or (may_wait and _waits_to_read(ring)) for ring in _rings(pid))


def is_busy(pid: int) -> bool:
    """Whether something that a process has asked of a ring is not done: a read, or what one may follow upon."""
    return not all(map(is_settled, _rings(pid)))


def is_settled(ring: bytes) -> bool:
    """Whether all that was asked of a ring is done, as far as can be told."""
    counts = dict(_NUMBER.findall(ring))
    return not _WAITING.search(ring) and counts.get(b"CachedSqHead") == counts.get(b"CachedCqTail")


def _waits_to_read(ring: bytes) -> bool:
    return any(int(number) in _READS for number in _WAITING.findall(ring))


def _has_registered(ring: bytes, terminals: Collection[str]) -> bool:
    files = b"".join(_FILES.findall(ring)).split()
    return any(file == b"/dev/tty" or file.endswith(f"/{name}".encode()) for file in files for name in terminals)


def _rings(pid: int) -> Iterator[bytes]:
    """What there is of each ring of a process; a thread may have descriptors of its own."""
    for tid in procfs.list_threads(pid):
        task = f"{procfs.PROC}/{pid}/task/{tid}"
        with contextlib.suppress(OSError):
            for fd in procfs.list_descriptors(pid, tid):
                if _is_ring(f"{task}/fd/{fd}"):
                    yield kernel_text.read(f"{task}/fdinfo/{fd}", _MOST_BYTES) or b""


def _is_ring(path: str) -> bool:
    try:
        return os.readlink(path) == _LINK
    except OSError:  # closed meanwhile
        return False
