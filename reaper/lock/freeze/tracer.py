"""Stops threads by ptrace(2): beside a frozen control group, the second means by which a lock holds processes.

Theory of operation.

1. The frozen group alone does not hold. PID 1 moves a process for the user that it runs as (busctl call
   org.freedesktop.systemd1 … AttachProcessesToUnit to a unit below user@UID.service, with no authorization beyond the
   uid; measured on Debian 12 and 13), and outside the group it runs. A thread that is stopped by ptrace runs nowhere,
   and neither SIGCONT nor any other signal but SIGKILL changes that.
2. ptrace alone does not hold either: the kernel releases what a tracer has stopped when the tracer ends. So every
   process here is in a frozen group first, and a keeper that takes over seizes it again.
3. A frozen thread is seized where it is. PTRACE_SEIZE and PTRACE_INTERRUPT bring it from the stop of the freezer
   into one of ptrace without a return to its program, and PTRACE_DETACH brings it back, so a program sees nothing that
   the freezer alone would not show it: read, nanosleep, poll, select, futex and msgrcv continue, and epoll_wait and
   sigtimedwait return EINTR (signal(7)), with and without this. A job that Ctrl-Z had stopped is stopped as before
   (`T`, `t`, `T`), and its shell gets no notification. 301 threads take 4 ms to seize and 3 ms to release (Linux
   6.18).
4. A thread in an uninterruptible sleep in the kernel (`D`) is seized all the same, and stops before it returns to its
   program. It cannot be detached earlier, so that is tried again, and at the latest the end of this process does it.
5. No option is set: PTRACE_O_EXITKILL would end the session with its keeper.
6. The parent of a traced thread is notified of its end only after its tracer has waited for it. So reap() must be
   called again and again: sshd waits for the shell.
7. All calls must come from one thread: a tracer is a thread, and not a process. The wait for a process that is within
   execve(2) does not end, and nothing but the end of this process ends it: see apart.

What cannot be seized is for the caller to watch (see guard): a process that another program traces, and every process
if the kernel refuses (kernel.yama.ptrace_scope=3, or the filter of a container).
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import signal
import struct
import time

from reaper import kernel_text, procfs
from reaper.decide.session.model import ProcessId
from reaper.sense.processes import start_ticks

# linux/ptrace.h: the same on every architecture.
_CONT, _DETACH, _GETSIGINFO, _SEIZE, _INTERRUPT = 7, 17, 0x4202, 0x4206, 0x4207
_WALL = 0x40000000  # linux/wait.h: threads, too
_SI_KERNEL = 0x80  # si_code of a timer's signal, unlike that of kill(2)
_SIGINFO_BYTES = 128
# A stopped thread is detached at once; threads that are about to stop get this long, all of a process together.
_SETTLE_SEC = 0.1
# A pending signal is delivered as soon as its thread runs, for which a busy machine takes a while.
_DELIVERY_SEC = 2.0
_PAUSE_SEC = 0.001
_ROUNDS = 10


class Tracer:
    """The threads that this thread has stopped, by process."""

    def __init__(self) -> None:
        self._threads: dict[ProcessId, set[int]] = {}
        self._undetached: set[int] = set()

    def seize(self, process: ProcessId) -> int:
        """Stops every thread of a frozen process, and does nothing for those stopped already.

        Returns 0, or the errno that prevents one of them from being stopped.
        """
        held = self._threads.setdefault(process, set())
        refused = 0
        for _ in range(_ROUNDS):
            new = set(procfs.list_threads(process.pid)) - held
            taken, refused = set(), 0
            if not new:
                break
            for tid in new:
                # Recorded like a read of /proc: this also blocks while the process is within execve(2) (see apart).
                error = kernel_text.noting(f"ptrace of {tid}", functools.partial(_seize, tid))
                if not error:
                    taken.add(tid)
                elif error != errno.ESRCH and not _has_ended(tid):
                    refused = error
            # A seized thread keeps its id. So these are threads of the process meant, or unrelated ones.
            threads = procfs.list_threads(process.pid) if start_ticks(process.pid) == process.start_ticks else []
            for tid in taken.difference(threads):
                _call(_INTERRUPT, tid)
                self._detach(tid, time.monotonic() + _SETTLE_SEC)
            held |= taken.intersection(threads)
            for tid in taken & held:
                _call(_INTERRUPT, tid)
            if not taken:
                break
        if not held:
            del self._threads[process]
        return refused

    def reap(self) -> None:
        """Reaps the threads that have ended, and detaches those that could not be detached before."""
        for process, threads in list(self._threads.items()):
            for tid in _in_order(process, threads):
                if _is_over(tid):
                    threads.discard(tid)
            if not threads:
                del self._threads[process]
        self._undetached = {tid for tid in self._undetached if not self._is_detached(tid)}

    def detach(self, process: ProcessId, *, without_alarm: bool = False, until: float | None = None) -> None:
        """Releases a process, which runs unless it is frozen. Does nothing if it is not held.

        With `without_alarm` a pending SIGALRM of a timer is discarded. Only for a process that is no longer frozen: a
        signal can be discarded as it is delivered, and not before. `until` is a time of time.monotonic(): what has not
        stopped by then is detached later.
        """
        threads = self._threads.pop(process, set())
        if without_alarm and threads == {process.pid} and _discard_alarm(process.pid):
            return
        deadline = time.monotonic() + _SETTLE_SEC if until is None else until
        for tid in _in_order(process, threads):
            self._detach(tid, deadline)

    def detach_all(self) -> None:
        """Releases every process that is held; the end of this process releases a thread that waits for a disk."""
        deadline = time.monotonic() + _SETTLE_SEC
        for process in list(self._threads):
            self.detach(process, until=deadline)

    def _detach(self, tid: int, deadline: float) -> None:
        while not self._is_detached(tid):
            if time.monotonic() > deadline:
                self._undetached.add(tid)
                return
            time.sleep(_PAUSE_SEC)

    @staticmethod
    def _is_detached(tid: int) -> bool:
        """Detaches a thread; False if it has not stopped yet."""
        return _call(_DETACH, tid) != errno.ESRCH or _is_over(tid)


def _seize(tid: int, _what: str) -> int:
    return _call(_SEIZE, tid)


def _in_order(process: ProcessId, threads: set[int]) -> list[int]:
    """Returns the first thread last: its end cannot be reaped before that of the others."""
    return sorted(threads, key=lambda tid: tid == process.pid)


def _discard_alarm(tid: int) -> bool:
    """Lets a thread run until its pending SIGALRM and detaches it without; returns whether it is detached."""
    deadline = time.monotonic() + _DELIVERY_SEC
    if _call(_CONT, tid):
        return False  # it has not stopped yet, so it was not frozen
    while True:
        status = _stop(tid, deadline)
        if status is None:  # nothing was delivered
            _call(_INTERRUPT, tid)
            return False
        number = os.WSTOPSIG(status) if os.WIFSTOPPED(status) else 0
        if not number:
            return True  # it has ended
        if status >> 16:  # a group-stop or an interrupt: no signal is being delivered
            return not _call(_DETACH, tid)
        if number == signal.SIGALRM:
            return not _call(_DETACH, tid, 0 if _is_of_timer(tid) else number)
        if _call(_CONT, tid, number):
            return False


def _stop(tid: int, deadline: float) -> int | None:
    """Returns the waitpid(2) status of a thread that has stopped or ended; None if it has not by then."""
    while True:
        try:
            pid, status = os.waitpid(tid, os.WNOHANG | _WALL)
        except ChildProcessError:
            return None
        if pid:
            return status
        if time.monotonic() > deadline:
            return None
        time.sleep(_PAUSE_SEC)


def _is_over(tid: int) -> bool:
    """Whether a thread has ended, of which its parent is then notified, or is not traced by us."""
    try:
        pid, status = os.waitpid(tid, os.WNOHANG | _WALL)
    except ChildProcessError:
        return True
    return bool(pid) and not os.WIFSTOPPED(status)


def _has_ended(tid: int) -> bool:
    """Whether a thread is a zombie or gone: it no longer runs, and cannot be seized."""
    stat = procfs.read_stat(tid)
    return stat is None or stat.state in "ZX"


def _is_of_timer(tid: int) -> bool:
    """Whether the kernel sent the signal that is being delivered."""
    buffer = ctypes.create_string_buffer(_SIGINFO_BYTES)
    if _call(_GETSIGINFO, tid, ctypes.addressof(buffer)):
        return False
    # si_signo, si_errno, si_code; the latter two are swapped on MIPS, and a timer leaves si_errno 0.
    return _SI_KERNEL in struct.unpack_from("iii", buffer)[1:]


_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.argtypes = [ctypes.c_long]  # the other arguments are variadic, which some machines pass differently
_ptrace.restype = ctypes.c_long


def _call(request: int, tid: int, data: int = 0) -> int:
    """Calls ptrace(2); returns its errno, or 0 for success."""
    result = _ptrace(request, ctypes.c_int(tid), ctypes.c_void_p(None), ctypes.c_void_p(data))
    return ctypes.get_errno() if result == -1 else 0
