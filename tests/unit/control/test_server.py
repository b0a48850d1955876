"""The control socket: whatever clients do, the daemon waits for none of them, and each sees only what is theirs.

A real socket below the test's directory, served by one call of pump() at a time; no clock but the one the test says.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import stat
from collections.abc import Iterator
from typing import Any

import pytest

from reaper import __version__
from reaper.control import client, server
from reaper.control.methods import CallError
from reaper.control.server import MAX_CALL_BYTES, MAX_CLIENTS, MAX_CLIENTS_PER_USER, PATIENCE_USEC, Server
from tests.unit.people import fork


class FakeSubject:
    """Sessions of root and of two others, and one answer as large as a test wants."""

    def __init__(self) -> None:
        self.padding = ""
        self.calls = 0

    def list_sessions(self, uid: int) -> dict[str, Any]:
        self.calls += 1
        owners = {"1": 0, "2": 1000, "3": 1001}
        visible = [name for name, owner in owners.items() if uid in (0, owner)]
        return {"sessions": visible, "policy": self.padding}

    def explain_session(self, uid: int, name: str) -> dict[str, Any]:
        raise CallError("io.reaper.NoSuchSession", session=name[:200])


class Stand:
    """A server in its loop."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.selector = selectors.DefaultSelector()
        self.subject = FakeSubject()
        self.server = Server(self.selector, self.subject, path)
        self.now_usec = 0
        self.clients: list[socket.socket] = []
        self.server.ensure_bound()

    def pump(self) -> None:
        """Turns of the loop until nothing is ready."""
        for _ in range(10_000):
            ready = self.selector.select(0)
            if not ready:
                return
            for key, events in ready:
                assert key.data is self.server
                self.server.handle(key.fd, events, self.now_usec)
        raise AssertionError("the server spins")

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
        """The replies that are there, whole; None at the end for a connection that was closed."""
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


@pytest.fixture
def stand(tmp_path) -> Iterator[Stand]:
    stand = Stand(str(tmp_path / "run" / "io.reaper"))
    yield stand
    stand.stop()


LIST = b'{"method":"io.reaper.List"}\0'
ALL = {"parameters": {"sessions": ["1", "2", "3"], "policy": ""}}


def test_a_call(stand):
    connection = stand.connect()
    stand.send(connection, LIST)
    assert stand.read(connection) == [ALL]
    stand.send(connection, b'{"method":"org.varlink.service.GetInfo","parameters":{}}\0')
    (info,) = stand.read(connection)
    assert info["parameters"]["version"] == __version__
    assert info["parameters"]["interfaces"] == ["org.varlink.service", "io.reaper"]


@pytest.mark.parametrize(
    ("call", "error", "parameters"),
    [
        ({"method": "io.reaper.Nothing"}, "org.varlink.service.MethodNotFound", {"method": "io.reaper.Nothing"}),
        ({"method": "io.other.List"}, "org.varlink.service.InterfaceNotFound", {"interface": "io.other"}),
        ({"method": "List"}, "org.varlink.service.InterfaceNotFound", {"interface": ""}),
        ({"method": 5}, "org.varlink.service.InvalidParameter", {"parameter": "method"}),
        ({"method": "io.reaper.List", "parameters": []}, None, None),
        (
            {"method": "io.reaper.List", "parameters": [1]},
            "org.varlink.service.InvalidParameter",
            {"parameter": "method"},
        ),
        ({"method": "io.reaper.Explain"}, "org.varlink.service.InvalidParameter", {"parameter": "session"}),
        (
            {"method": "io.reaper.Explain", "parameters": {"session": 3}},
            "org.varlink.service.InvalidParameter",
            {"parameter": "session"},
        ),
        (
            {"method": "io.reaper.Explain", "parameters": {"session": "x" * 1000}},
            "io.reaper.NoSuchSession",
            {"session": "x" * 200},
        ),
        ([], "org.varlink.service.InvalidParameter", {"parameter": "method"}),
        (None, "org.varlink.service.InvalidParameter", {"parameter": "method"}),
    ],
)
def test_calls_that_are_none(stand, call, error, parameters):
    connection = stand.connect()
    stand.send(connection, json.dumps(call).encode() + b"\0")
    (reply,) = stand.read(connection)
    if error is None:
        assert reply == ALL
    else:
        assert reply == {"error": error, "parameters": parameters}


