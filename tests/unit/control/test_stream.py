"""The client of Watch: replies as they come, in whatever pieces."""

from __future__ import annotations

import socket

import pytest

from reaper.control.client import DaemonAbsentError, DaemonRefusedError
from reaper.control.stream import Stream
from tests.unit.control.stand import ALL, Stand


def test_replies_are_returned_as_they_come(stand):
    stream = Stream("io.reaper.Watch", stand.path)
    assert stream.take() == []
    stand.pump()
    assert stream.take() == [ALL["parameters"]]
    stand.backend.padding = "new"
    stand.turn(10_000_000)
    assert stream.take() == [{**ALL["parameters"], "policy": "new"}]
    stand.server.close()
    with pytest.raises(DaemonAbsentError):
        stream.take()
    stream.close()


def test_missing_daemon_raises(tmp_path):
    with pytest.raises(DaemonAbsentError, match="reaperd does not answer"):
        Stream("io.reaper.Watch", str(tmp_path / "none"))


def test_refused_watch_raises(stand: Stand):
    stream = Stream("io.reaper.Nothing", stand.path)
    stand.pump()
    with pytest.raises(DaemonRefusedError):
        stream.take()
    stream.close()


def test_replies_in_pieces_and_together_are_parsed(tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(1)
        stream = Stream("io.reaper.Watch", path)
        connection, _ = listener.accept()
    with connection:
        connection.sendall(b'{"parameters": {"a"')
        assert stream.take() == []
        connection.sendall(b': 1}}\0{"continues": true}\0{')
        assert stream.take() == [{"a": 1}, {}]
        connection.sendall(b"nonsense\0")
        with pytest.raises(DaemonAbsentError):
            stream.take()
    stream.close()
