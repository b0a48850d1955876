"""The kernel's files of control groups (cgroup v2): writing them, waiting on them, and checking a group's path."""

from __future__ import annotations

import errno
import os
import select
import time

from reaper import kernel_text


def is_path(group: str) -> bool:
    """Whether a text can be the path of a control group below the mount, such as the kernel reports for a process.

    A user chooses the names of their own groups: any bytes but a line feed and a slash. Bytes that are not UTF-8 are
    surrogates here (os.fsdecode).
    """
    try:
        path = os.fsencode(group)
    except UnicodeEncodeError:
        return False
    names = path.split(b"/")[1:]
    return path == b"/" or (path[:1] == b"/" and b"\0" not in path and not {b"", b".", b".."}.intersection(names))


def write(path: str, text: str) -> None:
    """Writes to an existing file in one write(2), as the kernel's files need it. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode("ascii"))
    finally:
        os.close(fd)


def wait_frozen(path: str, seconds: float) -> bool:
    """Waits until all members of a group have stopped (also true of none); False if some have not, or it is gone.

    The kernel reports a change of cgroup.events by POLLPRI.
    """
    deadline = time.monotonic() + seconds
    try:
        with open(f"{path}/cgroup.events", "rb", buffering=0) as file:
            poll = select.poll()
            poll.register(file, select.POLLPRI)
            while kernel_text.field(os.pread(file.fileno(), 4096, 0), b"frozen", b" ") != b"1":
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                poll.poll(left * 1000)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return False
        raise
    return True


def is_set(path: str) -> bool:
    """Whether a file of the kernel's contains 1; False if there is no such file."""
    try:
        return kernel_text.number((kernel_text.read(path) or b"").rstrip(b"\n")) == 1
    except OSError:
        return False
