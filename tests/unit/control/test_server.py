"""Calls on the control socket: whatever clients send or leave unread, the daemon waits for none of them."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

import pytest

from reaper import __version__
from reaper.control.server import MAX_CALL_BYTES, MAX_CLIENTS, PATIENCE_USEC
from tests.unit.control.stand import ALL, LIST


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
    assert stand.backend.calls == 2


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


def test_a_client_that_reads_slowly_gets_all(stand):
    stand.backend.padding = "x" * 3_000_000
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


@pytest.mark.parametrize("mistake", [RuntimeError("a mistake of ours"), KeyError(5), OSError(5, "EIO")])
def test_a_mistake_in_an_answer_ends_that_connection_alone(stand, mistake):
    """Any user may call: what they find must not stop the daemon, and is told to the administrator."""
    connection, other = stand.connect(), stand.connect()
    stand.backend.mistake = mistake
    stand.send(connection, LIST + LIST)
    assert stand.read(connection) == [None]
    assert stand.backend.calls == 1
    stand.backend.mistake = None
    stand.send(other, LIST)
    assert stand.read(other) == [ALL]
    (told,) = stand.errors
    assert told == (f"at a call of uid {os.geteuid()}", mistake)


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
