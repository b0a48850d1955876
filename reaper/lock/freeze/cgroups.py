"""Control groups as the kernel's files have them (cgroup v2): written to, waited for, and whose a process is."""

from __future__ import annotations

import errno
import os
import select
import time

from reaper import kernel_text


def is_path(group: str) -> bool:
    """Whether a text can be the path of a control group below the mount: what the kernel says of a process is one.

    A user chooses the names of their own groups, any bytes but a line feed and a slash; what is no UTF-8 in them is
    here as surrogates (os.fsdecode).
    """
    try:
        path = os.fsencode(group)
    except UnicodeEncodeError:
        return False
    names = path.split(b"/")[1:]
    return path == b"/" or (path[:1] == b"/" and b"\0" not in path and not {b"", b".", b".."}.intersection(names))


def write(path: str, text: str) -> None:
    """Writes to a file that is there, in one go, as the kernel's want it. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode("ascii"))
    finally:
        os.close(fd)


def wait_frozen(path: str, seconds: float) -> bool:
    """Waits until all in a group have stopped, so none too; False where some have not by then, or it is gone.

    The kernel tells of a change of cgroup.events by POLLPRI.
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
    """Whether a file of the kernel's says 1; not where there is none."""
    try:
        return kernel_text.number((kernel_text.read(path) or b"").rstrip(b"\n")) == 1
    except OSError:
        return False
