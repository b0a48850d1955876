"""The text of the kernel's own files in /proc and cgroupfs, read as the bytes that it is.

Much of it is of a user's choosing: the name of a thread, a mount point, a control group, the path of a file. The kernel
escapes a line feed there, or refuses it, and nothing else: a carriage return, a form feed or U+2028 stands there as it
is. Python's text mode, str.splitlines() and str.split() take them for the end of a line or of a word, so a thread named
"\\rUid:0" would be a field of its own. Hence:

1. Every file of /proc/PID, of its threads and of cgroupfs is read by read(), and by nothing else in the package
   (tests/repo/test_laws.py) but for cgroup.events, which lock/cgroups.py keeps open to poll it, and by psutil for what
   reaperctl shows of processes (sense/process_details.py). In the daemon a thread that may be left behind takes
   read_unnoted(), so that its wait is not taken for one of the daemon's.
2. Lines end at b"\\n" and at nothing else; fields end at the byte that the kernel puts there.
3. A number is what number() takes: ASCII digits alone. What is no number is None and never an exception, so that no
   user can raise one here.
4. Who reads can be made to wait: the kernel keeps stat, exe, io and other files of a process from being read while it
   is within execve(2), and it may be there for as long as the server of a file system of its user's likes (see
   sense/distrust.py). So what is being read at the moment is noted, in `reading`.
"""

from __future__ import annotations

import errno
import os
import re
from typing import Callable, TypeVar

T = TypeVar("T")

# What this process reads at the moment, None between two reads. Each read has a string of its own, so that who finds
# the same object again has seen one read (daemon/supervisor.py). Costs 0.1 us of a read's 25 (Linux 6.18).
reading: str | None = None

# More than any of these files has on a host that is not under attack; a mountinfo of 100,000 mounts
# (fs.mount-max) can have more. What is cut off is lost whole lines, never a part of one.
MOST_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_GONE = (errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.ENOTDIR)
_NUMBER = re.compile(rb"-?[0-9]{1,20}")
_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]{1,32}")


def read(path: str, most: int = MOST_BYTES) -> bytes | None:
    """Returns what a file of the kernel's says, at most `most` bytes of it; None where its subject is gone.

    Gone is a process or thread that has ended, a control group that was removed (ENODEV on an open file), or a file
    that this kernel does not have. Raises OSError for anything else: no descriptor left, or no permission.
    """
    global reading  # noqa: PLW0603 - as noting() does, without the cost of a closure
    reading = path
    try:
        return _read(path, most)
    finally:
        reading = None


def read_unnoted(path: str, most: int = MOST_BYTES) -> bytes | None:
    """Returns what read() returns, for a thread that is left behind where it waits: that is no wait of the others."""
    return _read(path, most)


def noting(path: str, look: Callable[[str], T]) -> T:
    """Returns what another kind of look at one of these files returns; it is noted as a read is."""
    global reading  # noqa: PLW0603
    reading = path
    try:
        return look(path)
    finally:
        reading = None


def _read(path: str, most: int) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise
    try:
        data = os.read(fd, min(most, _CHUNK_BYTES))
        if not data:
            return data
        parts, size = [data], len(data)
        while size < most:
            data = os.read(fd, min(most - size, _CHUNK_BYTES))
            if not data:
                return b"".join(parts) if len(parts) > 1 else parts[0]
            parts.append(data)
            size += len(data)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise
    finally:
        os.close(fd)
    text = b"".join(parts)
    return text[: text.rfind(b"\n") + 1]  # its last line may be cut off


def lines(text: bytes) -> list[bytes]:
    """Returns the lines of a text, without the line feeds that end them."""
    found = text.split(b"\n")
    if not found[-1]:
        found.pop()
    return found


def number(text: bytes | None) -> int | None:
    """Returns a decimal number as the kernel prints one; None for anything else, and for None."""
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def hexadecimal(text: bytes | None) -> int | None:
    """Returns a hexadecimal number as the kernel prints one, without a prefix; None for anything else, and for None."""
    return int(text, 16) if text is not None and _HEXADECIMAL.fullmatch(text) else None


def numbers(text: bytes) -> list[int]:
    """Returns the numbers of a file that has one a line (cgroup.procs) or one a word (children), and nothing else's."""
    found = (number(word) for word in text.replace(b"\n", b" ").split(b" "))
    return [each for each in found if each is not None]


def field(text: bytes, name: bytes, separator: bytes = b":") -> bytes | None:
    """Returns the value of the first line that begins with a name and a separator, without the blanks around it.

    None where no line does. The first, as what the kernel itself has to say stands before what a driver or a user adds.
    """
    start = name + separator
    for line in lines(text):
        if line.startswith(start):
            return line[len(start) :].strip(b" \t")
    return None
