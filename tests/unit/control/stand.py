"""The server on a real socket below the test's directory: one call of pump() at a time, and only the test's clock."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import sys
from typing import Any

import pytest

from reaper.control.methods import CallError, Peer
from reaper.control.server import Server
from tests.unit.people import fork

LIST = b'{"method":"io.reaper.List"}\0'
WATCH = b'{"method":"io.reaper.Watch","more":true}\0'
ALL = {"parameters": {"sessions": ["1", "2", "3"], "policy": ""}}


class FakeBackend:
    """Sessions of root and of two other users, and one reply as large as a test wants."""

    def __init__(self) -> None:
        self.padding = ""
        self.calls = 0
        self.mistake: Exception | None = None

    def list_sessions(self, uid: int) -> dict[str, Any]:
        self.calls += 1
        if self.mistake is not None:
            raise self.mistake
        owners = {"1": 0, "2": 1000, "3": 1001}
        visible = [name for name, owner in owners.items() if uid in (0, owner)]
        return {"sessions": visible, "policy": self.padding}

    def watch_sessions(self, uid: int) -> tuple[dict[str, Any], Any]:
        answer = self.list_sessions(uid)
        return answer, (answer["sessions"], answer["policy"])

    def explain_session(self, peer: Peer, name: str) -> dict[str, Any]:
        raise CallError("io.reaper.NoSuchSession", session=name[:200])


class Stand:
    """A server in its loop."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.selector = selectors.DefaultSelector()
        self.backend = FakeBackend()
        self.errors: list[tuple[str, BaseException | None]] = []  # where, and which
        self.server = Server(self.selector, self.backend, path, self._take_error)
        self.now_usec = 0
        self.clients: list[socket.socket] = []
        self.server.ensure_bound()

    def _take_error(self, where: str) -> None:
        self.errors.append((where, sys.exc_info()[1]))

    def step(self) -> bool:
        """Runs one turn of the loop. Returns whether there was anything to do."""
        ready = self.selector.select(0)
        is_busy = bool(ready) or self.server.next_wake() == 0
        for key, _ in ready:
            assert key.data is self.server
            self.server.handle(key.fd, self.now_usec)
        self.server.serve(self.now_usec)
        return is_busy

    def pump(self) -> None:
        """Runs turns of the loop until nothing is ready."""
        for _ in range(10_000):
            if not self.step():
                return
        raise AssertionError("the server spins")

    def turn(self, now_usec: int) -> None:
        """Does what the daemon's loop does at such a time, and what follows from it."""
        self.now_usec = now_usec
        self.server.expire(now_usec)
        self.server.refresh(now_usec)
        self.pump()

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.clients.append(connection)
        connection.connect(self.path)
        connection.setblocking(False)
        self.pump()
        return connection

    def send(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        self.pump()

    def read(self, connection: socket.socket) -> list[Any]:
        """Returns the complete replies that have arrived; None at the end for a connection that was closed."""
        data = b""
        closed = False
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    more = connection.recv(1 << 20)
                except ConnectionResetError:
                    more = b""
                if not more:
                    closed = True
                    break
                data += more
                self.pump()
        assert not data or data.endswith(b"\0")
        replies = [json.loads(each) for each in data.split(b"\0")[:-1]]
        return [*replies, None] if closed else replies

    def stop(self) -> None:
        for connection in self.clients:
            connection.close()
        self.server.close()
        self.selector.close()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users, which only root can")


def reachable(path) -> None:
    """Opens pytest's directories, which only root may enter, to other users."""
    for directory in (path, *path.parents):
        if str(directory).startswith("/tmp/"):
            os.chmod(directory, os.stat(directory).st_mode | 0o711)


def ask_as(stand: Stand, uid: int, calls: int, call: bytes = LIST) -> list[bytes]:
    """Returns what a user reads on each of so many connections, after one call on each."""
    results, results_writer = os.pipe()
    done, done_writer = os.pipe()

    def work() -> None:
        os.close(done_writer)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        connections = []
        for _ in range(calls):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(stand.path)
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(call)
            connections.append(connection)
        for connection in connections:
            try:
                reply = connection.recv(4096)
            except ConnectionResetError:
                reply = b""
            os.write(results_writer, reply.rstrip(b"\0") + b"\n")
        os.read(done, 1)

    pid = fork(work)
    os.close(results_writer)
    os.set_blocking(results, False)
    data = b""
    try:
        while data.count(b"\n") < calls:
            stand.pump()
            with contextlib.suppress(BlockingIOError):
                more = os.read(results, 65536)
                assert more, "the user's process failed"
                data += more
        return data.splitlines()
    finally:
        for fd in (results, done, done_writer):
            os.close(fd)
        os.waitpid(pid, 0)
        stand.pump()
