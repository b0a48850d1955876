"""Sessions without a terminal on a booted host: what they do keeps them, and keepalives do not."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from .lab import Host, SshClient
from .limits import ENDED, IDLE, events, quick, rule, wait_event


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
