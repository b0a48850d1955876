"""What spares a person their password does not outlive the session that reaper ends: real sudo, over real ssh."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .lab import Host, SshClient
from .limits import log_in, quick, wait_event

PASSWORD = "toor-for-now"
TICKETS = "/run/sudo/ts"


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


@pytest.fixture
def admin(host: Host, person: str) -> Iterator[str]:
    """A person who may sudo with their password, once for all of their sessions."""
    host.shell(f"echo {person}:{PASSWORD} | chpasswd")
    path = f"/etc/sudoers.d/{person}"
    host.write(path, f"Defaults:{person} timestamp_type=global, !lecture\n{person} ALL=(ALL) ALL\n", 0o440)
    yield person
    host.run(["rm", "-f", path])


def says_root(terminal: SshClient) -> str:
    """What sudo does without a password."""
    return terminal.command("sudo -n id -u 2>&1 | tail -n 1")


def prove(terminal: SshClient) -> None:
    """Gives the password to sudo."""
    terminal.send("sudo -p 'pass''word: ' -v\n")
    terminal.expect("password: ")
    terminal.send(f"{PASSWORD}\n")
    terminal.prompt()
    assert says_root(terminal) == "0"


def test_sudo_asks_again_after_a_session_was_ended(host: Host, admin: str) -> None:
    """Another person's ticket stays, and so does one that outlives a logout."""
    stranger = f"{TICKETS}/4000000000"
    with log_in(host, admin) as terminal:
        prove(terminal)
    with log_in(host, admin) as terminal:
        assert says_root(terminal) == "0"
        host.run(["touch", stranger])
        name = terminal.command("echo $XDG_SESSION_ID")
        host.run(["reaperctl", "terminate", name, "--reason", "tickets"])
        assert terminal.closed(30)
    wait_event(host, admin, "terminated")
    uid = host.output(["id", "-u", admin]).strip()
    left = host.output(["ls", TICKETS]).split()
    assert not {admin, uid} & set(left)
    assert stranger.rpartition("/")[2] in left
    host.run(["rm", "-f", stranger])
    with log_in(host, admin) as terminal:
        assert "password is required" in says_root(terminal)
    assert not [
        entry for entry in host.journal(SYSLOG_IDENTIFIER="reaperd") if "is not removed" in str(entry["MESSAGE"])
    ]
