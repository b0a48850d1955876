"""The socket /run/reaper/io.reaper: varlink (https://varlink.org), JSON messages that each end in a NUL.

Never waits for a client. Everything that clients can make the daemon store is bounded: the length of a call, the number
of clients in all and per user, and the time for a call. So is the work before the loop turns to what is due: one call,
of the client that has waited longest.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import selectors
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from reaper.control.methods import Backend, Peer, is_watch, reply_to
from reaper.control.subscriptions import Subscriptions, encode

PATH = "/run/reaper/io.reaper"
# A call names a method and a session; no honest call is longer.
MAX_CALL_BYTES = 16 * 1024
# Enough for tools and a person's typing mistakes; if 1,000 connect at once, the rest wait in the kernel's queue.
MAX_CLIENTS = 64
MAX_CLIENTS_PER_USER = 16
# A client that is silent for this long, or does not read its reply, is disconnected. One that watches may be silent.
PATIENCE_USEC = 30_000_000

T = TypeVar("T")


@dataclass
class _Client:
    connection: socket.socket
    peer: Peer
    since_usec: int
    received: bytearray = field(default_factory=bytearray)
    reply: bytes = b""
    has_left: bool = False


class Server:
    """The listening socket and its clients, all in the daemon's selector."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        backend: Backend,
        path: str = PATH,
        on_error: Callable[[str], None] = lambda _where: None,
    ) -> None:
        """`on_error` is called while an exception of ours is handled, with the place where it was raised."""
        self._selector, self._backend, self._path, self._on_error = selector, backend, path, on_error
        self._listener: socket.socket | None = None
        self._identity: tuple[int, int] = (0, 0)
        self._clients: dict[int, _Client] = {}
        self._ready: dict[int, None] = {}  # connections with something to do, the longest waiting first
        self._watches = Subscriptions(backend)

    def ensure_bound(self) -> None:
        """Binds the socket; binds it again if somebody removed it. Raises OSError where that fails."""
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
            os.chmod(temporary, 0o666)  # noqa: S103 - permissions are checked for each call
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
        """Disconnects every client and removes the socket."""
        for client in list(self._clients.values()):
            self._drop(client)
        if self._listener is not None:
            self._stop_listening()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)

    def handle(self, fd: int, now_usec: int) -> None:
        """Notes that one of the server's descriptors is readable or writable; accepts clients that wait."""
        if self._listener is not None and fd == self._listener.fileno():
            self._accept(now_usec)
        elif fd in self._clients:
            self._ready[fd] = None

    def serve(self, now_usec: int) -> None:
        """Does one thing for one client: continues its reply, answers its next call, or reads what may be one.

        A thousand calls in one write take as many turns of the loop, with other clients' turns in between.
        """
        fd = next(iter(self._ready), None)
        if fd is None:
            return
        del self._ready[fd]
        client = self._clients[fd]
        try:
            if client.reply:
                self._send(client)
            elif self._has_call(client) or self._receive(client):
                self._answer(client, now_usec)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop(client)
        if fd in self._clients and self._has_call(client):
            self._ready[fd] = None

    def _has_call(self, client: _Client) -> bool:
        """Returns whether a complete call waits, its client has read the last reply, and it does not watch."""
        return not client.reply and b"\0" in client.received and client.connection.fileno() not in self._watches

    def expire(self, now_usec: int) -> None:
        """Disconnects clients that take too long."""
        for client in [each for each in self._clients.values() if now_usec - each.since_usec > PATIENCE_USEC]:
            if client.reply or client.connection.fileno() not in self._watches:
                self._drop(client)

    def refresh(self, now_usec: int) -> None:
        """Sends changes to the clients that watch. One that has not read the last reply gets them after it has."""
        free = [fd for fd in self._watches.fds if not self._clients[fd].reply]
        for fd in self._watches.due(free, now_usec):
            client = self._clients[fd]
            reply = self._guarded(client, functools.partial(self._watches.news, fd, now_usec))
            if reply is not None:
                client.since_usec = now_usec
                self._begin_reply(client, reply)

    def next_wake(self) -> int | None:
        """Returns when serve() or refresh() has work even if nothing happens until then; None for never."""
        return 0 if self._ready else self._watches.next_usec()

    def _accept(self, now_usec: int) -> None:
        """Accepts the clients in the kernel's queue, no more than it holds, however fast others come."""
        assert self._listener is not None
        for _ in range(MAX_CLIENTS):
            try:
                connection, _ = self._listener.accept()
            except OSError:  # none is left, or a client or all descriptors are gone: the next turn may do better
                return
            self._admit(connection, now_usec)

    def _admit(self, connection: socket.socket, now_usec: int) -> None:
        pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        client = _Client(connection, Peer(pid, uid), now_usec)
        same_user = sum(1 for each in self._clients.values() if each.peer.uid == uid)
        # Some places are reserved for root: users who take all of theirs do not keep the administrator out.
        places = MAX_CLIENTS if uid == 0 else MAX_CLIENTS - MAX_CLIENTS_PER_USER
        if len(self._clients) >= places or (uid != 0 and same_user >= MAX_CLIENTS_PER_USER):
            connection.close()
            return
        connection.setblocking(False)
        self._clients[connection.fileno()] = client
        self._selector.register(connection, selectors.EVENT_READ, self)

    def _drop(self, client: _Client) -> None:
        del self._clients[client.connection.fileno()]
        self._ready.pop(client.connection.fileno(), None)
        self._watches.end(client.connection.fileno())
        self._selector.unregister(client.connection)
        client.connection.close()

    def _receive(self, client: _Client) -> bool:
        """Reads what there is of a call, up to the limit for one. Returns whether it is complete.

        A client that has closed its end is read once. The rest in the kernel's buffer can be minutes of work for
        nobody.
        """
        if client.has_left:
            self._drop(client)
            return False
        client.has_left = _is_closed(client.connection)
        data = client.connection.recv(MAX_CALL_BYTES + 1 - len(client.received))
        client.received += data
        if not data or (len(client.received) > MAX_CALL_BYTES and not self._has_call(client)):
            self._drop(client)
            return False
        return self._has_call(client)

    def _answer(self, client: _Client, now_usec: int) -> None:
        """Answers the first of the calls that have been received completely."""
        fd = client.connection.fileno()
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
            reply = self._guarded(client, functools.partial(reply_to, message, client.peer, self._backend))
        if reply is not None and not (isinstance(message, dict) and message.get("oneway") is True):
            self._begin_reply(client, encode(reply))

    def _guarded(self, client: _Client, work: Callable[[], T]) -> T | None:
        """A barrier: any user may call, and a bug in an answer must not stop the daemon's work."""
        try:
            return work()
        except Exception:
            self._on_error(f"at a call of uid {client.peer.uid}")
            self._drop(client)
            return None

    def _begin_reply(self, client: _Client, reply: bytes) -> None:
        client.reply = reply
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


def _is_closed(connection: socket.socket) -> bool:
    """Returns whether the other end is closed, also for reading (POLLHUP of poll(2)); unread data may be left."""
    poller = select.poll()
    poller.register(connection, 0)
    return bool(poller.poll(0))
