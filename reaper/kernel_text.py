"""Reads the text of the kernel's own files in /proc and cgroupfs, as bytes.

Users choose much of this text: the name of a thread, a mount point, a control group, the path of a file. The kernel
escapes or refuses a line feed there, and nothing else: a carriage return, a form feed or U+2028 is not escaped.
Python's text mode, str.splitlines() and str.split() take these for the end of a line or of a word, so a thread named
"\\rUid:0" would look like a field of its own. Hence:

1. Every file of /proc/PID, of its threads and of cgroupfs is read by read(), and by nothing else in the package
   (tests/repo/test_laws.py), except cgroup.events, which lock/freeze/cgroups.py keeps open to poll it, and what psutil
   reads of processes for reaperctl (sense/process_details.py). In the daemon, a thread that may be abandoned uses
   read_unnoted(), so that its wait does not count as one of the daemon's.
2. Lines end at b"\\n" and at nothing else; fields end at the byte that the kernel puts there.
3. A number is what number() accepts: ASCII digits only. Anything else is None and never an exception, so that no user
   can raise one here.
4. A user can make the reader wait: the kernel keeps stat, exe, io and other files of a process from being read while it
   is within execve(2), and the server of a user's file system can keep it there (see sense/distrust.py). So the file
   that is being read is noted in `reading`.
"""

from __future__ import annotations

import errno
import os
import re
from typing import Callable, TypeVar

T = TypeVar("T")

# The file that this process is reading, None between two reads. Each read has a string object of its own, so that
# whoever finds the same object again has seen one read (daemon/supervisor.py). Costs 0.1 us of a read's 25 (Linux
# 6.18).
reading: str | None = None

# More than any of these files has on a host that is not under attack; the mountinfo of 100,000 mounts (fs.mount-max)
# can be larger. Only whole lines are cut off, never a part of one.
MOST_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_GONE = (errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.ENOTDIR)
_NUMBER = re.compile(rb"-?[0-9]{1,20}")
_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]{1,32}")


def read(path: str, most: int = MOST_BYTES) -> bytes | None:
    """Returns the contents of one of the kernel's files, at most `most` bytes; None where its subject is gone.

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
    """Returns what read() returns, for a thread that may be abandoned: the supervisor does not see its wait."""
    return _read(path, most)


def read_beginning(path: str, most: int) -> bytes | None:
    """Returns at most the first `most` bytes, cut anywhere, for a thread that may be abandoned (read_unnoted())."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise
    try:
        return os.read(fd, most)
    finally:
        os.close(fd)


def noting(path: str, look: Callable[[str], T]) -> T:
    """Returns what `look` returns for one of these files; the file is noted in `reading` meanwhile."""
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
    """Returns the numbers in a file that has one per line (cgroup.procs) or one per word (children); skips the rest."""
    found = (number(word) for word in text.replace(b"\n", b" ").split(b" "))
    return [each for each in found if each is not None]


def field(text: bytes, name: bytes, separator: bytes = b":") -> bytes | None:
    """Returns the value of the first line that begins with a name and a separator, without surrounding blanks.

    None if there is no such line. The first counts, as the kernel's own lines come before those that a driver or user
    adds.
    """
    start = name + separator
    for line in lines(text):
        if line.startswith(start):
            return line[len(start) :].strip(b" \t")
    return None
