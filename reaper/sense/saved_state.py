"""The daemon's state file, as an earlier daemon wrote it (act/runtime_files.py)."""

from __future__ import annotations

import os
import stat

# A session takes less than 1 KiB in it; a host with more sessions than this has other problems.
MAX_STATE_BYTES = 64 * 1024 * 1024


def read(path: str) -> str:
    """Returns the text of the state file; empty if there is none that only root can have written."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(fd, encoding="utf-8", errors="replace") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return ""
        return file.read(MAX_STATE_BYTES)
