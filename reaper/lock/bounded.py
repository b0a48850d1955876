"""A look at what a user has open that ends in time, however much that is, and whatever one call of it waits for.

Two things make a look long. There is much to look at: a user may have 524,288 descriptors (systemd's limit) in each of
thousands of processes, at 20 microseconds each; such a look asks its Deadline at every step. And one call may wait:
/proc/PID/maps waits for who has the memory map of that process locked (mmap_lock), which the server of a user's own
file system (fuse(4)) can make last. So the look is a thread's, which is left behind where it does not come back: all
that is the user's goes on then, that server, too.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, Generic, TypeVar

from reaper import kernel_text
from reaper.errors import ReaperError

# While all that is the user's stands still, so it is short; and 100 times what it takes on a host with 1,600 processes.
LOOK_SEC = 8.0
# How long after its deadline a look may take to see that it is over: the longest step is to list one process's
# descriptors, 0.4 s for 524,288.
_LATE_SEC = 2.0
T = TypeVar("T")


class TooLongError(ReaperError):
    """What was to be looked at is more than can be looked at in time."""

    def __init__(self) -> None:
        super().__init__("cannot-freeze", "what its user has open takes too long to look at")


class TimeLimit:
    """When a look is to be over; no later than `outer`."""

    def __init__(self, seconds: float, outer: TimeLimit | None = None) -> None:
        end = time.monotonic() + seconds
        self.end: float = end if outer is None else min(end, outer.end)

    def check(self) -> None:
        """Raises TooLongError where it has passed."""
        if time.monotonic() > self.end:
            raise TooLongError


class _Thread(threading.Thread, Generic[T]):
    """A look, and what came of it."""

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
    """Returns what a look returns, and raises what it raises. Raises TooLongError where it does not end in time.

    While one that was left behind still waits, there is no other: they would become more and more. That is said of the
    looks with the same list `left_behind`; `late_sec` is how long after its deadline one may take to see that.
    """
    if any(each.is_alive() for each in left_behind):
        raise TooLongError
    left_behind.clear()
    thread = _Thread(look, TimeLimit(seconds))
    thread.start()
    thread.join(seconds + (_LATE_SEC if late_sec is None else late_sec))
    if thread.is_alive():
        left_behind.append(thread)
        kernel_text.reading = None  # what it waits for is no wait of the thread that has left it behind (see apart)
        raise TooLongError
    if thread.error is not None:
        raise thread.error
    return thread.results[0]
