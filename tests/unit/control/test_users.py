"""Other users on the control socket: each sees only what is theirs, and none takes every place."""

from __future__ import annotations

import contextlib
import json
import os
import socket

import pytest

from reaper.control import server
from reaper.control.server import MAX_CLIENTS, MAX_CLIENTS_PER_USER
from tests.unit.control.stand import ALL, LIST, Stand
from tests.unit.people import fork

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users, which only root can")


def reachable(path) -> None:
    """pytest's directories are root's alone."""
    for directory in (path, *path.parents):
        if str(directory).startswith("/tmp/"):
            os.chmod(directory, os.stat(directory).st_mode | 0o711)


def ask_as(stand: Stand, uid: int, calls: int, call: bytes = LIST) -> list[bytes]:
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


@as_root
def test_some_places_are_roots_alone(stand, tmp_path):
    """Users together fill what is theirs, and the administrator is answered all the same."""
    reachable(tmp_path)
    for _ in range(MAX_CLIENTS - MAX_CLIENTS_PER_USER - 1):
        stand.connect()
    assert [bool(each) for each in ask_as(stand, 1000, 2)] == [True, False]
    stand.connect()
    assert ask_as(stand, 1000, 1) == [b""]
    for _ in range(MAX_CLIENTS_PER_USER):
        connection = stand.connect()
        stand.send(connection, LIST)
        assert stand.read(connection) == [ALL]


def test_the_limits_are_told_with_reason():
    assert server.MAX_CLIENTS_PER_USER * 2 < server.MAX_CLIENTS
