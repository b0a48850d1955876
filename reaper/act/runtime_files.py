"""The daemon's own files in /run/reaper: its state, and records and marks that nothing else would remove."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from reaper.decide.session.model import ProcessId, SessionKey

DIRECTORY = "/run/reaper"


def write_state(lines: Iterable[str], directory: str = DIRECTORY) -> None:
    """Replaces the state file, whole or not at all, readable by root only. Makes the directory if it is missing.

    Raises OSError when it cannot.
    """
    _replace(f"{directory}/state", lines)


def write_stuck(text: str, directory: str = DIRECTORY) -> None:
    """Replaces, in the same way, the file that names the users whose processes are not read."""
    _replace(f"{directory}/stuck", [text])


def _replace(path: str, lines: Iterable[str]) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.writelines(lines)
    os.rename(f"{path}.new", path)


def remove_record(key: SessionKey, directory: str = DIRECTORY) -> None:
    """Removes the record of a leader that died without closing its PAM session."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{directory}/sessions/{key}")


def remove_mark(process: ProcessId, directory: str = DIRECTORY) -> None:
    """Removes the mark of an elevation whose su, sudo or run0 died without closing its PAM session."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{directory}/elevated/{process.pid}.{process.start_ticks}")
