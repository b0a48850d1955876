"""Ends the daemon where it waits for good for something that the kernel says of a process.

Such a wait (see sense/distrust.py) cannot be broken off from within: it ends when its thread dies, and a thread dies
with its process. systemd starts the next daemon after a second. The watchdog is no help: its SIGABRT does not end the
wait, and the next daemon would wait for the same process.

A thread of its own looks at what is being read. It sleeps on a timer (timerfd_create(2)) that the loop arms when it
begins a turn and disarms when it rests: two calls of 1 us, and no wake-up where a turn takes no longer than that.
What counts is one and the same read at each of LOOKS looks a second apart. So neither a daemon that was stopped
(SIGSTOP), nor a slow machine, nor work of the daemon's own that takes long, nor a program that it waits for is taken
for it.
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
    """Ends the daemon at once. SIGKILL, as no other signal ends all of its waits."""
    os.kill(os.getpid(), signal.SIGKILL)


class Supervisor:
    """The thread, and the timer that it sleeps on."""

    def __init__(
        self, on_stuck: Callable[[str], None], patience_sec: float = PATIENCE_SEC, look_sec: float = LOOK_SEC
    ) -> None:
        """`on_stuck` is called by the thread, with the path of the file that cannot be read."""
        self._on_stuck, self._look_sec = on_stuck, look_sec
        self._timer = -1
        time_spec = divmod(int(patience_sec * NS_PER_SEC), NS_PER_SEC)
        self._armed = ctypes.create_string_buffer(_ITIMERSPEC.pack(*time_spec, *time_spec))  # again and again
        self._disarmed = ctypes.create_string_buffer(_ITIMERSPEC.pack(0, 0, 0, 0))
        self._at_once = ctypes.create_string_buffer(_ITIMERSPEC.pack(0, 0, 0, 1))
        self._is_closed = False
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Starts the thread. Raises OSError where there is no descriptor for its timer."""
        self._timer = _libc().timerfd_create(time.CLOCK_MONOTONIC, os.O_CLOEXEC)
        if self._timer < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._thread.start()

    def begin(self) -> None:
        """The loop begins a turn."""
        _libc().timerfd_settime(self._timer, 0, self._armed, None)

    def rest(self) -> None:
        """The loop rests."""
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
        """Whether that one read goes on and on."""
        for _ in range(LOOKS):
            time.sleep(self._look_sec)
            if kernel_text.reading is not path:
                return False
        return True


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)  # glibc 2.8; Python's os module has these from 3.13 on
