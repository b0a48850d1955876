"""What spares a person their password outlives neither a session that reaper ends nor a lock: real sudo, real ssh."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .lab import Host, SshClient
from .limits import log_in, quick, wait_event
from .locks import SECRET, lock, unlock

TICKETS = "/run/sudo/ts"


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


@pytest.fixture
def admin(host: Host, someone: str) -> Iterator[str]:
    """A person who may sudo with their password, once for all of their sessions."""
    path = f"/etc/sudoers.d/{someone}"
    host.write(path, f"Defaults:{someone} timestamp_type=global, !lecture\n{someone} ALL=(ALL) ALL\n", 0o440)
    yield someone
    host.run(["rm", "-f", path])


def says_root(terminal: SshClient) -> str:
    """What sudo does without a password."""
    return terminal.command("sudo -n id -u 2>&1 | tail -n 1")


def prove(terminal: SshClient) -> None:
    """Gives the password to sudo."""
    terminal.send("sudo -p 'pass''word: ' -v\n")
    terminal.expect("password: ")
    terminal.send(f"{SECRET}\n")
    terminal.prompt()
    assert says_root(terminal) == "0"


def is_asked_again(host: Host, person: str, stranger: str) -> None:
    """Their ticket is gone, and the stranger's is not."""
    left = host.output(["ls", TICKETS]).split()
    assert not {person, host.output(["id", "-u", person])} & set(left)
    assert stranger.rpartition("/")[2] in left


@pytest.mark.parametrize("way", ["terminate", "lock"])
def test_sudo_asks_again(host: Host, admin: str, way: str) -> None:
    """Another person's ticket stays, and so does one that outlives a logout."""
    stranger = f"{TICKETS}/4000000000"
    with log_in(host, admin) as terminal:
        prove(terminal)
    with log_in(host, admin) as terminal:
        assert says_root(terminal) == "0"
        host.run(["touch", stranger])
        if way == "lock":
            lock(host, admin, terminal)
            is_asked_again(host, admin, stranger)
            unlock(host, terminal, admin)
            assert "password is required" in says_root(terminal)
        else:
            name = terminal.command("echo $XDG_SESSION_ID")
            host.run(["reaperctl", "terminate", name, "--reason", "tickets"])
            assert terminal.closed(30)
            wait_event(host, admin, "terminated")
            is_asked_again(host, admin, stranger)
    host.run(["rm", "-f", stranger])
    with log_in(host, admin) as terminal:
        assert "password is required" in says_root(terminal)
    assert not [
        entry for entry in host.journal(SYSLOG_IDENTIFIER="reaperd") if "is not removed" in str(entry["MESSAGE"])
    ]
