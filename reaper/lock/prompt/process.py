"""The process that asks for the password on one locked terminal; it makes one attempt and exits.

The password is only in the memory of this short-lived process, which leaves no core dump, is not swapped if that is
possible, and dies with its parent. The parent has imported everything and loaded libpam before it forks, so that a
package upgrade during a lock changes nothing here. It returns an Outcome through a pipe, and never a secret.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import time
import traceback
from collections.abc import Collection
from typing import NoReturn

from reaper.lock.prompt.dialogue import Ask, Dialogue
from reaper.lock.prompt.pam import Outcome, load

_MOST_BYTES = 4096  # PIPE_BUF: an outcome is written, and read, in one piece
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
# MCL_CURRENT, MCL_FUTURE and MCL_ONFAULT of <asm-generic/mman.h>, and of mman.h on powerpc, sparc and alpha. On fault:
# the stacks of the parent's threads are mapped here, too, and only their used parts should be in memory (11 MB of 58
# with four threads).
_MCL = 0x2000 | 0x4000 | 0x8000 if os.uname().machine.startswith(("ppc", "sparc", "alpha")) else 1 | 2 | 4
# How long to wait for a killed process. One that blocks on a file system of the user's is left behind.
_END_MS, _LOOK_MS = 500, 10


class Child:
    """The process that asks, as its parent sees it. `fd` is readable once there is an outcome, or the process died."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self.fd = fd
        self._outcome: Outcome | None = None

    def outcome(self) -> Outcome | None:
        """Returns the outcome of the attempt; None while it lasts. After that, the process is gone, `fd` closed."""
        if self._outcome is None and self.fd >= 0:
            try:
                data = os.read(self.fd, _MOST_BYTES)
            except BlockingIOError:
                return None
            self._end()
            try:
                self._outcome = Outcome(**json.loads(data))
            except (ValueError, TypeError):
                self._outcome = Outcome(False, -1, "the process that asks has died", "died")
        return self._outcome

    def stop(self) -> None:
        """Kills the process, whatever it is doing. Does nothing if it has ended."""
        if self.fd >= 0:
            os.kill(self.pid, signal.SIGKILL)
            self._end()

    def _end(self) -> None:
        os.close(self.fd)
        self.fd = -1
        with contextlib.suppress(ChildProcessError):
            for _ in range(_END_MS // _LOOK_MS):
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    return
                time.sleep(_LOOK_MS / 1000)


def start(line_fd: int, ask: Ask) -> Child:
    """Starts an attempt on a terminal that is taken over already: raw, without echo, and its screen set aside.

    Raises ReaperError if python-pam is missing.
    """
    load()
    parent = os.getpid()
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    pid = os.fork()
    if pid == 0:
        _attempt(line_fd, writing, ask, parent)
    os.close(writing)
    return Child(pid, reading)


def _attempt(line_fd: int, pipe: int, ask: Ask, parent: int) -> NoReturn:
    status = 1
    try:
        _seclude(parent, (0, 1, 2, line_fd, pipe))
        os.write(pipe, json.dumps(vars(Dialogue(line_fd, ask).attempt())).encode())
        status = 0
    except Exception:  # reported to the journal; no code of the parent's may run here
        traceback.print_exc()
    finally:
        os._exit(status)


def _seclude(parent: int, kept: Collection[int]) -> None:
    """Removes what the parent left in this process, and makes sure that nothing typed here can be found later."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor not in kept:
            with contextlib.suppress(OSError):  # the descriptor of the listing itself
                os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc.prctl(_PR_SET_DUMPABLE, 0)
    # This needs CAP_IPC_LOCK, or a limit above Python's own memory: with neither, nothing is locked in memory.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    libc.mlockall(_MCL)
