"""Sends events to journald by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/).

sd_journal_send(3) is not used: it reports no error while journald is away, and it waits while journald does not read.
An audit trail may not be lost silently, and nobody may stop the daemon by stopping its log. Here an event that journald
does not accept now is kept, in order, and sent later; events that are dropped because too many wait are counted, and
the count is logged.

Events and notes wait in one queue, each with a limit of its own: events are the audit trail, and no problem of the
daemon's own, however often it is noted, pushes one of them out.
"""

from __future__ import annotations

import collections
import errno
import os
import socket
import struct
from collections.abc import Mapping
from typing import NamedTuple

from reaper.decide.output.events import Event, Priority

SOCKET = "/run/systemd/journal/socket"
# As many events as an hour of terminations brings under the brake, and some more; at about 1 KiB each, half of what a
# thousand sessions may cost.
BACKLOG = 1000
NOTES = 100  # a day of problems, each logged once a minute at most, would fill it; the newest show what is going on
# The kernel accepts no datagram above net.core.wmem_default (208 KiB). Only the list of a policy's mistakes gets so
# long.
MAX_VALUE_BYTES = 32 * 1024


class _Entry(NamedTuple):
    datagram: bytes
    is_event: bool


class Journal:
    """The connection to journald. send() never waits and never raises."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._backlog: collections.deque[_Entry] = collections.deque()
        self.lost = 0  # events
        self.lost_notes = 0

    @property
    def waiting(self) -> int:
        """How many events and notes journald has not accepted yet."""
        return len(self._backlog)

    def send(self, event: Event) -> None:
        """Logs an event, after all earlier ones."""
        self._enqueue(_Entry(encode(event), is_event=True))

    def note(self, priority: Priority, message: str) -> None:
        """Logs a line that is no event: a problem of the daemon's own."""
        fields = {"MESSAGE": message, "PRIORITY": str(int(priority)), "SYSLOG_IDENTIFIER": "reaperd"}
        self._enqueue(_Entry(_encode(fields), is_event=False))

    def _enqueue(self, entry: _Entry) -> None:
        self._backlog.append(entry)
        self.flush()
        same = [number for number, each in enumerate(self._backlog) if each.is_event == entry.is_event]
        if len(same) > (BACKLOG if entry.is_event else NOTES):
            del self._backlog[same[0]]
            self._count_lost(entry)

    def _count_lost(self, entry: _Entry) -> None:
        if entry.is_event:
            self.lost += 1
        else:
            self.lost_notes += 1

    def flush(self) -> None:
        """Sends the waiting entries, as far as journald accepts them."""
        while self._backlog:
            if not self._deliver(self._backlog[0]):
                return
            self._backlog.popleft()
        if self.lost or self.lost_notes:
            what = f"{self.lost} events and {self.lost_notes} other lines"
            self.lost = self.lost_notes = 0
            self.note(Priority.ERR, f"{what} are lost: journald was away for too long, or did not accept them")

    def _deliver(self, entry: _Entry) -> bool:
        try:
            self._socket.sendto(entry.datagram, self._path)
        except OSError as error:  # away (ENOENT, ECONNREFUSED) or not reading (EAGAIN): kept and tried again
            if error.errno != errno.EMSGSIZE:
                return False
            self._count_lost(entry)  # it would never be accepted, and would block all later ones
        return True

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()


def encode(event: Event) -> bytes:
    """Returns the datagram of an event."""
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