def test_a_call_byte_by_byte(stand):
    connection = stand.connect()
    for byte in LIST[:-1]:
        stand.send(connection, bytes([byte]))
    assert stand.read(connection) == []
    stand.send(connection, b"\0")
    assert stand.read(connection) == [ALL]


def test_five_hundred_calls_in_one_write(stand):
    connection = stand.connect()
    sender = stand.connect()
    assert sender is not connection
    calls = LIST * 500
    sent = 0
    replies: list[Any] = []
    while sent < len(calls):
        sent += connection.send(calls[sent:])
        stand.pump()
        replies += stand.read(connection)
    assert replies == [ALL] * 500


def test_a_call_without_reply(stand):
    connection = stand.connect()
    stand.send(connection, b'{"method":"io.reaper.List","oneway":true}\0' + LIST)
    assert stand.read(connection) == [ALL]
    assert stand.subject.calls == 2


@pytest.mark.parametrize(
    "data",
    [b"{\0", b"\0", b"nonsense\0", b"\xff\xfe\xfd\0", b"[" * 10_000 + b"\0", b'{"method":\0', b"9" * 9_000 + b"x\0"],
)
def test_what_is_no_json_ends_the_connection(stand, data):
    connection, other = stand.connect(), stand.connect()
    stand.send(connection, data)
    assert stand.read(connection) == [None]
    stand.send(other, LIST)
    assert stand.read(other) == [ALL]


def test_a_call_without_an_end_is_cut_off(stand):
    connection = stand.connect()
    with contextlib.suppress(BrokenPipeError):
        for _ in range(3):
            stand.send(connection, b"x" * MAX_CALL_BYTES)
    assert stand.read(connection) == [None]


def test_a_client_that_leaves_in_the_middle(stand):
    for data in (b"", b'{"meth', LIST):
        connection = stand.connect()
        connection.sendall(data)
        connection.close()
        stand.pump()
    assert len(stand.selector.get_map()) == 1


def test_a_client_that_does_not_read(stand):
    """A reply larger than the socket holds: the others are served meanwhile, and it is let go in time."""
    stand.subject.padding = "x" * 3_000_000
    slow = stand.connect()
    stand.send(slow, LIST * 3)
    assert stand.subject.calls == 1
    stand.subject.padding = ""
    other = stand.connect()
    stand.send(other, LIST)
    assert stand.read(other) == [ALL]
    stand.now_usec = PATIENCE_USEC + 1
    stand.server.expire(stand.now_usec)
    data = b""
    while True:
        more = slow.recv(1 << 20)
        if not more:
            break
        data += more
    assert 0 < len(data) < 3_000_000
    assert stand.subject.calls == 2


def test_a_client_that_reads_slowly_gets_all(stand):
    stand.subject.padding = "x" * 3_000_000
    slow = stand.connect()
    stand.send(slow, LIST * 2)
    replies = stand.read(slow)
    assert [len(each["parameters"]["policy"]) for each in replies] == [3_000_000] * 2


def test_a_silent_client_is_let_go(stand):
    early = stand.connect()
    stand.now_usec = PATIENCE_USEC
    late = stand.connect()
    stand.server.expire(PATIENCE_USEC)
    assert stand.read(early) == []
    stand.server.expire(PATIENCE_USEC + 1)
    assert stand.read(early) == [None]
    assert stand.read(late) == []


def test_too_many_clients(stand):
    for _ in range(MAX_CLIENTS):
        stand.connect()
    last = stand.connect()
    assert stand.read(last) == [None]
    stand.clients[0].close()
    stand.pump()
    again = stand.connect()
    stand.send(again, LIST)
    assert stand.read(again) == [ALL]


def test_the_socket(stand):
    assert stat.S_IMODE(os.stat(stand.path).st_mode) == 0o666
    assert os.listdir(os.path.dirname(stand.path)) == ["io.reaper"]
    stand.server.close()
    assert os.listdir(os.path.dirname(stand.path)) == []


