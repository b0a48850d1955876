"""Work that is done in a thread of its own, and left behind there if it does not end in time.

/proc/PID/cmdline and smaps_rollup wait for the lock of a process's memory map (mmap_lock), and a user can have it held
for as long as they like: see sense/distrust.py, lock/bounded.py. Nothing breaks off such a wait but the death of the
thread, and a thread dies with its process. So what may wait is a thread's, which does not keep the process from ending.
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
        caller finds those that are there by then. While an earlier piece of work still waits, nothing is done: threads
        that were left behind would become more and more.
        """
        if self.is_stuck:
            return False
        end = time.monotonic() + seconds
        self._thread = threading.Thread(target=work, args=(lambda: time.monotonic() > end,), name="aside", daemon=True)
        self._thread.start()
        self._thread.join(seconds)
        return not self.is_stuck

    @property
    def is_stuck(self) -> bool:
        """Whether a piece of work was left behind and has not ended since."""
        return self._thread is not None and self._thread.is_alive()
