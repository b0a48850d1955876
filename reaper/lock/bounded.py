"""Runs a search of what a user has open with a time limit, however much there is and whatever call blocks.

Two things make a search slow. There may be much to search: a user may have 524,288 descriptors (systemd's limit) in
each of thousands of processes, at 20 microseconds each; such a search checks its TimeLimit at every step. And one call
may block: /proc/PID/maps waits for whoever holds the memory map lock (mmap_lock) of that process, and the server of a
user's own file system (fuse(4)) can hold it for as long as it likes. So the search runs in a thread, which is abandoned
if it does not come back: after that all of the user's processes run again, that server included.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, Generic, TypeVar

from reaper import kernel_text
from reaper.errors import ReaperError

# Short, as all of the user's processes are frozen meanwhile; still 100 times what a search takes on a host with 1,600
# processes.
LOOK_SEC = 8.0
# How long after its deadline a search may need to notice it: the longest step, listing the descriptors of one process,
# takes 0.4 s for 524,288.
_LATE_SEC = 2.0
T = TypeVar("T")


class TooLongError(ReaperError):
    """There is more to search than fits into the time limit."""

    def __init__(self) -> None:
        super().__init__("cannot-freeze", "what its user has open takes too long to look at")


class TimeLimit:
    """The time at which a search must be over; no later than `outer`."""

    def __init__(self, seconds: float, outer: TimeLimit | None = None) -> None:
        end = time.monotonic() + seconds
        self.end: float = end if outer is None else min(end, outer.end)

    def check(self) -> None:
        """Raises TooLongError if the time is over."""
        if time.monotonic() > self.end:
            raise TooLongError


class _Thread(threading.Thread, Generic[T]):
    """The thread of one search, and its result."""

    def __init__(self, look: Callable[[TimeLimit], T], deadline: TimeLimit) -> None:
        super().__init__(name="look", daemon=True)
        self._look, self._deadline = look, deadline
        self.results: list[T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.results.append(self._look(self._deadline))
        except BaseException as error:  # raised again in the thread that waits
            self.error = error


_left_behind: list[threading.Thread] = []


def within(
    look: Callable[[TimeLimit], T],
    seconds: float = LOOK_SEC,
    late_sec: float | None = None,
    left_behind: list[threading.Thread] = _left_behind,
) -> T:
    """Returns what the search returns, and raises what it raises; TooLongError if it does not end in time.

    While an abandoned search still blocks, no other is started, or their number would grow without limit. This counts
    the searches that share the same list `left_behind`. `late_sec` is how long after its deadline a search may need to
    notice it.
    """
    if any(each.is_alive() for each in left_behind):
        raise TooLongError
    left_behind.clear()
    thread = _Thread(look, TimeLimit(seconds))
    thread.start()
    thread.join(seconds + (_LATE_SEC if late_sec is None else late_sec))
    if thread.is_alive():
        left_behind.append(thread)
        kernel_text.reading = None  # the abandoned thread's read must not count as one of this thread (see apart)
        raise TooLongError
    if thread.error is not None:
        raise thread.error
    return thread.results[0]