def test_a_socket_that_was_taken_away_is_bound_again(stand):
    connection = stand.connect()
    os.unlink(stand.path)
    stand.server.ensure_bound()
    stand.send(connection, LIST)
    assert stand.read(connection) == [ALL]
    fresh = stand.connect()
    stand.send(fresh, LIST)
    assert stand.read(fresh) == [ALL]


def test_a_directory_that_was_taken_away_is_made_anew(stand):
    os.unlink(stand.path)
    os.rmdir(os.path.dirname(stand.path))
    stand.server.ensure_bound()
    fresh = stand.connect()
    stand.send(fresh, LIST)
    assert stand.read(fresh) == [ALL]


def test_something_else_in_its_place_is_replaced(stand):
    os.unlink(stand.path)
    with open(stand.path, "w", encoding="ascii") as file:
        file.write("mine")
    stand.server.ensure_bound()
    assert stat.S_ISSOCK(os.lstat(stand.path).st_mode)


def test_it_stays_when_nothing_happened(stand):
    before = os.lstat(stand.path).st_ino
    stand.server.ensure_bound()
    assert os.lstat(stand.path).st_ino == before


def test_leftovers_of_another_daemon_are_replaced(tmp_path):
    """One that was killed leaves its socket, and maybe the one it was about to name so."""
    directory = tmp_path / "run"
    directory.mkdir()
    for name in ("io.reaper", "io.reaper.new"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as leftover:
            leftover.bind(str(directory / name))
    stand = Stand(str(directory / "io.reaper"))
    try:
        connection = stand.connect()
        stand.send(connection, LIST)
        assert stand.read(connection) == [ALL]
        assert os.listdir(directory) == ["io.reaper"]
    finally:
        stand.stop()


# Other users.

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users, which only root can")


def reachable(path) -> None:
    """pytest's directories are root's alone."""
    for directory in (path, *path.parents):
        if str(directory).startswith("/tmp/"):
            os.chmod(directory, os.stat(directory).st_mode | 0o711)


def ask_as(stand: Stand, uid: int, calls: int) -> list[bytes]:
    """What a user gets to read on each of so many connections, a call on each."""
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
                connection.sendall(LIST)
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


@as_root
def test_a_user_sees_their_own(stand, tmp_path):
    reachable(tmp_path)
    (mine,) = ask_as(stand, 1000, 1)
    assert json.loads(mine)["parameters"]["sessions"] == ["2"]
    (nobodys,) = ask_as(stand, 65534, 1)
    assert json.loads(nobodys)["parameters"]["sessions"] == []


@as_root
def test_one_user_cannot_take_every_place(stand, tmp_path):
    reachable(tmp_path)
    answers = ask_as(stand, 1000, MAX_CLIENTS_PER_USER + 3)
    assert [bool(each) for each in answers] == [True] * MAX_CLIENTS_PER_USER + [False] * 3
    connection = stand.connect()
    stand.send(connection, LIST)
    assert stand.read(connection) == [ALL]


# The client.


def serve(stand: Stand, replies: int) -> int:
    """A child that serves so many turns, as the client waits for its answer."""

    def work() -> None:
        for _ in range(replies):
            for key, events in stand.selector.select(5):
                stand.server.handle(key.fd, events, 0)

    return fork(work)


def test_the_client_gets_an_answer(stand):
    pid = serve(stand, 2)
    try:
        assert client.call("io.reaper.List", {}, stand.path) == ALL["parameters"]
    finally:
        os.waitpid(pid, 0)


def test_the_client_gets_an_error(stand):
    pid = serve(stand, 2)
    try:
        with pytest.raises(client.DaemonRefusedError, match="no session 'x' that you may see") as caught:
            client.call("io.reaper.Explain", {"session": "x"}, stand.path)
        assert caught.value.name == "io.reaper.NoSuchSession"
    finally:
        os.waitpid(pid, 0)


def test_nobody_listens(tmp_path):
    with pytest.raises(client.DaemonAbsentError, match="reaperd does not answer"):
        client.call("io.reaper.List", {}, str(tmp_path / "none"))


def test_the_limits_are_told_with_reason():
    assert server.MAX_CLIENTS_PER_USER * 2 < server.MAX_CLIENTS
