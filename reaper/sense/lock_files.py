"""The files between reaperd and reaper-lock: the order to lock a session, and the state of the lock.

A file is used only if root owns it and nobody else can have written it.
"""

from __future__ import annotations

import contextlib
import os
import stat

from reaper.decide.session import lock_protocol
from reaper.decide.session.lock_protocol import LockOrder, LockState
from reaper.decide.session.model import Session
from reaper.errors import ReaperError
from reaper.sense import processes

DIRECTORY = "/run/reaper/locks"
GROUP = lock_protocol.GROUP
# A state contains the contents of consoles, some 100 KiB each, and what was typed ahead.
MOST_BYTES = 16 * 1024 * 1024


def read_order(name: str, directory: str = DIRECTORY) -> LockOrder | None:
    """Returns the order of a session's lock; None where there is none. Raises ReaperError where it is broken."""
    text = read_text(name, directory, "order")
    return None if text is None else lock_protocol.decode_order(text)


def read_state(name: str, directory: str = DIRECTORY) -> LockState | None:
    """Returns the state of a session's lock; None where there is none yet. Raises ReaperError where it is broken."""
    text = read_text(name, directory, "state")
    return None if text is None else lock_protocol.decode_state(text)[0]


def find_state(name: str, directory: str) -> LockState | None:
    """Returns the state of a session's lock; None also where it is broken."""
    with contextlib.suppress(ReaperError):
        return read_state(name, directory)
    return None


def find_standing(session: Session, directory: str) -> LockOrder | None:
    """Returns the order of the lock that holds a session or is about to; None where there is none that can be read."""
    with contextlib.suppress(ReaperError):
        order = read_order(session.name, directory)
        if order is not None and lock_protocol.is_standing(order, find_state(session.name, directory), session.key):
            return order
    return None


def read_text(name: str, directory: str, file: str) -> str | None:
    """Returns the text of a file of a lock, if root owns it and nobody else can have written it."""
    if not lock_protocol.is_name(name):
        return None
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(f"{directory}/{name}/{file}", flags)
    except OSError:
        return None
    with os.fdopen(fd, encoding="utf-8", errors="replace") as opened:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return None
        return opened.read(MOST_BYTES)


def is_frozen(scope: str) -> bool:
    """Returns whether a session's scope has the group for the processes that a lock has frozen."""
    return bool(scope) and os.path.isdir(f"{processes.CGROUP}{scope}/{GROUP}")
