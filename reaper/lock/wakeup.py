"""The signals of a keeper: SIGTERM and SIGINT ask it to end the lock, and wake it from what it waits for."""

from __future__ import annotations

import signal
import socket


class Wakeup:
    """Has a descriptor that is readable once a signal came; `is_stopped` is set once one asked for the end."""

    def __init__(self, is_stopped: bool = False) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.is_stopped = is_stopped

    def catch(self) -> None:
        """Catches them, from now on."""
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # systemd would take it for a clean end, and start no other

    def fileno(self) -> int:
        """What to wait on."""
        return self._reader.fileno()

    def clear(self) -> None:
        """Takes note of what came, so that fileno() waits for the next."""
        self._reader.recv(64)

    def close(self) -> None:
        """Lets go of the descriptors."""
        self._reader.close()
        self._writer.close()

    def _stop(self, _number: int, _frame: object) -> None:
        self.is_stopped = True
