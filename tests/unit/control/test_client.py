"""The client of the control socket: a reply, an error, and no daemon."""

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
    """A child that serves so many turns while the client waits for its reply."""

    def work() -> None:
        for _ in range(replies):
            for key, _ in stand.selector.select(5):
                stand.server.handle(key.fd, 0)
            stand.server.serve(0)

    return fork(work)


def test_call_returns_the_reply(stand):
    pid = serve(stand, 2)
    try:
        assert client.call("io.reaper.List", {}, stand.path) == ALL["parameters"]
    finally:
        os.waitpid(pid, 0)


def test_call_raises_the_error(stand):
    pid = serve(stand, 2)
    try:
        with pytest.raises(client.DaemonRefusedError, match="no session 'x' that you may see") as caught:
            client.call("io.reaper.Explain", {"session": "x"}, stand.path)
        assert caught.value.name == "io.reaper.NoSuchSession"
    finally:
        os.waitpid(pid, 0)


def test_missing_daemon_raises(tmp_path):
    with pytest.raises(client.DaemonAbsentError, match="reaperd does not answer"):
        client.call("io.reaper.List", {}, str(tmp_path / "none"))


def test_client_waits_for_a_place_in_a_full_queue(tmp_path):
    """Anybody can fill it: that does not mean that the daemon is absent."""
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
            for _ in range(2):  # those that came first, then ours
                connection, _ = listener.accept()
            assert connection.recv(4096).endswith(b"\0")
            connection.sendall(b'{"parameters":{"a":1}}\0')

        pid = fork(work)
        try:
            assert client.call("io.reaper.List", {}, path) == {"a": 1}
        finally:
            os.kill(pid, signal.SIGKILL)  # it may still be waiting for us
            os.waitpid(pid, 0)


NO_REPLIES = ['{"parameters": true}', "[1]", '{"error": "x", "parameters": [1]}', "[" * 100_000, "", "1e"]


@pytest.mark.parametrize("text", NO_REPLIES)
def test_malformed_reply_counts_as_no_daemon(text):
    with pytest.raises(client.DaemonAbsentError):
        client.parse_reply(text.encode(), "x")
