"""Targets for what clients and the daemon send each other over the socket, and for entries of the journal."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import tempfile
import time
from typing import Any

from reaper.audit import journal_records, log_lines, timeline
from reaper.control.client import DaemonAbsentError, DaemonRefusedError
from reaper.control.methods import CallError, Peer, is_watch, reply_to
from reaper.control.server import MAX_CALL_BYTES, Server
from reaper.control.stream import Stream
from reaper.control.subscriptions import encode

from .engine import target


class Answering:
    """A backend without sessions that checks each method's arguments against the promises of the interface."""

    def list_sessions(self, _uid: int) -> dict[str, Any]:
        return {"sessions": [], "policy": ""}

    def watch_sessions(self, uid: int) -> tuple[dict[str, Any], Any]:
        return self.list_sessions(uid), None

    def explain_session(self, _peer: Peer, name: str) -> dict[str, Any]:
        raise CallError("io.reaper.NoSuchSession", session=name[:200])

    def hold_session(self, _peer: Peer, name: str, duration_usec: int, why: str) -> dict[str, Any]:
        assert name
        assert duration_usec > 0
        assert why.isprintable()
        return {}

    def release_session(self, _peer: Peer, name: str, why: str) -> None:
        assert name
        assert why.isprintable()

    def warn_session(self, _peer: Peer, name: str, text: str) -> dict[str, Any]:
        assert name
        assert text.isprintable()
        return {}

    def lock_session(self, _peer: Peer, name: str) -> None:
        assert name

    def terminate_session(self, _peer: Peer, name: str, why: str, *, force: bool) -> None:
        assert name
        assert why.isprintable()
        assert isinstance(force, bool)

    def reload_policy(self) -> dict[str, Any]:
        return {}


@target(longest=MAX_CALL_BYTES)
def call(data: bytes) -> None:
    """Calls of any client: every JSON call gets a JSON reply with parameters, or with the name of an error."""
    for text in data.split(b"\0"):
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            continue
        is_watch(message)
        for uid in (0, 1000):
            answer = json.loads(encode(reply_to(message, Peer(1, uid), Answering()))[:-1])
            assert isinstance(answer["parameters"], dict)
            assert answer.get("error", "io.reaper.").startswith(("io.reaper.", "org.varlink.service."))


def answered(*parts: bytes) -> bytes:
    """Returns the server's answer to a client that sends these parts, one write each."""
    selector, errors = selectors.DefaultSelector(), []
    with tempfile.TemporaryDirectory() as directory, selector, socket.socket(socket.AF_UNIX) as client:
        server = Server(selector, Answering(), f"{directory}/s", errors.append)
        server.ensure_bound()
        client.connect(f"{directory}/s")
        for part in (b"", *parts):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(part)
            ready = True
            while ready or server.next_wake() == 0:
                ready = selector.select(0)
                for key, _ in ready:
                    server.handle(key.fd, 0)
                server.serve(0)
        server.close()
        received = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while more := client.recv(65536):
                received += more
    assert not errors, errors
    return bytes(received)


@target(longest=2 * MAX_CALL_BYTES)
def calls(data: bytes) -> None:
    """What a client writes to the socket, at once or in pieces: replies are complete, and the server never fails."""
    whole = answered(data)
    assert not whole or whole.endswith(b"\0")
    third = len(data) // 3 + 1
    cut = answered(*(data[at : at + third] for at in range(0, len(data), third)))
    assert whole.startswith(cut) or cut.startswith(whole)


def taken(*parts: bytes) -> tuple[list[Any], str]:
    """Returns the replies that a client takes from these reads, and the name of the error that ended them, or ""."""
    ours, theirs = socket.socketpair()
    stream = Stream.__new__(Stream)
    stream._path, stream._received, stream._connection = "x", bytearray(), ours
    ours.setblocking(False)
    found: list[Any] = []
    with ours, theirs:
        try:
            for part in filter(None, parts):
                theirs.sendall(part)
                found += stream.take()
        except (DaemonAbsentError, DaemonRefusedError) as error:
            return found, type(error).__name__
    return found, ""


@target(longest=2000)
def reply(data: bytes) -> None:
    """What a daemon, or a program in its place, answers to a client: read the same at once or byte by byte."""
    whole, error = taken(data)
    cut, cut_error = taken(*(data[at : at + 1] for at in range(len(data))))
    assert all(isinstance(each, dict) for each in whole)
    assert cut_error == error
    assert whole == cut or error


@target(longest=8192)
def journal(data: bytes) -> None:
    """Entries of the journal, a field a line: they can always be shown, in lines without control sequences."""
    told = []
    for second, block in enumerate(data.split(b"\n\n")):
        entry: dict[str, Any] = {"__REALTIME_TIMESTAMP": 1_795_435_200_000_000 + second}
        for line in block.split(b"\n"):
            name, equals, content = line.partition(b"=")
            if equals:
                key = name.decode("ascii", "replace")
                try:
                    entry[key] = content.decode()
                except UnicodeDecodeError:  # as the journal's reader leaves it
                    entry[key] = [content, content]
        journal_records.sender_of(entry)
        journal_records.units_of(entry)
        found = journal_records.record_of(entry)
        if found is not None:
            told.append(found)
            json.dumps(journal_records.as_document(found))
    lines = log_lines.listing(told, 80)
    for story in timeline.timelines_of(told):
        lines += log_lines.session_page(story, story.lines, "x", None)
    assert all(line.isprintable() for line in lines)


time.tzset()
