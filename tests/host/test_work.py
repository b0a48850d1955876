"""Sessions without a terminal on a booted host: what they do keeps them, and keepalives do not."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from .lab import Host, SshClient
from .limits import ENDED, IDLE, events, log_in, quick, rule, wait_event


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


# What the client asks for. Each does nothing that a person would miss.
IDLE_ONES = {
    "command": (["-T"], ["sleep 1000"]),
    "shell": (["-T"], ["bash"]),
    "sftp": (["-T", "-s"], ["sftp"]),
    "tunnel": (["-N", "-L", "9000:127.0.0.1:22", "-o", "ServerAliveInterval=1"], []),
}


def test_who_does_nothing_is_ended(host: Host, person: str) -> None:
    """Keepalives are nobody; `sleep` is ended with its session."""
    with rule(host, person):
        clients = {}
        for name, (options, command) in IDLE_ONES.items():
            user = host.add_user(f"{person}{name}")
            clients[name] = host.ssh(user, options=options, command=command)
        for name, client in clients.items():
            with client:
                assert client.closed(ENDED + IDLE), name
        for name in IDLE_ONES:
            told = wait_event(host, f"{person}{name}", "terminated", 20)
            assert "REAPER_TERMINALS" not in told
            assert events(host, f"{person}{name}") == ["opened", "ending", "terminated"]
        assert host.run(["pgrep", "-u", f"{person}command", "sleep"], check=False).returncode == 1
    for name in IDLE_ONES:
        host.remove_user(f"{person}{name}")


BUSY_ONES = {
    "sends": (["-T"], ["cat >/dev/null"]),
    "receives": (["-T"], ["while :; do head -c 32768 /dev/zero | tr '\\0' x; sleep 1; done"]),  # 32 KiB/s
    "types": (["-T"], ["bash"]),
    "prints": (["-T"], ["while :; do date; sleep 5; done"]),
    "computes": (["-T"], ["while :; do :; done"]),
}


def test_who_does_something_is_left_alone(host: Host, person: str) -> None:
    with rule(host, person):
        clients: dict[str, SshClient] = {}
        for name, (options, command) in BUSY_ONES.items():
            clients[name] = host.ssh(host.add_user(f"{person}{name}"), options=options, command=command)
        deadline = time.monotonic() + 3 * IDLE
        turn = 0
        while time.monotonic() < deadline:
            clients["sends"].send(b"x" * 1000 + b"\n")
            if turn % 10 == 0:
                clients["types"].send("true\n")
            turn += 1
            second_over = time.monotonic() + 1
            while time.monotonic() < second_over:
                for client in clients.values():
                    client.read_available(0.05)
        for name, client in clients.items():
            assert not client.closed(), name
            assert events(host, f"{person}{name}") == ["opened"]
        clients["types"].send("exit\n")
        assert clients["types"].closed(10)
    for name, client in clients.items():
        with client:
            host.remove_user(f"{person}{name}")


# On the host an echo, and at the client's end of a port that leads there a program that says something each second.
ECHO = """\
import socket
line, _ = socket.create_server(("127.0.0.1", 9100)).accept()
while True:
    line.sendall(line.recv(4096) or exit())
"""
TALK = """\
import socket, time
line = socket.create_connection(("127.0.0.1", 9101))
while True:
    line.sendall(b"x" * 100)
    line.recv(4096) or exit()
    print("answered", flush=True)
    time.sleep(1)
"""


@pytest.mark.parametrize(("activity", "is_kept"), [("auto", False), ("[input, network]", True)])
def test_forwarded_port_in_use_beside_an_idle_shell(host: Host, person: str, activity: str, is_kept: bool) -> None:
    """As built in, the person at the shell counts and not what uses the port; a rule can have both count."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(rule(host, person, activity=activity))
        stack.enter_context(host.terminal(["python3", "-c", ECHO]))
        shell = stack.enter_context(log_in(host, person, options=["-L", "9101:127.0.0.1:9100"]))
        talk = stack.enter_context(host.terminal(["python3", "-c", TALK]))
        talk.expect("answered", 10)
        assert shell.closed(3 * IDLE if is_kept else ENDED + IDLE) is not is_kept
        told = ["opened"] if is_kept else ["opened", "warned", "ending", "terminated"]
        if not is_kept:
            wait_event(host, person, "terminated")
        assert events(host, person) == told


def test_idle_shell_is_ended_where_its_connection_counts(host: Host, person: str) -> None:
    """What reaper itself writes there crosses the connection, too."""
    with rule(host, person, activity="[input, network]"), log_in(host, person) as shell:
        assert shell.closed(ENDED + IDLE)
        wait_event(host, person, "terminated")
    assert events(host, person) == ["opened", "warned", "ending", "terminated"]
