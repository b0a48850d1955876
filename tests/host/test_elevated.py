"""A stricter rule from the moment that a root shell opens in a session, back when it closes: real su and sudo."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host, SshClient
from .limits import ENDED, FAREWELL, IDLE, WARN, WARNING, drop_in, events, log_in, quick, wait_event

MARKS = "/run/reaper/elevated"
PASSWORD = "toor-for-now"
NOTICED = 5 + 1 + 10  # a mark counts after 5 s, at the next poll, on a machine that has other things to do


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


@pytest.fixture
def admin(host: Host, person: str) -> Iterator[str]:
    """A person who may sudo, and has an hour; root in their session has a few seconds."""
    host.write(f"/etc/sudoers.d/{person}", f"{person} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    limits = f"idle: {IDLE}s, warn: [{WARN}s], grace: 2s"
    rules = f"""
rules:
  - {{name: {person}-root, match: {{user: {person}, elevated: true}}, {limits}}}
  - {{name: {person}, match: {{user: {person}}}, idle: 1h}}
"""
    path = f"/etc/reaper/reaper.d/50-{person}.yaml"
    with drop_in(host, path, rules):
        yield person
    host.run(["rm", "-f", f"/etc/sudoers.d/{person}"])


@contextlib.contextmanager
def entered(host: Host, person: str) -> Iterator[SshClient]:
    """A login that the daemon has seen."""
    with log_in(host, person) as terminal:
        wait_event(host, person, "opened")
        yield terminal


def session_of(host: Host, person: str) -> dict[str, Any]:
    told = json.loads(host.output(["reaperctl", "list", "--json"]))["sessions"]
    (session,) = [each for each in told if each["user"] == person]
    return dict(session)


def wait_rule(host: Host, person: str, rule: str) -> dict[str, Any]:
    deadline = time.monotonic() + NOTICED
    while True:
        session = session_of(host, person)
        if session["rule"] == rule:
            return session
        assert time.monotonic() < deadline, session
        time.sleep(0.3)


def marks(host: Host) -> list[str]:
    return host.shell(f"cat {MARKS}/* 2>/dev/null; true").stdout.splitlines()


@contextlib.contextmanager
def root_shell(terminal: SshClient, command: str, password: str = "") -> Iterator[None]:
    terminal.send(f"{command}\n")
    if password:
        terminal.expect("Password: ")
        terminal.send(f"{password}\n")
    terminal.expect(r"# (\x1b\[\S*)?\Z")
    yield


def test_a_root_shell_has_the_stricter_limit(host: Host, admin: str) -> None:
    """Warned on the person's own terminal, and ended with all that root had open there."""
    with entered(host, admin) as terminal:
        with root_shell(terminal, "sudo -i"):
            assert terminal.command("id -u") == "0"
            mark = dict(line.split("=", 1) for line in marks(host))
            assert (mark["USER"], mark["UID"], mark["RUSER"]) == ("root", "0", admin)
            assert host.read(f"/proc/{mark['LEADER']}/comm") == "sudo\n"
            assert wait_rule(host, admin, f"{admin}-root")["elevated"] is True
            assert f"{admin}#" in host.output(["reaperctl", "list"])
        terminal.expect(WARNING, ENDED)
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(20)
    entry = wait_event(host, admin, "terminated")
    assert entry["REAPER_RULE"] == f"{admin}-root"
    assert events(host, admin) == ["opened", "warned", "ending", "terminated"]
    assert marks(host) == []


@pytest.mark.parametrize("command", ["sudo -i", "sudo -s", "sudo bash", "su", "su -"])
def test_the_old_limit_is_back_when_it_closes(host: Host, admin: str, command: str) -> None:
    """Every way there is, also those that go through common-session-noninteractive, or through two stacks."""
    host.shell(f"echo root:{PASSWORD} | chpasswd")
    password = PASSWORD if command.startswith("su ") or command == "su" else ""
    with entered(host, admin) as terminal:
        assert session_of(host, admin)["elevated"] is False
        with root_shell(terminal, command, password):
            wait_rule(host, admin, f"{admin}-root")
            assert len([line for line in marks(host) if line.startswith("VERSION=")]) == 1
        terminal.send("exit\n")
        terminal.expect(r"\$ (\x1b\[\S*)?\Z")
        session = wait_rule(host, admin, admin)
        assert session["elevated"] is False
        assert marks(host) == []
        terminal.quiet("reaper:", 1)
    assert "tampered" not in events(host, admin)


def test_limit_of_the_file_size_leaves_no_root_shell_unmarked(host: Host, admin: str) -> None:
    """After `ulimit -f 0` no byte can be written to a file: the mark is the target of a link then."""
    host.shell(f"echo root:{PASSWORD} | chpasswd")
    with entered(host, admin) as terminal:
        with root_shell(terminal, "(ulimit -f 0; exec su)", PASSWORD):
            wait_rule(host, admin, f"{admin}-root")
            mark = host.shell(f"readlink {MARKS}/*").stdout
            assert f"RUSER={admin}" in mark.splitlines()
        terminal.send("exit\n")
        wait_rule(host, admin, admin)


def test_it_survives_a_restart_of_the_daemon_and_not_a_killed_sudo(host: Host, admin: str) -> None:
    with entered(host, admin) as terminal:
        with root_shell(terminal, "sudo -i"):
            wait_rule(host, admin, f"{admin}-root")
            host.run(["systemctl", "restart", "reaper.service"])
            assert session_of(host, admin)["rule"] == f"{admin}-root"
        (leader,) = [line.partition("=")[2] for line in marks(host) if line.startswith("LEADER=")]
        host.run(["kill", "-KILL", leader])
        wait_rule(host, admin, admin)
        assert marks(host) == []


def test_within_tmux(host: Host, admin: str) -> None:
    """The server of tmux is nobody's child: the scope tells whose root it is."""
    with entered(host, admin) as terminal:
        terminal.send("tmux new-session sudo -i\n")
        wait_rule(host, admin, f"{admin}-root")
        host.shell(f"runuser -u {admin} -- tmux kill-server")
        wait_rule(host, admin, admin)


def test_to_become_another_than_root_changes_nothing(host: Host, admin: str) -> None:
    with entered(host, admin) as terminal:
        terminal.send("sudo -u nobody sleep 1000\n")
        host.wait_process("-u", "nobody", "-x", "sleep")
        time.sleep(NOTICED / 2)
        assert session_of(host, admin)["elevated"] is False
        assert marks(host) == []
        terminal.send(b"\x03")


def test_without_the_directory_nobody_is_kept_from_root(host: Host, admin: str) -> None:
    host.shell(f"rm -rf {MARKS}; echo x > {MARKS}")
    try:
        with entered(host, admin) as terminal, root_shell(terminal, "sudo -i"):
            assert terminal.command("id -u") == "0"
        said = host.wait_journal(lambda entry: "cannot record the elevation" in entry["MESSAGE"], 20)
        assert f"the elevation of {admin} in {MARKS}" in said["MESSAGE"]
    finally:
        host.run(["rm", "-f", MARKS])
