#!/usr/bin/python3
"""Hostile clients of the daemon's socket, in a booted host: runs one kind of storm until the end of its input.

    python3 storms.py KIND [SESSION ...]      prints "ready" when the storm has begun

It runs as any user, as everybody may connect. Its calls name the given sessions or, without any, one that does not
exist.
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
PLACES = 16  # connections that the daemon serves for one user


def call(verb: str, **parameters: object) -> bytes:
    return json.dumps({"method": f"io.reaper.{verb}", "parameters": parameters}).encode() + b"\0"


def connect() -> socket.socket:
    """Returns a connection; waits if the daemon's queue is full."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(PATH)
    return connection


def silent() -> None:
    """Opens a thousand connections that send nothing, and reopens each that is closed."""
    connections = [connect() for _ in range(MANY // 5)]
    while True:
        for at, connection in enumerate(connections):
            with contextlib.suppress(BlockingIOError):
                if not connection.recv(1, socket.MSG_DONTWAIT):
                    connection.close()
                    connections[at] = connect()


def partial() -> None:
    """Sends a call byte by byte, over and over, and never completes it."""
    with connect() as connection:
        for byte in itertools.cycle(LIST[:-1]):
            connection.sendall(bytes([byte]))


def huge() -> None:
    """Sends 16 KiB to 10 MiB without the terminating NUL."""
    with connect() as connection:
        connection.sendall(b"x" * random.choice((16 << 10, 1 << 20, 10 << 20)))
        connection.recv(1)


def nested() -> None:
    """Sends calls that are nested as deeply as possible, and a number that is as long as possible."""
    for data in (b"[" * 16_000, b'{"method":"io.reaper.List","parameters":' + b'{"a":' * 900 + b"1" + b"}" * 901):
        with connect() as connection:
            connection.sendall(data + b"\0")
            connection.recv(1)
    with connect() as connection:
        connection.sendall(b'{"method":' + b"9" * 16_000 + b"}\0")
        connection.recv(1)


def pipelined() -> None:
    """Sends thousands of calls in one write, and reads no reply."""
    with connect() as connection:
        connection.settimeout(1)
        connection.sendall(LIST * 5000)


def oneway() -> None:
    """Sends thousands of calls in one write that ask for no reply."""
    with connect() as connection:
        while True:
            connection.sendall(ONEWAY * 5000)


def unknown() -> None:
    """Sends many calls in one write about sessions that do not exist."""
    with connect() as connection:
        for number in itertools.count():
            connection.sendall(call("Explain", session=f"x{number}") * 100)
            drain(connection)


def calls() -> None:
    """Calls every method that a user may call, as fast as it is answered."""
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
    """Sends holds, a hundred in one write."""
    names = itertools.cycle(sys.argv[2:] or ["x"])
    with connect() as connection:
        while True:
            one = call("Hold", session=next(names), duration_usec=3_600_000_000, why="a storm")
            connection.sendall(one * 100)
            drain(connection)


def watchers() -> None:
    """Watches without reading on as many connections as may; the others keep the daemon's loop turning."""
    with connect() as connection:
        connection.sendall(WATCH)
        if threading.current_thread().name.endswith("0"):
            connection.recv(1 << 20)
            connection.sendall(LIST)  # never answered, and not sent again
            while True:
                time.sleep(1)
        while True:
            connection.sendall(INFO)
            connection.recv(1 << 20)


def churn() -> None:
    """Connects and disconnects."""
    while True:
        connect().close()


STORMS = {
    each.__name__: each
    for each in (silent, partial, huge, nested, pipelined, oneway, unknown, calls, holds, watchers, churn)
}


def drain(connection: socket.socket) -> None:
    """Reads what has arrived."""
    with contextlib.suppress(BlockingIOError):
        while connection.recv(1 << 20, socket.MSG_DONTWAIT):
            continue


def blow(kind: str) -> Iterator[threading.Thread]:
    """The threads of a storm; each starts again whenever the daemon closes its connection."""

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
