"""How soon an anti-idle client is recognized, and what it costs: real ssh sessions, in real time; not in `make bench`.

One session sends a space every 33 s, one every 60 s, in one a simulated person types, and one is left. The bench prints
when each was recognized as a robot, warned and ended. It takes about 37 minutes.
"""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.host.lab import Host, SshClient

POLICY = """\
environments: {standard: {idle: 6min, warn: [3min, 1min], robots: ignore}}
"""
PACES = {"every33": 33.0, "every60": 60.0}
LASTS_SEC = 36 * 60


def main(host: Host) -> None:
    """Prints each user's events in minutes from the start; fails if the person was warned or a robot was kept."""
    host.write("/etc/reaper/reaper.d/bench.yaml", POLICY)
    host.run(["systemctl", "reload", "reaper.service"])
    users = [*PACES, "person", "left"]
    for user in users:
        host.add_user(user)
    began, cpu = time.time(), cpu_sec(host)
    with contextlib.ExitStack() as stack:
        clients = {user: stack.enter_context(host.ssh(user)) for user in users}
        for client in clients.values():
            client.prompt(60)
        type_all(clients)
        print(f"reaperd took {(cpu_sec(host) - cpu) / (time.time() - began) * 1000:.2f} ms of CPU a second")
        stories = {user: events_of(host, user, began) for user in users}
    for user, told in stories.items():
        print(user, *(f"{word} {minutes:.1f}" for word, minutes in told))
    for user in users:
        host.remove_user(user)
    host.run(["rm", "/etc/reaper/reaper.d/bench.yaml"])
    host.run(["systemctl", "reload", "reaper.service"])
    words = {user: [word for word, _ in told] for user, told in stories.items()}
    assert {"robot", "warned"}.isdisjoint(words["person"])
    for user in PACES:
        assert words[user][-5:] == ["robot", "warned", "warned", "ending", "terminated"]


def type_all(clients: dict[str, SshClient]) -> None:
    """Types for everyone: each robot at its pace, without drift, and the person with pauses of log-normal length."""
    start = time.monotonic()
    due = {user: start + pace for user, pace in PACES.items()} | {"person": start}
    while due and time.monotonic() < start + LASTS_SEC:
        user = min(due, key=due.__getitem__)
        time.sleep(max(0.0, due[user] - time.monotonic()))
        client = clients[user]
        client.read_available(0)
        if client.closed():
            del due[user]
            continue
        client.send(" ")
        due[user] += PACES.get(user) or min(150, random.lognormvariate(3, 1))


def events_of(host: Host, user: str, began: float) -> list[tuple[str, float]]:
    """Returns the journal's events of a user, each with its time in minutes from `began`."""
    told = host.journal(REAPER_USER=user)
    return [(each["REAPER_EVENT"], (int(each["__REALTIME_TIMESTAMP"]) / 1e6 - began) / 60) for each in told]


def cpu_sec(host: Host) -> float:
    """Returns the CPU time of reaperd so far."""
    text = host.output(["systemctl", "show", "--property=CPUUsageNSec", "--value", "reaper.service"])
    return int(text) / 1e9
