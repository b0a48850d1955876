"""Clients and their options on a booted host: what crosses a connection differs, who is there and who left does not.

The clients are those of Debian 12 and 13: OpenSSH 9.2, and 10.0, which hides keystrokes among others that it invents.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from .lab import DEFAULT_SUITES, Host, SshClient, Workstation
from .limits import ENDED, IDLE, WARN, WARNING, events, quick, reload, rule, wait_event

Machines = dict[str, Workstation]
PAUSE = WARN / 2  # between two keys
POLLED = "/etc/ssh/sshd_config.d/polled.conf"
SLOW = "/etc/reaper/reaper.d/40-slow.yaml"
ALIVE = ["-o", "ServerAliveInterval=1"]


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """A person's machine of each suite."""
    with contextlib.ExitStack() as stack:
        yield {suite: stack.enter_context(Workstation(suite)) for suite in DEFAULT_SUITES}


@contextlib.contextmanager
def users(host: Host, person: str, names: list[str]) -> Iterator[dict[str, str]]:
    """More users under the person's rule, by what each is for."""
    made = {name: host.add_user(f"{person}{number}") for number, name in enumerate(names)}
    yield made
    for user in made.values():
        host.remove_user(user)


@contextlib.contextmanager
def polled(host: Host, user: str) -> Iterator[None]:
    """The server asks this user's client every second whether it is still there."""
    host.write(POLLED, f"Match User {user}\n    ClientAliveInterval 1\n    ClientAliveCountMax 1000\n")
    host.run(["systemctl", "reload", "ssh.service"])
    yield
    host.run(["rm", POLLED])
    host.run(["systemctl", "reload", "ssh.service"])


def test_letters_that_nothing_reads_keep_a_session(host: Host, person: str, machines: Machines) -> None:
    """Single letters, never Enter, while a silent program is in front: whoever types is not even warned."""
    ways = {
        "9.2": ("bookworm", []),
        "10.0": ("trixie", []),
        "9.2 -C": ("bookworm", ["-C", *ALIVE]),
        "10.0 rekeying": ("trixie", ["-o", "RekeyLimit=1G 4s", *ALIVE]),
        "polled": ("bookworm", []),
    }
    with (
        contextlib.ExitStack() as stack,
        users(host, person, list(ways)) as names,
        polled(host, names["polled"]),
        rule(host, person, idle="32s", warn="[16s]"),
    ):
        windows: dict[str, SshClient] = {}
        for way, (suite, options) in ways.items():
            windows[way] = stack.enter_context(host.ssh(names[way], on=machines[suite], options=options))
            windows[way].prompt()
            windows[way].send("sleep 1000\n")
        over = time.monotonic() + 2.5 * IDLE
        while time.monotonic() < over:
            for window in windows.values():
                window.send("x")
            look(windows, PAUSE)
        assert {way: events(host, names[way]) for way in ways} == {way: ["opened"] for way in ways}


def look(windows: dict[str, SshClient], seconds: float) -> None:
    """Takes in for so long what appears."""
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        for window in windows.values():
            window.read_available(0.02)


def test_one_letter_after_the_warning_keeps_a_session(host: Host, person: str, machines: Machines) -> None:
    """At the package's own poll, which may not come before the session ends; nothing reads the letter."""
    delays = {f"{suite} {delay}": (suite, delay) for suite in DEFAULT_SUITES for delay in (2, 5, 10)}
    with (
        contextlib.ExitStack() as stack,
        users(host, person, list(delays)) as names,
        rule(host, person, idle="32s", warn="[16s]"),
        default_poll(host),
    ):
        windows: dict[str, SshClient] = {}
        for name, (suite, _) in delays.items():
            windows[name] = stack.enter_context(host.ssh(names[name], on=machines[suite]))
            windows[name].prompt()
            windows[name].send("tail -f /dev/null\n")
        due = {}
        for name, (_, delay) in delays.items():  # all are warned at one time, but for the time that a login takes
            windows[name].expect(WARNING, ENDED + 32)
            due[name] = time.monotonic() + delay
        for name in sorted(due, key=lambda each: due[each]):
            look(windows, due[name] - time.monotonic())
            windows[name].send("x")
        for window in windows.values():
            window.expect("Thank you, this session stays", 20)


@contextlib.contextmanager
def default_poll(host: Host) -> Iterator[None]:
    host.write(SLOW, "poll: 15s\n")
    reload(host)
    yield
    host.run(["rm", SLOW])
    reload(host)


# What the client asks for; nothing is done with it.
IDLE_ONES = {
    "compressed": (["-C", "-N", "-L", "{port}:127.0.0.1:22"], []),
    "rekeying": (["-N", "-L", "{port}:127.0.0.1:22", "-o", "RekeyLimit=1G 4s"], []),
    "sftp": (["-C", "-T", "-s"], ["sftp"]),
    "command": (["-T", "-o", "RekeyLimit=1G 4s"], ["sleep", "1000"]),
}


def test_keepalives_keep_no_session(host: Host, person: str, machines: Machines) -> None:
    """Neither compressed ones nor the new keys that they lead to by time are anything that a person does."""
    ones = {f"{suite} {name}": (suite, *what) for suite in DEFAULT_SUITES for name, what in IDLE_ONES.items()}
    with contextlib.ExitStack() as stack, users(host, person, list(ones)) as names, rule(host, person):
        clients = {}
        for port, (name, (suite, options, command)) in enumerate(ones.items(), 9100):
            more = {"options": [*ALIVE, *(each.format(port=port) for each in options)], "command": command}
            clients[name] = stack.enter_context(host.ssh(names[name], on=machines[suite], **more))
        over = time.monotonic() + ENDED + IDLE
        left = [name for name, each in clients.items() if not each.closed(over - time.monotonic())]
        assert not left
        for user in names.values():
            wait_event(host, user, "terminated", 20)
            assert events(host, user) == ["opened", "ending", "terminated"]
