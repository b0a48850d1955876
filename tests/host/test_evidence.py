"""Signs of a person that are hard to see, on a booted host with real clients."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from .lab import ExpectError, Host
from .limits import ENDED, FAREWELL, IDLE, WARNING, events, log_in, log_in_by_mosh, quick, rule, wait_event


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def test_keys_that_nothing_reads(host: Host, person: str) -> None:
    """A job in the foreground that does not read: no time of the terminal moves, yet the person is there."""
    with rule(host, person), log_in(host, person) as terminal:
        terminal.send("sleep 1000\n")
        for _ in range(2):
            terminal.expect(WARNING, ENDED)
            terminal.send("still here\n")
            terminal.expect("Thank you", 15)
        terminal.expect(WARNING, ENDED)
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(10)
    told = [entry["REAPER_EVIDENCE"] for entry in host.journal(REAPER_USER=person, REAPER_EVENT="cancelled")]
    assert told == ["input", "input"]


def test_keys_without_a_line(host: Host, person: str) -> None:
    """Single keys, no Enter, and a job that does not read: only their echo on the connection tells."""
    with rule(host, person, idle="40s", warn="[24s]"), log_in(host, person) as terminal:
        terminal.send("sleep 1000\n")
        terminal.expect(WARNING, ENDED + 40)
        for _ in range(10):
            terminal.send("x")
            with contextlib.suppress(ExpectError):
                terminal.expect("Thank you", 2)
                break
        assert "Thank you" in terminal.text
        assert terminal.closed(ENDED + 40)


def test_keys_of_root_that_nothing_reads(host: Host, person: str) -> None:
    """Root's connection has no unprivileged child in OpenSSH 9.2, and in 10.0 one that runs as root."""
    host.shell(f"install -D -m 600 /home/{person}/.ssh/authorized_keys /root/.ssh/authorized_keys")
    with rule(host, "root"), log_in(host, "root") as terminal:
        terminal.send("sleep 1000\n")
        terminal.expect(WARNING, ENDED)
        terminal.send("x")
        terminal.expect("Thank you", 15)
        assert terminal.closed(ENDED + IDLE)
    host.run(["rm", "/root/.ssh/authorized_keys"])


def test_a_person_is_kept_and_ended_as_ever_where_robots_are_ignored(host: Host, person: str) -> None:
    with rule(host, person, robots="ignore"), log_in(host, person) as terminal:
        terminal.expect(WARNING, ENDED)
        terminal.send("x")
        terminal.expect("Thank you, this session stays", ENDED)
        told = host.output(["reaperctl", "policy", "--for", person])
        assert "robots: ignore" in told
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(10)
    wait_event(host, person, "terminated")
    assert events(host, person) == ["opened", "warned", "cancelled", "resumed", "warned", "ending", "terminated"]


def test_mosh(host: Host, person: str) -> None:
    """The connection that began it is gone; the session goes on for as long as somebody types, and is warned."""
    with rule(host, person), log_in_by_mosh(host, person) as window:
        window.expect(WARNING.replace(" ", r"\s+"), ENDED)
        window.send("x")
        window.expect("Thank you", 15)
        wait_event(host, person, "terminated", ENDED + IDLE)
        assert host.run(["pgrep", "-u", person, "mosh-server"], check=False).returncode == 1
    assert events(host, person)[-2:] == ["ending", "terminated"]
