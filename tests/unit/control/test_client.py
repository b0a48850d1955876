"""The client of the control socket: an answer, an error, and nobody there."""

from __future__ import annotations

import contextlib
import os
import signal
import socket

import pytest

from reaper.control import client
from tests.unit.control.stand import ALL, Stand
from tests.unit.people import fork


def serve(stand: Stand, replies: int) -> int:
    """A child that serves so many turns, as the client waits for its answer."""

    def work() -> None:
        for _ in range(replies):
            for key, _ in stand.selector.select(5):
                stand.server.handle(key.fd, 0)
            stand.server.serve(0)

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


def test_the_client_waits_for_a_place_in_a_full_queue(tmp_path):
    """Anybody can fill it: that is no sign of an absent daemon."""
    path = str(tmp_path / "full")
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(path)
        listener.listen(0)
        first = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        first.connect(path)
        other = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.connect(path)

        def work() -> None:
            for _ in range(2):  # who came first, and then ours
                connection, _ = listener.accept()
            assert connection.recv(4096).endswith(b"\0")
            connection.sendall(b'{"parameters":{"a":1}}\0')

        pid = fork(work)
        try:
            assert client.call("io.reaper.List", {}, path) == {"a": 1}
        finally:
            os.kill(pid, signal.SIGKILL)  # it may still wait for us
            os.waitpid(pid, 0)


NO_REPLIES = ['{"parameters": true}', "[1]", '{"error": "x", "parameters": [1]}', "[" * 100_000, "", "1e"]


@pytest.mark.parametrize("text", NO_REPLIES)
def test_what_is_no_reply_is_no_answer(text):
    with pytest.raises(client.DaemonAbsentError):
        client.parse_reply(text.encode(), "x")
