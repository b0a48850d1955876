"""Calls on the control socket: whatever clients send or leave unread, the daemon never waits for them."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

import pytest

from reaper import __version__
from reaper.control.server import MAX_CALL_BYTES, MAX_CLIENTS, PATIENCE_USEC
from tests.unit.control.stand import ALL, LIST


def test_call_is_answered(stand):
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
def test_malformed_calls_get_errors(stand, call, error, parameters):
    connection = stand.connect()
    stand.send(connection, json.dumps(call).encode() + b"\0")
    (reply,) = stand.read(connection)
    if error is None:
        assert reply == ALL
    else:
        assert reply == {"error": error, "parameters": parameters}


def test_call_sent_byte_by_byte_is_answered(stand):
    connection = stand.connect()
    for byte in LIST[:-1]:
        stand.send(connection, bytes([byte]))
    assert stand.read(connection) == []
    stand.send(connection, b"\0")
    assert stand.read(connection) == [ALL]


def test_many_calls_in_one_write_are_answered(stand):
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


def test_oneway_call_gets_no_reply(stand):
    connection = stand.connect()
    stand.send(connection, b'{"method":"io.reaper.List","oneway":true}\0' + LIST)
    assert stand.read(connection) == [ALL]
    assert stand.backend.calls == 2


@pytest.mark.parametrize(
    "data",
    [b"{\0", b"\0", b"nonsense\0", b"\xff\xfe\xfd\0", b"[" * 10_000 + b"\0", b'{"method":\0', b"9" * 9_000 + b"x\0"],
)
def test_invalid_json_ends_the_connection(stand, data):
    connection, other = stand.connect(), stand.connect()
    stand.send(connection, data)
    assert stand.read(connection) == [None]
    stand.send(other, LIST)
    assert stand.read(other) == [ALL]


def test_endless_call_ends_the_connection(stand):
    connection = stand.connect()
    with contextlib.suppress(BrokenPipeError):
        for _ in range(3):
            stand.send(connection, b"x" * MAX_CALL_BYTES)
    assert stand.read(connection) == [None]


def test_client_that_leaves_halfway_is_forgotten(stand):
    for data in (b"", b'{"meth', LIST):
        connection = stand.connect()
        connection.sendall(data)
        connection.close()
        stand.pump()
    assert len(stand.selector.get_map()) == 1


def test_client_that_does_not_read_is_disconnected(stand):
    """A reply larger than the socket's buffer: others are served meanwhile, and the client is disconnected in time."""
    stand.backend.padding = "x" * 3_000_000
    slow = stand.connect()
    stand.send(slow, LIST * 3)
    assert stand.backend.calls == 1
    stand.backend.padding = ""
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
    assert stand.backend.calls == 2


def test_client_that_reads_slowly_gets_everything(stand):
    stand.backend.padding = "x" * 3_000_000
    slow = stand.connect()
    stand.send(slow, LIST * 2)
    replies = stand.read(slow)
    assert [len(each["parameters"]["policy"]) for each in replies] == [3_000_000] * 2


def test_silent_client_is_disconnected(stand):
    early = stand.connect()
    stand.now_usec = PATIENCE_USEC
    late = stand.connect()
    stand.server.expire(PATIENCE_USEC)
    assert stand.read(early) == []
    stand.server.expire(PATIENCE_USEC + 1)
    assert stand.read(early) == [None]
    assert stand.read(late) == []


@pytest.mark.parametrize("mistake", [RuntimeError("a mistake of ours"), KeyError(5), OSError(5, "EIO")])
def test_internal_error_ends_that_connection_only(stand, mistake):
    """Any user may call: a bug that they find must not stop the daemon, and is reported to the administrator."""
    connection, other = stand.connect(), stand.connect()
    stand.backend.mistake = mistake
    stand.send(connection, LIST + LIST)
    assert stand.read(connection) == [None]
    assert stand.backend.calls == 1
    stand.backend.mistake = None
    stand.send(other, LIST)
    assert stand.read(other) == [ALL]
    (noted,) = stand.errors
    assert noted == (f"at a call of uid {os.geteuid()}", mistake)


def test_clients_beyond_the_limit_are_refused(stand):
    for _ in range(MAX_CLIENTS):
        stand.connect()
    last = stand.connect()
    assert stand.read(last) == [None]
    stand.clients[0].close()
    stand.pump()
    again = stand.connect()
    stand.send(again, LIST)
    assert stand.read(again) == [ALL]
