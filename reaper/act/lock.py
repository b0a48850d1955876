"""Locking of graphical sessions: logind asks whoever draws their screen (org.freedesktop.login1(5))."""

from __future__ import annotations

import os
import subprocess

from reaper.errors import ReaperError

# As for all that logind is asked (sense/logind.py): it answers in milliseconds or is in trouble.
_TIMEOUT_SEC = 5


def lock_session(session_id: str) -> None:
    """Has the desktop of a session asked to lock its screen. Raises ReaperError where logind does not take it."""
    try:
        done = subprocess.run(
            ["loginctl", "--no-pager", "lock-session", session_id],
            capture_output=True,
            timeout=_TIMEOUT_SEC,
            check=False,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReaperError("lock-failed", f"logind cannot be asked: {error}") from error
    if done.returncode:
        raise ReaperError("lock-failed", f"logind refuses: {done.stderr.decode('utf-8', 'replace').strip()}")
