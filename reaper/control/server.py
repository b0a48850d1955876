"""The socket /run/reaper/io.reaper: varlink (https://varlink.org), JSON messages that each end in a NUL.

Never waits for a client. What a client can make us hold is bounded: the length of a call, the number of clients, their
share for one user, and the time that one may take for a call.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import selectors
import socket
import struct
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reaper.control.methods import Peer, Subject, is_watch, reply_to
from reaper.control.watches import Watches

PATH = "/run/reaper/io.reaper"
# A call names a method and a session; nothing longer means well.
MAX_CALL_BYTES = 16 * 1024
# Enough for tools and a person's typing mistakes; 1,000 at once find the rest waiting in the kernel's queue.
MAX_CLIENTS = 64
MAX_CLIENTS_PER_USER = 16
# A client that is silent for this long, or does not take its reply, is let go. One that watches may be silent.
PATIENCE_USEC = 30_000_000


@dataclass
class _Client:
    connection: socket.socket
    peer: Peer
    since_usec: int
    received: bytearray = field(default_factory=bytearray)
    reply: bytes = b""


class Server:
    """The listening socket and its clients, all in the daemon's selector."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        subject: Subject,
        path: str = PATH,
        on_error: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._selector, self._subject, self._path, self._on_error = selector, subject, path, on_error
        self._listener: socket.socket | None = None
        self._identity: tuple[int, int] = (0, 0)
        self._clients: dict[int, _Client] = {}
        self._watches = Watches(subject)

    def ensure_bound(self) -> None:
        """Binds the socket; binds it again if somebody took it away. Raises OSError where that fails."""
        if self._listener is not None:
            try:
                status = os.lstat(self._path)
            except FileNotFoundError:
                pass
            else:
                if (status.st_dev, status.st_ino) == self._identity:
                    return
            self._stop_listening()
        self._bind()

    def _bind(self) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o755, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        temporary = f"{self._path}.new"
        try:
            if os.path.lexists(temporary):
                os.unlink(temporary)
            listener.bind(temporary)
            os.chmod(temporary, 0o666)  # noqa: S103 - who may do what is decided call by call
            listener.listen(MAX_CLIENTS)
            os.rename(temporary, self._path)
        except OSError:
            listener.close()
            raise
        status = os.lstat(self._path)
        self._identity = (status.st_dev, status.st_ino)
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ, self)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        """Lets every client go and takes the socket away."""
        for client in list(self._clients.values()):
            self._drop(client)
        if self._listener is not None:
            self._stop_listening()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)

    def handle(self, fd: int, events: int, now_usec: int) -> None:
        """Does what a readable or writable descriptor of ours allows."""
        if self._listener is not None and fd == self._listener.fileno():
            self._accept(now_usec)
            return
        client = self._clients.get(fd)
        if client is None:
            return
        try:
            if events & selectors.EVENT_WRITE:
                self._send(client)
                if fd in self._clients:
                    self._answer(client, now_usec)
            elif events & selectors.EVENT_READ:
                self._receive(client, now_usec)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop(client)

    def expire(self, now_usec: int) -> None:
        """Lets go of clients that take too long."""
        for client in [each for each in self._clients.values() if now_usec - each.since_usec > PATIENCE_USEC]:
            if client.reply or client.connection.fileno() not in self._watches:
                self._drop(client)

    def refresh(self, now_usec: int) -> None:
        """Tells those who watch what has changed. One that has not taken the last reply is told when it has."""
        for fd in self._watches.fds:
            client = self._clients[fd]
            if not client.reply:
                reply = self._guarded(client, functools.partial(self._watches.news, fd, now_usec))
                if reply is not None:
                    client.since_usec = now_usec
                    self._begin_reply(client, reply)

    def next_wake(self) -> int | None:
        """When refresh() has something to look at though nothing happens until then; None for never."""
        return self._watches.next_usec()

    def _accept(self, now_usec: int) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:  # the client is gone again, or descriptors are short: the next one may do better
            return
        pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        client = _Client(connection, Peer(pid, uid), now_usec)
        same_user = sum(1 for each in self._clients.values() if each.peer.uid == uid)
        # Some places are root's alone: users who take all of theirs keep the administrator from nothing.
        places = MAX_CLIENTS if uid == 0 else MAX_CLIENTS - MAX_CLIENTS_PER_USER
        if len(self._clients) >= places or (uid != 0 and same_user >= MAX_CLIENTS_PER_USER):
            connection.close()
            return
        connection.setblocking(False)
        self._clients[connection.fileno()] = client
        self._selector.register(connection, selectors.EVENT_READ, self)

    def _drop(self, client: _Client) -> None:
        del self._clients[client.connection.fileno()]
        self._watches.end(client.connection.fileno())
        self._selector.unregister(client.connection)
        client.connection.close()

    def _receive(self, client: _Client, now_usec: int) -> None:
        data = client.connection.recv(MAX_CALL_BYTES)
        client.received += data
        # Whole calls are answered, and so go; but not while their sender watches.
        is_kept = b"\0" not in client.received or client.connection.fileno() in self._watches
        if not data or (len(client.received) > MAX_CALL_BYTES and is_kept):
            self._drop(client)
            return
        self._answer(client, now_usec)

    def _answer(self, client: _Client, now_usec: int) -> None:
        """Answers the calls that have come in whole, one at a time: the next is not read before the reply is taken."""
        fd = client.connection.fileno()
        while not client.reply and b"\0" in client.received and fd not in self._watches:
            call, _, rest = bytes(client.received).partition(b"\0")
            client.received = bytearray(rest)
            client.since_usec = now_usec
            try:
                message = json.loads(call)
            except (ValueError, RecursionError):
                self._drop(client)
                return
            if is_watch(message):
                reply = self._guarded(client, functools.partial(self._watches.begin, fd, client.peer, now_usec))
            else:
                reply = self._guarded(client, functools.partial(reply_to, message, client.peer, self._subject))
            if reply is None:
                return
            if not (isinstance(message, dict) and message.get("oneway") is True):
                self._begin_reply(client, reply)
                if client.connection.fileno() < 0:  # dropped
                    return

    def _guarded(self, client: _Client, work: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
        """A barrier: any user may call, and a mistake of ours in answering must not stop the daemon's work."""
        try:
            return work()
        except Exception:
            self._on_error(f"internal error at a call of uid {client.peer.uid}:\n{traceback.format_exc()}")
            self._drop(client)
            return None

    def _begin_reply(self, client: _Client, reply: dict[str, Any]) -> None:
        client.reply = json.dumps(reply).encode() + b"\0"
        self._send(client)

    def _send(self, client: _Client) -> None:
        try:
            sent = client.connection.send(client.reply)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._drop(client)
            return
        client.reply = client.reply[sent:]
        waiting = bool(client.reply)
        self._selector.modify(client.connection, selectors.EVENT_WRITE if waiting else selectors.EVENT_READ, self)
