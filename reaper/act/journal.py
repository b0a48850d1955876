"""Events for journald, by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/).

Not by sd_journal_send(3): that call says nothing when journald is away, and it waits when journald does not read; an
audit trail may not be lost silently, and a reaper may not be stopped by stopping its log. Here an event that journald
does not take now is kept, in order, and sent when it is back; what is lost when too many wait is counted and told.
"""

from __future__ import annotations

import collections
import errno
import os
import socket
import struct
from collections.abc import Mapping

from reaper.decide.events import Event, Priority

SOCKET = "/run/systemd/journal/socket"
# An hour of a brake-limited end of sessions, with room; at about 1 KiB each, half of what one more session may cost
# a thousand times over.
BACKLOG = 1000
# The kernel takes no datagram above net.core.wmem_default (208 KiB). Only the mistakes of a policy can be that long.
MAX_VALUE_BYTES = 32 * 1024


class Journal:
    """The way to journald. send() never waits and never raises."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._backlog: collections.deque[bytes] = collections.deque()
        self.lost = 0

    @property
    def waiting(self) -> int:
        """How many events journald has not taken yet."""
        return len(self._backlog)

    def send(self, event: Event) -> None:
        """Logs an event, after all that came before it."""
        self._enqueue(encode(event))

    def note(self, priority: Priority, message: str) -> None:
        """Logs a line that is no event: trouble of the daemon's own."""
        self._enqueue(_encode({"MESSAGE": message, "PRIORITY": str(int(priority)), "SYSLOG_IDENTIFIER": "reaperd"}))

    def _enqueue(self, datagram: bytes) -> None:
        if len(self._backlog) >= BACKLOG:
            self._backlog.popleft()
            self.lost += 1
        self._backlog.append(datagram)
        self.flush()

    def flush(self) -> None:
        """Sends what waits, as far as journald takes it."""
        while self._backlog:
            if not self._deliver(self._backlog[0]):
                return
            self._backlog.popleft()
            if self.lost and not self._backlog:
                lost, self.lost = self.lost, 0
                self.note(Priority.ERR, f"{lost} lines are lost: journald was away for too long, or did not take them")

    def _deliver(self, datagram: bytes) -> bool:
        try:
            self._socket.sendto(datagram, self._path)
        except OSError as error:  # away (ENOENT, ECONNREFUSED) or not reading (EAGAIN): kept, and tried again
            if error.errno != errno.EMSGSIZE:
                return False
            self.lost += 1  # it would never be taken, nor anything after it
        return True

    def close(self) -> None:
        """Gives the socket back."""
        self._socket.close()


def encode(event: Event) -> bytes:
    """The datagram of an event."""
    fields = {
        "MESSAGE": event.message,
        "MESSAGE_ID": event.kind.message_id,
        "PRIORITY": str(int(event.kind.priority)),
        "SYSLOG_IDENTIFIER": "reaperd",
        "SYSLOG_PID": str(os.getpid()),
        "REAPER_EVENT": event.kind.word,
    }
    fields.update((f"REAPER_{name.upper()}", value) for name, value in event.fields.items() if value != "")
    return _encode(fields)


def _encode(fields: Mapping[str, str]) -> bytes:
    parts = []
    for name, value in fields.items():
        data = value.encode("utf-8", "backslashreplace")
        if len(data) > MAX_VALUE_BYTES:
            data = data[: MAX_VALUE_BYTES - 3].decode("utf-8", "ignore").encode() + b"..."
        if b"\n" in data:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n")
        else:
            parts.append(name.encode() + b"=" + data + b"\n")
    return b"".join(parts)
