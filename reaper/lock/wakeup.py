"""The signals of a keeper: SIGTERM and SIGINT ask it to end the lock, and wake it while it waits.

Also its watchdog notifications, which show systemd that it does not hang.
"""

from __future__ import annotations

import signal
import socket
import time

from systemd import daemon as systemd  # type: ignore[attr-defined,unused-ignore]

PING_SEC = 2.0  # WatchdogSec= is 20
_last_ping = float("-inf")


def ping_watchdog() -> None:
    """Notifies the watchdog, at most every PING_SEC, that the keeper's loop runs or waits for something bounded."""
    global _last_ping  # noqa: PLW0603 - one process has one watchdog
    now = time.monotonic()
    if now - _last_ping >= PING_SEC:
        _last_ping = now
        systemd.notify("WATCHDOG=1")


class Wakeup:
    """Has a descriptor that becomes readable on a signal; `is_stopped` is set once one asked for the end."""

    def __init__(self, is_stopped: bool = False) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.is_stopped = is_stopped

    def catch(self) -> None:
        """Starts catching the signals."""
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # systemd would take it for a clean exit, and start no other

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._reader.fileno()

    def clear(self) -> None:
        """Consumes the signals so far, so that fileno() waits for the next."""
        self._reader.recv(64)

    def close(self) -> None:
        """Closes the descriptors."""
        self._reader.close()
        self._writer.close()

    def _stop(self, _number: int, _frame: object) -> None:
        self.is_stopped = True
