"""Writes messages for a person, to the terminals of their session and to no other.

A terminal that does not drain (Ctrl-S, a dead connection) must not delay the daemon, so nothing here waits: what the
terminal does not accept at once is not delivered, and the caller tries again at the next poll. The terminal belongs to
the user, so it is opened with O_NOFOLLOW and must be a character device of that user's.
"""

from __future__ import annotations

import enum
import errno
import os
import stat

DEV = "/dev"


class Delivery(enum.Enum):
    """The outcome of a message on one terminal."""

    DELIVERED = "delivered"
    BLOCKED = "blocked"  # not now; other terminals and the next try go on, whatever the error is
    GONE = "gone"
    REFUSED = "refused"  # it exists, but we may not write to it


# The errors of a terminal that has gone or is being removed.
_GONE = (errno.ENOENT, errno.ENXIO, errno.EIO, errno.ENODEV, errno.ELOOP, errno.ENOTDIR)


def write_message(terminal: str, text: str, uid: int) -> Delivery:
    """Writes to a terminal (named below /dev) that belongs to `uid`, all at once or not at all.

    A message of less than a page goes into a pty's buffer whole or, when it is full, not at all; if a part is accepted,
    the message counts as delivered, as its beginning says what matters.
    """
    try:
        fd = os.open(f"{DEV}/{terminal}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        return _outcome(error)
    try:
        status = os.fstat(fd)
        if not stat.S_ISCHR(status.st_mode) or status.st_uid != uid:
            return Delivery.GONE
        os.write(fd, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        return _outcome(error)
    finally:
        os.close(fd)
    return Delivery.DELIVERED


def _outcome(error: OSError) -> Delivery:
    if error.errno in _GONE:
        return Delivery.GONE
    if error.errno in (errno.EACCES, errno.EPERM):
        return Delivery.REFUSED
    return Delivery.BLOCKED
