"""Runs the programs that the daemon waits for: loginctl and systemctl.

They answer in milliseconds or are in trouble, and then the daemon waits only a few seconds. The time of all waits is
counted, so that waiting is not mistaken for time in which the daemon was stopped (daemon/pace.py).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence

TIMEOUT_SEC = 5.0


class _Waits:
    """The time of all waits."""

    usec = 0


def run(command: Sequence[str], timeout_sec: float = TIMEOUT_SEC) -> subprocess.CompletedProcess[bytes]:
    """Runs a program with a time limit. Returns what it printed; raises OSError or subprocess.TimeoutExpired."""
    with waiting(timeout_sec):
        return subprocess.run(
            command,
            capture_output=True,
            timeout=timeout_sec,
            check=False,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )


@contextlib.contextmanager
def waiting(most_sec: float) -> Iterator[None]:
    """Counts the time within as time that this process waits for a program, but no more than it means to wait."""
    began_ns = time.monotonic_ns()
    try:
        yield
    finally:
        waited_usec = (time.monotonic_ns() - began_ns) // 1000
        _Waits.usec += min(waited_usec, round(most_sec * 1_000_000))  # the rest was a stop of this process itself


def waited_usec() -> int:
    """Returns how long this process has waited for such programs in all."""
    return _Waits.usec
