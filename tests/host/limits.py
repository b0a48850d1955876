"""Limits for the people of a test, and what the journal says of them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from .lab import Host, SshClient, Terminal
from .lab.guest import Guest, JournalEntry

IDLE, WARN, GRACE = 16, 8, 2
# From the last key: the limit, the 8 seconds that the kernel's clock may lag, the poll, the graces, and time to spare.
ENDED = IDLE + 8 + 1 + 3 * GRACE + 15
WARNING = r"idle and ends in \d+s\. Press any key to stay\."
FAREWELL = r"ends now: nobody has typed for 16s"


def reload(host: Guest) -> JournalEntry:
    """Reloads the daemon; returns what it says of the policy."""
    cursor = host.cursor()
    host.run(["systemctl", "reload", "reaper.service"])
    return host.wait_journal(lambda e: e.get("REAPER_EVENT", "").startswith("policy-"), after=cursor)


def quick_policy(host: Guest) -> None:
    """Polls every second, and no brake: tests end more sessions in a minute than a host does."""
    host.write("/etc/reaper/reaper.d/00-tests.yaml", "poll: 1s\nbrake: {sessions: 100}\n")
    reload(host)


@contextlib.contextmanager
def quick(host: Guest) -> Iterator[None]:
    """The quick policy, for a while."""
    quick_policy(host)
    try:
        yield
    finally:
        host.run(["rm", "-f", "/etc/reaper/reaper.d/00-tests.yaml"])
        reload(host)


@contextlib.contextmanager
def drop_in(host: Guest, path: str, text: str) -> Iterator[None]:
    """A file of the policy, in force for a while."""
    host.write(path, text)
    told = reload(host)
    assert told["REAPER_EVENT"] == "policy-loaded", told
    try:
        yield
    finally:
        host.run(["rm", "-f", path])
        reload(host)


@contextlib.contextmanager
def rule(host: Guest, person: str, **limits: Any) -> Iterator[None]:
    """A rule for one person and who is named after them: IDLE, WARN and GRACE, unless said otherwise."""
    numbers = {
        "match": f"{{user: '{person}*'}}",
        "idle": f"{IDLE}s",
        "warn": f"[{WARN}s]",
        "grace": f"{GRACE}s",
        **limits,
    }
    text = ", ".join(f"{key}: {value}" for key, value in numbers.items())
    with drop_in(host, f"/etc/reaper/reaper.d/50-{person}.yaml", f"rules:\n  - {{name: {person}, {text}}}\n"):
        yield


def events(host: Guest, person: str) -> list[str]:
    """What the journal tells of a person, in order."""
    return [entry["REAPER_EVENT"] for entry in host.journal(REAPER_USER=person)]


def wait_event(host: Guest, person: str, event: str, timeout: float = ENDED, **matches: str) -> JournalEntry:
    """The first such event of a person."""
    return host.wait_journal(lambda _: True, timeout, REAPER_USER=person, REAPER_EVENT=event, **matches)


def log_in(host: Guest, person: str, **more: Any) -> SshClient:
    """Logs in and waits for the prompt."""
    terminal = host.ssh(person, **more)
    terminal.prompt()
    return terminal


@contextlib.contextmanager
def log_in_by_mosh(host: Host, person: str) -> Iterator[Terminal]:
    """A window of mosh's, after the connection that began it is over."""
    with host.ssh(person, options=["-tt"], command=["LC_ALL=C.UTF-8 mosh-server new -i 127.0.0.1"]) as starter:
        starter.expect("MOSH CONNECT", 20)
        assert starter.closed(20)
    found = re.search(r"MOSH CONNECT (\d+) (\S+)", starter.text)
    assert found
    client = ["env", "LC_ALL=C.UTF-8", f"MOSH_KEY={found[2]}", "mosh-client", "127.0.0.1", found[1]]
    with host.terminal(client) as window:
        yield window
