"""Locking in place: a person who comes back proves who they are, and finds everything as they left it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host, SshClient
from .limits import IDLE, events, log_in, quick, rule, wait_event

SECRET = "correct horse"
LOCKED = r"This session on \S+ is locked"


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    """Looks at sessions every second."""
    with quick(host):
        yield


@pytest.fixture
def keeper_of_a_password(host: Host, person: str) -> str:
    """A person who has a password."""
    host.run(["chpasswd"], input=f"{person}:{SECRET}\n")
    return person


@contextlib.contextmanager
def locking(host: Host, person: str, **limits: Any) -> Iterator[None]:
    """A rule that locks a person's sessions."""
    with rule(host, person, action="lock", **limits):
        yield


def unlock(terminal: SshClient, secret: str = SECRET) -> None:
    """Types a password at the prompt of a lock."""
    terminal.expect(r"[Pp]assword: ")
    terminal.send(f"{secret}\n")


def lock_of(host: Host, person: str) -> str:
    """The name of a person's only session."""
    return host.wait_journal(lambda _: True, REAPER_USER=person, REAPER_EVENT="opened")["REAPER_SESSION"]


def test_story(host: Host, keeper_of_a_password: str) -> None:
    """Warned, locked, kept out with a wrong password, let in with the right one, and on as if nothing had been."""
    person = keeper_of_a_password
    with locking(host, person), log_in(host, person) as terminal:
        terminal.command("cd /tmp; left=off")
        terminal.expect(r"is idle and is locked in \d+s\. Press any key to stay\.", IDLE + 20)
        terminal.expect(LOCKED, IDLE + 20)
        terminal.expect(r"Locked after \d+s without input")
        unlock(terminal, "wrong")
        terminal.expect("The last attempt failed")
        unlock(terminal)
        wait_event(host, person, "unlocked")
        assert terminal.command("echo $PWD $left") == "/tmp off"
        failed = wait_event(host, person, "unlock-failed")
        assert re.match(r"attempt 1 of 5 on pts/\d+: ", failed["REAPER_WHY"])
    wait_event(host, person, "closed")
    told = [event for event in events(host, person) if event not in ("warned", "resumed")]
    assert told == ["opened", "locked", "unlock-failed", "unlocked", "closed"]
