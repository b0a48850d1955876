"""Ends the daemon if it is stuck in a read of a process's file in /proc that never returns.

Such a read (see sense/distrust.py) cannot be interrupted: it ends only when its thread dies, which means with the
process. systemd starts the next daemon after a second. The watchdog does not help: its SIGABRT does not end the read,
and the next daemon would be stuck on the same process.

A separate thread checks what is being read. It sleeps on a timer (timerfd_create(2)) that the loop arms when it begins
a turn and disarms before it sleeps: two calls of 1 us, and no wake-up if a turn takes less than PATIENCE_SEC. The
daemon is stuck only if one and the same read is seen at LOOKS checks in a row, a second apart. This excludes a daemon
that was stopped (SIGSTOP), a slow machine, long work of the daemon's own, and programs that the daemon waits for.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import struct
import threading
import time
from typing import Callable

from reaper import kernel_text
from reaper.decide.session.model import NS_PER_SEC

PATIENCE_SEC = 5
LOOK_SEC = 1.0
LOOKS = 6
_ITIMERSPEC = struct.Struct("=4q" if struct.calcsize("P") == 8 else "=4l")


def end_ourselves() -> None:
    """Ends the daemon at once with SIGKILL, as no other signal ends every wait."""
    os.kill(os.getpid(), signal.SIGKILL)


class Supervisor:
    """The thread that checks for stuck reads, and the timer that it sleeps on."""

    def __init__(
        self, on_stuck: Callable[[str], None], patience_sec: float = PATIENCE_SEC, look_sec: float = LOOK_SEC
    ) -> None:
        """Makes the supervisor; the thread calls `on_stuck` with the path of the file whose read does not return."""
        self._on_stuck, self._look_sec = on_stuck, look_sec
        self._timer = -1
        time_spec = divmod(int(patience_sec * NS_PER_SEC), NS_PER_SEC)
        self._armed = ctypes.create_string_buffer(_ITIMERSPEC.pack(*time_spec, *time_spec))  # periodic
        self._disarmed = ctypes.create_string_buffer(_ITIMERSPEC.pack(0, 0, 0, 0))
        self._at_once = ctypes.create_string_buffer(_ITIMERSPEC.pack(0, 0, 0, 1))
        self._is_closed = False
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Starts the thread. Raises OSError if its timer cannot be created."""
        self._timer = _libc().timerfd_create(time.CLOCK_MONOTONIC, os.O_CLOEXEC)
        if self._timer < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._thread.start()

    def arm(self) -> None:
        """Arms the timer, as the loop begins a turn."""
        _libc().timerfd_settime(self._timer, 0, self._armed, None)

    def disarm(self) -> None:
        """Disarms the timer, as the loop goes to sleep."""
        _libc().timerfd_settime(self._timer, 0, self._disarmed, None)

    def close(self) -> None:
        """Ends the thread."""
        self._is_closed = True
        _libc().timerfd_settime(self._timer, 0, self._at_once, None)
        self._thread.join()
        os.close(self._timer)

    def _watch(self) -> None:
        while not self._is_closed:
            os.read(self._timer, 8)
            path = kernel_text.reading
            if path is not None and self._stays(path):
                self._on_stuck(path)

    def _stays(self, path: str) -> bool:
        """Whether this one read is still going on at LOOKS checks in a row."""
        for _ in range(LOOKS):
            time.sleep(self._look_sec)
            if kernel_text.reading is not path:
                return False
        return True


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)  # glibc 2.8; Python's os module has these from 3.13 on
