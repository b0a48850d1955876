"""The client's side of a method that goes on answering: io.reaper.Watch. Never waits for a reply."""

from __future__ import annotations

import json
from typing import Any

from reaper.control.client import MAX_REPLY_BYTES, DaemonAbsentError, connect, parse_reply
from reaper.control.server import PATH


class Stream:
    """One call with `more`, and its replies. Raises DaemonAbsentError where no daemon listens."""

    def __init__(self, method: str, path: str = PATH) -> None:
        self._path = path
        self._received = bytearray()
        try:
            self._connection = connect(path)
        except OSError as error:
            raise DaemonAbsentError(path) from error
        try:
            self._connection.sendall(json.dumps({"method": method, "more": True}).encode() + b"\0")
            self._connection.setblocking(False)
        except OSError as error:
            self._connection.close()
            raise DaemonAbsentError(path) from error

    def fileno(self) -> int:
        """Returns the descriptor that is readable when take() has something to return."""
        return self._connection.fileno()

    def take(self) -> list[dict[str, Any]]:
        """Returns the replies that have been received completely.

        Raises DaemonAbsentError when the daemon is gone or sends nonsense, DaemonRefusedError when it refuses the call.
        """
        try:
            data = self._connection.recv(1 << 20)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError as error:
            raise DaemonAbsentError(self._path) from error
        if not data or len(self._received) > MAX_REPLY_BYTES:
            raise DaemonAbsentError(self._path)
        self._received += data
        *whole, rest = self._received.split(b"\0")
        self._received = rest
        return [parse_reply(bytes(each), self._path) for each in whole]

    def close(self) -> None:
        """Ends the watch."""
        self._connection.close()
