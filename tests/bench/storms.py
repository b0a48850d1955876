#!/usr/bin/python3
"""Clients of the daemon's socket that mean no good, for a booted host: one kind of storm until the end of the input.

    python3 storms.py KIND [SESSION ...]      prints "ready" when it blows

Runs as whoever may connect, which is everybody. The sessions are those that its calls are about; without, it names none
that there are.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterator

PATH = "/run/reaper/io.reaper"
LIST = b'{"method":"io.reaper.List"}\0'
ONEWAY = b'{"method":"io.reaper.List","oneway":true}\0'
WATCH = b'{"method":"io.reaper.Watch","more":true}\0'
INFO = b'{"method":"org.varlink.service.GetInfo"}\0'
MANY = 1000
PLACES = 16  # of one user's
AT_ONCE = 200  # connections in one process of the storm's; the other storms take as many as one user gets


def call(verb: str, **parameters: object) -> bytes:
    return json.dumps({"method": f"io.reaper.{verb}", "parameters": parameters}).encode() + b"\0"


def connect() -> socket.socket:
    """A connection; tried again where the daemon's queue is full."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(PATH)
    return connection


def silent() -> None:
    """A thousand connections at once that send nothing; each that is closed comes again."""
    connections = [connect() for _ in range(MANY // 5)]
    while True:
        for at, connection in enumerate(connections):
            with contextlib.suppress(BlockingIOError):
                if not connection.recv(1, socket.MSG_DONTWAIT):
                    connection.close()
                    connections[at] = connect()


def partial() -> None:
    """A call byte by byte, over and over, that is never whole."""
    with connect() as connection:
        for byte in itertools.cycle(LIST[:-1]):
            connection.sendall(bytes([byte]))


def huge() -> None:
    """16 KiB to 10 MiB without an end."""
    with connect() as connection:
        connection.sendall(b"x" * random.choice((16 << 10, 1 << 20, 10 << 20)))
        connection.recv(1)


def nested() -> None:
    """As deep as a call can be, and as long as a number can be."""
    for data in (b"[" * 16_000, b'{"method":"io.reaper.List","parameters":' + b'{"a":' * 900 + b"1" + b"}" * 901):
        with connect() as connection:
            connection.sendall(data + b"\0")
            connection.recv(1)
    with connect() as connection:
        connection.sendall(b'{"method":' + b"9" * 16_000 + b"}\0")
        connection.recv(1)


def pipelined() -> None:
    """Thousands of calls in one write, no reply of which is read."""
    with connect() as connection:
        connection.settimeout(1)
        connection.sendall(LIST * 5000)


def oneway() -> None:
    """Thousands of calls in one write that want no reply."""
    with connect() as connection:
        while True:
            connection.sendall(ONEWAY * 5000)


def unknown() -> None:
    """Many calls in one write about sessions that are not there."""
    with connect() as connection:
        for number in itertools.count():
            connection.sendall(call("Explain", session=f"x{number}") * 100)
            drain(connection)


def calls() -> None:
    """All that can be asked for, as fast as it is answered."""
    names = itertools.cycle(sys.argv[2:] or ["x"])
    with connect() as connection:
        while True:
            name = next(names)
            for each in (
                LIST,
                INFO,
                call("Explain", session=name),
                call("Hold", session=name, duration_usec=3_600_000_000, why="a storm"),
                call("Release", session=name),
            ):
                connection.sendall(each)
                while not connection.recv(1 << 20).endswith(b"\0"):
                    continue


def holds() -> None:
    """Holds, a hundred in one write."""
    names = itertools.cycle(sys.argv[2:] or ["x"])
    with connect() as connection:
        while True:
            one = call("Hold", session=next(names), duration_usec=3_600_000_000, why="a storm")
            connection.sendall(one * 100)
            drain(connection)


def watchers() -> None:
    """Those that may watch do and never read; the others see to it that the loop turns."""
    with connect() as connection:
        connection.sendall(WATCH)
        if threading.current_thread().name.endswith("0"):
            connection.recv(1 << 20)
            connection.sendall(LIST)  # never answered, and never asked for again
            while True:
                time.sleep(1)
        while True:
            connection.sendall(INFO)
            connection.recv(1 << 20)


def churn() -> None:
    """Connections that come and go."""
    while True:
        connect().close()


STORMS = {
    each.__name__: each
    for each in (silent, partial, huge, nested, pipelined, oneway, unknown, calls, holds, watchers, churn)
}


def drain(connection: socket.socket) -> None:
    """Reads what is there."""
    with contextlib.suppress(BlockingIOError):
        while connection.recv(1 << 20, socket.MSG_DONTWAIT):
            continue


def blow(kind: str) -> Iterator[threading.Thread]:
    """The threads of a storm: each begins anew whenever the daemon lets it go."""

    def work() -> None:
        while True:
            with contextlib.suppress(OSError):
                STORMS[kind]()

    for number in range(5 if kind == "silent" else PLACES):
        yield threading.Thread(target=work, name=f"{kind} {number % 4}", daemon=True)


def main() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * MANY), hard))
    for thread in blow(sys.argv[1]):
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)  # its threads never end


if __name__ == "__main__":
    main()
