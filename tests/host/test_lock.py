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
    if secret == SECRET:  # what is typed until the shell is back is dropped
        terminal.expect(r"\x1b\[\?1049l")
        terminal.prompt()


def wait_active(host: Host, name: str) -> None:
    """Waits until the daemon knows that a session is locked no more, which it looks for once a second."""
    host.shell(f"timeout 30 sh -c 'until reaperctl explain {name} | grep -q \" is active\"; do sleep 0.2; done'")


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


def test_by_the_persons_own_word(host: Host, keeper_of_a_password: str) -> None:
    """Whatever the rule says: `reaperctl lock self` on leaving, and nothing is lost on coming back."""
    person = keeper_of_a_password
    with log_in(host, person) as terminal:
        terminal.command("left=off")
        terminal.send("reaperctl lock self\n")
        terminal.expect(rf"Locked by {person}\.")
        name = wait_event(host, person, "locked")["REAPER_SESSION"]
        assert re.search(rf"^{name} .* locked", host.run(["reaperctl", "list"]).stdout, re.MULTILINE)
        refused = host.run(["reaperctl", "lock", name], check=False)
        assert refused.returncode == 1
        assert "locked already" in refused.stderr
        unlock(terminal)
        assert terminal.command("echo $left") == "off"
    told = wait_event(host, person, "locked")
    assert (told["REAPER_REASON"], told["REAPER_BY"]) == ("order", person)


def test_nobody_comes_back(host: Host, keeper_of_a_password: str) -> None:
    """The session ends after lock_for; what its person logs in to next follows it."""
    person = keeper_of_a_password
    with locking(host, person, lock_for="10s"):
        with log_in(host, person) as terminal:
            terminal.expect(LOCKED, IDLE + 40)
            terminal.expect("ends now: nobody has unlocked it for 10s", 30)
            assert terminal.closed(30)
        ended = wait_event(host, person, "terminated")
        assert (ended["REAPER_REASON"], ended["REAPER_LIMIT_USEC"]) == ("lock", "10000000")
        host.shell(f"until ! test -e /run/reaper/locks/{ended['REAPER_SESSION']}; do sleep 0.1; done")
        with log_in(host, person):
            assert wait_event(host, person, "reauthenticated")["REAPER_PREVIOUS"] == ended["REAPER_SESSION"]


def test_who_types_is_not_locked(host: Host, keeper_of_a_password: str) -> None:
    person = keeper_of_a_password
    with locking(host, person), log_in(host, person) as terminal:
        for _ in range(2):
            terminal.expect("is locked in", IDLE + 40)
            terminal.send(" ")
            terminal.expect("this session stays")
    assert "locked" not in events(host, person)


def test_the_daemon_comes_and_goes(host: Host, keeper_of_a_password: str) -> None:
    """What is locked stays so without reaperd, is unlocked without it, and is known to it again."""
    person = keeper_of_a_password
    with log_in(host, person) as terminal:
        name = wait_event(host, person, "opened")["REAPER_SESSION"]
        host.run(["reaperctl", "lock", name])
        wait_event(host, person, "locked")
        host.run(["systemctl", "restart", "reaper.service"])
        assert " locked" in host.run(["reaperctl", "explain", name]).stdout
        host.run(["systemctl", "stop", "reaper.service"])
        try:
            unlock(terminal)
            assert terminal.command("echo here") == "here"
        finally:
            host.run(["systemctl", "start", "reaper.service"])
        wait_active(host, name)
        assert terminal.command("echo still here") == "still here"


def test_who_could_not_be_locked_goes_on(host: Host, keeper_of_a_password: str) -> None:
    """Where nothing comes of an order, the session is as it was; and it is locked by the next order."""
    person, directory = keeper_of_a_password, "/run/systemd/system/reaper-lock@.service.d"
    with log_in(host, person) as terminal:
        name = wait_event(host, person, "opened")["REAPER_SESSION"]
        host.run(["mkdir", "-p", directory])
        host.write(f"{directory}/never.conf", "[Service]\nExecStartPre=/bin/sleep 1000\n")
        try:
            host.run(["systemctl", "daemon-reload"])
            host.run(["reaperctl", "lock", name])
            assert " locked" in host.run(["reaperctl", "explain", name]).stdout
            host.wait_journal(lambda entry: f"session {name} is not locked, and goes on" in entry["MESSAGE"], 60)
            assert terminal.command("echo here") == "here"
            wait_active(host, name)
        finally:
            host.run(["rm", "-r", directory])
            host.run(["systemctl", "daemon-reload"])
        host.run(["systemctl", "stop", f"reaper-lock@{name}.service"])
        assert terminal.command("echo here") == "here"
        host.run(["reaperctl", "lock", name])
        unlock(terminal)
        assert terminal.command("echo here") == "here"
    assert events(host, person).count("locked") == 1
