"""The programs that the daemon runs and waits for: loginctl and systemctl.

They answer in milliseconds or are in trouble, and then the daemon waits no longer than a few seconds. How long it has
waited in all is counted, so that its own waiting is not taken for time in which it was stopped (daemon/pace.py).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence

TIMEOUT_SEC = 5.0


class _Waits:
    """What is counted, in all."""

    usec = 0


def run(command: Sequence[str], timeout_sec: float = TIMEOUT_SEC) -> subprocess.CompletedProcess[bytes]:
    """Runs a program for so long at most. Returns what it printed; raises OSError or subprocess.TimeoutExpired."""
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
    """Counts the time within as one in which this process waits for a program, up to what it means to wait at most."""
    began_ns = time.monotonic_ns()
    try:
        yield
    finally:
        waited_usec = (time.monotonic_ns() - began_ns) // 1000
        _Waits.usec += min(waited_usec, round(most_sec * 1_000_000))  # the rest is a stop of this process itself


def waited_usec() -> int:
    """For how long this process has waited for such programs, in all."""
    return _Waits.usec
