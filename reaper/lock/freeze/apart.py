"""All that a keeper does with the processes of its user, done by a thread of its own that can be left behind.

The kernel can make who reads or stops a process wait for as long as that process's user likes. PTRACE_SEIZE waits for
cred_guard_mutex and a read of /proc/PID/stat for exec_update_lock, and a process has these within execve(2), where the
server of a file system of its user's (fuse(4)) is asked for the interpreter of a script, or told of what is closed.
That server may be stopped. Nothing but a signal that ends this process ends such a wait: a handler of Python's does not
(measured on Linux 6.18 with a stopped bindfs). So:

1. What has threads stopped by ptrace is a thread. It does whatever reads or stops processes, one call after another,
   and the keeper's own thread waits for that no longer than is reasonable.
2. What counts is one and the same wait at each of LOOKS looks, 0.1 s apart. So neither a keeper that was stopped nor a
   machine that stood still is taken for it, nor a long look that makes progress.
3. A thread that does not come back is left behind, and everything that is asked of it after that is refused with
   ReaperError ("cannot-freeze"): a lock is not established, or its session ends. What waits there cannot be frozen,
   either, so there is no lock to be had. No other thread is tried: it would have to stop what the first has stopped.
4. What was frozen is thawed then by the keeper's own thread, which takes a write to cgroup.freeze and no look at any
   process. What is held by ptrace goes on when the keeper ends, which no thread keeps from its end: these waits are
   ended by SIGKILL, and so by exit_group(2).
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
# A read of /proc takes 25 us, and the longest, all descriptors of one process, 0.4 s (see bounded).
LOOKS = 30
# And whatever a call is at: more than the bounds of all its parts together, which are 92 s where a lock waits for the
# moment of another (stopped.MOST_ROUNDS_USEC, still.ALONE_SEC and LONGEST_SEC, stopped.LATE_SEC, and the looks).
MOST_LOOKS = 1000
T = TypeVar("T")


class _Call(Generic[T]):
    """A call that is to be made by the thread, and what came of it."""

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
        del call  # what it holds on to is not kept until the next


class FrozenInThread:
    """A FrozenProcesses with the same methods. `tick` is called again and again while a call is waited for."""

    def __init__(self, stopped: FrozenProcesses, tick: Callable[[], object] = lambda: None) -> None:
        self._stopped, self._tick = stopped, tick
        self._calls: queue.SimpleQueue[_Call[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._why = ""  # what the thread that was left behind waits for
        weakref.finalize(self, self._calls.put, None)  # the thread ends with this, and keeps nothing of it

    def _do(self, function: Callable[[], T]) -> T:
        """Has the thread call a function. Raises what that raises, and ReaperError where it does not come back."""
        self._tick()
        self._refuse()
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
            self._why = f"what is attached to its terminals can be neither looked at nor held ({last or 'too long'})"
            self._stopped.give_up()
            self._calls.put(None)  # should it come back
        self._refuse()
        if call.error is not None:
            raise call.error
        return call.results[0]

    def _refuse(self) -> None:
        if self._why:
            raise ReaperError("cannot-freeze", self._why)

    def to_plain(self) -> list[list[Any]]:
        """In JSON's types. Of this and what follows, FrozenProcesses says more."""
        return self._stopped.to_plain()

    def resume(self, value: Any) -> None:
        """Takes over what another keeper had stopped."""
        self._stopped.resume(value)

    def make(self) -> None:
        """Makes the place where they stand still."""
        self._do(self._stopped.make)

    def look(self, names: Collection[str]) -> None:
        """Stops who holds these terminals since the last look."""
        self._do(lambda: self._stopped.look(names))

    def stop(self, names: Collection[str]) -> None:
        """Stops every holder of these terminals."""
        self._do(lambda: self._stopped.stop(names))

    def pause_ms(self, usual_ms: int) -> int:
        """How long to wait for the next look."""
        return self._stopped.pause_ms(usual_ms)

    def let_go(self, names: Collection[str]) -> None:
        """Has those go on who hold none of these terminals."""
        self._do(lambda: self._stopped.let_go(names))

    def put_back(self) -> None:
        """Where the thread does not come back, all go on where they are, and it raises ReaperError."""
        try:
            self._do(self._stopped.put_back)
        finally:
            if self._why:
                self._stopped.thaw()
