"""A thread of its own for all that the keeper does with the user's processes; it can be abandoned if it blocks.

The kernel can make a call that reads or stops a process wait for as long as that process's user likes. PTRACE_SEIZE
waits for cred_guard_mutex and a read of /proc/PID/stat for exec_update_lock. A process holds these within execve(2),
where the server of its user's file system (fuse(4)) is asked for the interpreter of a script, or told what is closed.
That server may be stopped. Such a wait ends only with a signal that ends this process: a Python signal handler does
not end it (measured on Linux 6.18 with a stopped bindfs). So:

1. Whatever stops threads by ptrace must be one thread. It does everything that reads or stops processes, one call after
   another, and the keeper's main thread waits for it no longer than is reasonable.
2. It counts as blocked if one and the same read or call is in progress at each of LOOKS looks, 0.1 s apart. So neither
   a stopped keeper nor a stalled machine is mistaken for it, nor a long search that makes progress.
3. A thread that does not come back is abandoned, and every later call is refused with ReaperError ("cannot-freeze"):
   the lock is not established, or its session ends. The process it waits for cannot be frozen either, so no lock is
   possible. No second thread is tried: it would have to stop what the first has stopped.
4. The main thread then thaws what was frozen, which takes a write to cgroup.freeze and no look at any process. What is
   held by ptrace is released when the keeper ends. The abandoned thread does not prevent that: exit_group(2) ends it
   with SIGKILL, which ends such waits.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Collection
from typing import Any, Callable, Generic, TypeVar

from reaper import kernel_text
from reaper.errors import ReaperError
from reaper.lock.freeze.frozen import FrozenProcesses

LOOK_SEC = 0.1
# A read of /proc takes 25 us; the longest one, all descriptors of one process, 0.4 s (see bounded).
LOOKS = 30
# The limit for a call that does make progress: more than the sum of the limits of its parts. That is 92 s if a lock
# waits for the freeze of another one (frozen.MOST_ROUNDS_USEC, quiesce.ALONE_SEC and LONGEST_SEC, frozen.LATE_SEC, and
# the searches).
MOST_LOOKS = 1000
T = TypeVar("T")


class _Call(Generic[T]):
    """A call for the thread to make, and its result."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self.is_done = threading.Event()
        self.results: list[T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.results.append(self._function())
        except BaseException as error:  # raised again in the thread that waits
            self.error = error
        self.is_done.set()


def _work(calls: queue.SimpleQueue[_Call[Any] | None]) -> None:
    while True:
        call = calls.get()
        if call is None:
            return
        call.run()
        del call  # so that what it refers to is not kept alive until the next call


class FrozenInThread:
    """A FrozenProcesses with the same methods. `tick` is called repeatedly while a call is waited for."""

    def __init__(self, frozen: FrozenProcesses, tick: Callable[[], object] = lambda: None) -> None:
        self._frozen, self._tick = frozen, tick
        self._calls: queue.SimpleQueue[_Call[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._why = ""  # what the abandoned thread waits for
        weakref.finalize(self, self._calls.put, None)  # the thread ends with this object, to which it has no reference

    def _run(self, function: Callable[[], T]) -> T:
        """Has the thread call a function. Raises what that raises, and ReaperError if it does not come back."""
        self._tick()
        self._check_stuck()
        if self._thread is None:
            self._thread = threading.Thread(target=_work, args=(self._calls,), name="stopped", daemon=True)
            self._thread.start()
        call = _Call(function)
        self._calls.put(call)
        last, same = None, 0
        for _ in range(MOST_LOOKS):
            if call.is_done.wait(LOOK_SEC):
                break
            self._tick()
            reading = kernel_text.reading
            same = same + 1 if reading is not None and reading is last else 0
            last = reading
            if same >= LOOKS:
                break
        if not call.is_done.is_set():
            self._why = f"the processes on its terminals can be neither looked at nor held ({last or 'too long'})"
            self._frozen.give_up()
            self._calls.put(None)  # ends the thread if it does come back
        self._check_stuck()
        if call.error is not None:
            raise call.error
        return call.results[0]

    def _check_stuck(self) -> None:
        if self._why:
            raise ReaperError("cannot-freeze", self._why)

    def to_plain(self) -> list[list[Any]]:
        """Returns the state in JSON's types. For this and the following methods see FrozenProcesses."""
        return self._frozen.to_plain()

    def resume(self, value: Any) -> None:
        """Takes over what an earlier keeper had stopped."""
        self._frozen.resume(value)

    def make(self) -> None:
        """Makes the cgroup for the frozen processes."""
        self._run(self._frozen.make)

    def look(self, names: Collection[str]) -> None:
        """Stops the processes that have opened these terminals since the last look."""
        self._run(lambda: self._frozen.look(names))

    def stop(self, names: Collection[str]) -> None:
        """Stops every process that can read these terminals."""
        self._run(lambda: self._frozen.stop(names))

    def pause_ms(self, usual_ms: int) -> int:
        """Returns how long to wait for the next look."""
        return self._frozen.pause_ms(usual_ms)

    def release_unattached(self, names: Collection[str]) -> None:
        """Thaws the processes that have none of these terminals open."""
        self._run(lambda: self._frozen.release_unattached(names))

    def put_back(self) -> None:
        """Thaws all processes; if the thread does not come back, where they are, and raises ReaperError."""
        try:
            self._run(self._frozen.put_back)
        finally:
            if self._why:
                self._frozen.thaw()
