"""Stops threads by ptrace(2): the second means, beside a frozen control group, by which a lock holds what it stops.

Theory of operation.

1. The frozen group alone does not hold. PID 1 moves a process for the user that it runs as (busctl call
   org.freedesktop.systemd1 … AttachProcessesToUnit to a unit below user@UID.service, with no authorization beyond the
   uid; measured on Debian 12 and 13), and outside the group it runs. A thread that is stopped by ptrace runs nowhere,
   and neither SIGCONT nor any other signal but SIGKILL changes that.
2. ptrace alone does not hold either: the kernel releases what a tracer has stopped when the tracer ends. So every
   process here is in a frozen group first, and a keeper that takes over seizes it again.
3. A frozen thread is seized where it stands. PTRACE_SEIZE and PTRACE_INTERRUPT bring it from the stop of the freezer
   into one of ptrace without a return to its program, and PTRACE_DETACH brings it back, so a program sees nothing that
   the freezer alone would not show it: read, nanosleep, poll, select, futex and msgrcv go on, and epoll_wait and
   sigtimedwait return EINTR (signal(7)), with and without this. A job that Ctrl-Z had stopped is stopped as before
   (`T`, `t`, `T`), and its shell hears nothing. 301 threads cost 4 ms to seize and 3 ms to release (Linux 6.18).
4. A thread that sleeps in the kernel and cannot be interrupted (`D`) is seized all the same, and stops before it
   returns to its program. It cannot be detached before, so that is tried again, and the end of this process does it.
5. No option is set: PTRACE_O_EXITKILL would end the session with its keeper.
6. The parent of a traced thread hears of its end only after its tracer has waited for it. So tend() is to be called
   again and again: sshd waits for the shell.
7. All calls are to come from one thread: a tracer is a thread, and not a process. The wait for a process that is within
   execve(2) does not end, and nothing but the end of this process ends it: see apart.

What cannot be seized is for the caller to watch (see guard): a process that another program traces, and every process
where the kernel refuses (kernel.yama.ptrace_scope=3, or the filter of a container).
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
_SI_KERNEL = 0x80  # from a timer, and not from kill(2)
_SIGINFO_BYTES = 128
# What is stopped already is detached at once; what is on its way there gets so long, all threads of a process together.
_SETTLE_SEC = 0.1
# A signal that is pending is delivered as soon as its thread is on a processor, for which a busy machine takes a while.
_DELIVERY_SEC = 2.0
_PAUSE_SEC = 0.001
_ROUNDS = 10


class Tracer:
    """The threads that this thread has stopped, by their processes."""

    def __init__(self) -> None:
        self._threads: dict[ProcessId, set[int]] = {}
        self._leaving: set[int] = set()

    def take(self, process: ProcessId) -> int:
        """Stops every thread of a process that is frozen, and does nothing where that is so already.

        Returns 0, or the number of the error that keeps one of them from being stopped.
        """
        held = self._threads.setdefault(process, set())
        refused = 0
        for _ in range(_ROUNDS):
            new = set(procfs.list_threads(process.pid)) - held
            taken, refused = set(), 0
            if not new:
                break
            for tid in new:
                # Noted as a read is: this waits, too, while the process is within execve(2) (see apart).
                error = kernel_text.noting(f"ptrace of {tid}", functools.partial(_seize, tid))
                if not error:
                    taken.add(tid)
                elif error != errno.ESRCH and not _has_ended(tid):
                    refused = error
            # What is seized cannot lose its number: so these are the threads that are meant, or strangers.
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

    def tend(self) -> None:
        """Reaps the threads that have ended, and detaches those that could not be detached before."""
        for process, threads in list(self._threads.items()):
            for tid in _in_order(process, threads):
                if _is_over(tid):
                    threads.discard(tid)
            if not threads:
                del self._threads[process]
        self._leaving = {tid for tid in self._leaving if not self._is_detached(tid)}

    def let_go(self, process: ProcessId, *, without_alarm: bool = False, until: float | None = None) -> None:
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

    def let_all_go(self) -> None:
        """Releases every process that is held; what waits for a disk goes on with the end of this process."""
        deadline = time.monotonic() + _SETTLE_SEC
        for process in list(self._threads):
            self.let_go(process, until=deadline)

    def _detach(self, tid: int, deadline: float) -> None:
        while not self._is_detached(tid):
            if time.monotonic() > deadline:
                self._leaving.add(tid)
                return
            time.sleep(_PAUSE_SEC)

    @staticmethod
    def _is_detached(tid: int) -> bool:
        """Detaches a thread; False while it has not stopped."""
        return _call(_DETACH, tid) != errno.ESRCH or _is_over(tid)


def _seize(tid: int, _what: str) -> int:
    return _call(_SEIZE, tid)


def _in_order(process: ProcessId, threads: set[int]) -> list[int]:
    """The first thread last: who has ended is waited for in vain before the others are."""
    return sorted(threads, key=lambda tid: tid == process.pid)


def _discard_alarm(tid: int) -> bool:
    """Lets a thread run up to its pending SIGALRM and detaches it without; returns whether it is detached."""
    deadline = time.monotonic() + _DELIVERY_SEC
    if _call(_CONT, tid):
        return False  # it is on its way to its stop still, and had not stood still
    while True:
        status = _stop(tid, deadline)
        if status is None:  # nothing was delivered
            _call(_INTERRUPT, tid)
            return False
        number = os.WSTOPSIG(status) if os.WIFSTOPPED(status) else 0
        if not number:
            return True  # it has ended
        if status >> 16:  # of the job's, or an interrupt: no signal is under way
            return not _call(_DETACH, tid)
        if number == signal.SIGALRM:
            return not _call(_DETACH, tid, 0 if _is_of_timer(tid) else number)
        if _call(_CONT, tid, number):
            return False


def _stop(tid: int, deadline: float) -> int | None:
    """The status of a thread that has stopped, or ended, as waitpid(2) has it; None where it has not by then."""
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
    """Whether a thread has ended, which its parent may know now, or is none of ours."""
    try:
        pid, status = os.waitpid(tid, os.WNOHANG | _WALL)
    except ChildProcessError:
        return True
    return bool(pid) and not os.WIFSTOPPED(status)


def _has_ended(tid: int) -> bool:
    """Whether a thread is a zombie, or gone: it runs no more, and cannot be seized."""
    stat = procfs.read_stat(tid)
    return stat is None or stat.state in "ZX"


def _is_of_timer(tid: int) -> bool:
    """Whether the signal that is being delivered was sent by the kernel."""
    buffer = ctypes.create_string_buffer(_SIGINFO_BYTES)
    if _call(_GETSIGINFO, tid, ctypes.addressof(buffer)):
        return False
    # si_signo, si_errno, si_code; the latter two change places on MIPS, and a timer leaves si_errno 0.
    return _SI_KERNEL in struct.unpack_from("iii", buffer)[1:]


_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.argtypes = [ctypes.c_long]  # the other arguments are variadic, which is another way to call on some machines
_ptrace.restype = ctypes.c_long


def _call(request: int, tid: int, data: int = 0) -> int:
    """ptrace(2); returns the number of its error, 0 for none."""
    result = _ptrace(request, ctypes.c_int(tid), ctypes.c_void_p(None), ctypes.c_void_p(data))
    return ctypes.get_errno() if result == -1 else 0
