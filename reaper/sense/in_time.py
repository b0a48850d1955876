"""Reads processes for a user who waits: each read ends in time, whatever the owners of the processes do.

For reaperctl alone. The daemon cannot go on while a read of /proc waits, and ends itself (daemon/supervisor.py); the
tool passes over the process whose file cannot be read, and begins again.
"""

from __future__ import annotations

import re
import time
from typing import Callable, Generic, TypeVar

from reaper import kernel_text, procfs
from reaper.sense.aside import Aside, IsOver

T = TypeVar("T")

MOST_SEC = 3.0  # for all looks together
# For how long one and the same read may go on. It takes 25 us, and some ms on a busy host.
STUCK_SEC = 0.3
STEP_SEC = 0.02


class _Try(Generic[T]):
    """One try of a look, in a thread of its own."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self.found: list[T] = []
        self.error: BaseException | None = None

    def __call__(self, _is_over: IsOver) -> None:
        try:
            self.found.append(self._read())
        except BaseException as error:  # raised again in the thread that waits
            self.error = error


class PatientReader:
    """Takes looks, until the time of all of them is over."""

    def __init__(self, most_sec: float = MOST_SEC, stuck_sec: float = STUCK_SEC) -> None:
        self._end, self._stuck_sec = time.monotonic() + most_sec, stuck_sec
        self.passed_over: set[int] = set()  # pids of the processes that could not be read; they are not read again

    def look(self, read: Callable[[], T]) -> list[T]:
        """Returns what `read` returns, in a list; an empty list if it did not end in time. Raises what `read` raises.

        procfs hides the processes that were passed over, so `read` finds nothing of them.
        """
        while time.monotonic() < self._end:
            attempt = _Try(read)
            stuck_at = self._wait(attempt)
            if attempt.error is not None:
                raise attempt.error
            if stuck_at is None:
                return list(attempt.found)
            self.passed_over.add(stuck_at)
            procfs.is_hidden = self.passed_over.__contains__
        return []

    def _wait(self, attempt: _Try[T]) -> int | None:
        """Waits for a try; returns the pid of the process that it cannot read, None if it is done or out of time."""
        aside, path, since = Aside(), None, time.monotonic()
        aside.do(attempt, STEP_SEC)
        while aside.is_stuck and time.monotonic() < self._end:
            if kernel_text.reading is None or kernel_text.reading is not path:
                path, since = kernel_text.reading, time.monotonic()
            pid = _pid_of(path)
            if pid is not None and pid not in self.passed_over and time.monotonic() - since > self._stuck_sec:
                return pid
            time.sleep(STEP_SEC)
        return None


def _pid_of(path: str | None) -> int | None:
    found = re.match(re.escape(procfs.PROC) + r"/([0-9]{1,10})/", path or "")
    return int(found[1]) if found else None
