"""Runs work in a thread of its own, which is abandoned if it does not end in time.

/proc/PID/cmdline and smaps_rollup wait for the lock of a process's memory map (mmap_lock), and a user can have it held
for as long as they like: see sense/distrust.py, lock/bounded.py. Only the death of the waiting thread ends such a
wait, and a thread dies with its process. So a read that may wait has a thread, which does not keep the process alive.
"""

from __future__ import annotations

import threading
import time
from typing import Callable

IsOver = Callable[[], bool]


class Aside:
    """Does one piece of work at a time."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def do(self, work: Callable[[IsOver], None], seconds: float) -> bool:
        """Has a thread do some work; returns whether it ended in time.

        The work asks what it is given, between two steps, whether its time is over. It keeps its results where the
        caller finds those that are there by then. Nothing is done while an earlier piece of work still waits, or else
        the number of abandoned threads would grow; nor where no thread can be started (pids.max, memory).
        """
        if self.is_stuck:
            return False
        end = time.monotonic() + seconds
        thread = threading.Thread(target=work, args=(lambda: time.monotonic() > end,), name="aside", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        thread.join(seconds)
        return not self.is_stuck

    @property
    def is_stuck(self) -> bool:
        """Whether a piece of work was left behind and has not ended since."""
        return self._thread is not None and self._thread.is_alive()
