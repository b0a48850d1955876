"""Keepers that meet errors of their own: the session is given back or ended, and never stays frozen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import events, log_in, quick, rule, wait_event
from .locks import LOCKS, SECRET, lock, locked


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    """Has the daemon look at sessions every second."""
    with quick(host):
        yield


@contextlib.contextmanager
def broken(host: Host, fault: str) -> Iterator[None]:
    """Has every keeper that starts meanwhile fail in the function MODULE:NAME of reaper.lock."""
    path = "/usr/share/idle-reaper/reaper-lock"
    was = host.read(path)
    lines = ["#!/usr/bin/python3", "import sys", "sys.path.insert(0, '/usr/share/idle-reaper')"]
    lines += ["def fail(*words, **more):", "    raise ValueError('injected')"]
    module, _, name = fault.partition(":")
    lines += [f"import reaper.lock.{module}", f"reaper.lock.{module}.{name} = fail"]
    host.write(path, "\n".join([*lines, "from reaper.lock.__main__ import main", "sys.exit(main())", ""]), 0o755)
    try:
        yield
    finally:
        host.write(path, was, 0o755)


def test_session_ends_if_all_keepers_fail(host: Host, someone: str) -> None:
    """Each fails in its first look: the locked session is not opened, and does not stay frozen."""
    with (
        rule(host, someone, idle="1h"),
        locked(host, someone) as (terminal, found),
        broken(host, "freeze.frozen:holders"),
    ):
        host.run(["kill", "-KILL", str(found.keeper())])
        assert "reaper-lock failed 5 times in a row" in wait_event(host, someone, "ending")["REAPER_WHY"]
        assert terminal.closed(60)
        found.wait("gone", f"! test -e {found.scope}")
    assert "unlocked" not in events(host, someone)


def test_session_ends_if_its_keeper_is_stopped_at_the_start(host: Host, someone: str) -> None:
    """SIGTERM ends it before it can catch it: what it would have done is done all the same."""
    with locked(host, someone) as (terminal, found):
        host.shell(f"systemctl mask --runtime {found.unit}; systemctl kill --signal=KILL {found.unit}")
        try:
            host.run(["env", "EXIT_STATUS=TERM", "/usr/share/idle-reaper/reaper-lock", "--died", found.name])
            assert terminal.closed(60)
            found.wait_gone()
        finally:
            host.run(["systemctl", "unmask", "--runtime", found.unit])


def test_session_is_hung_up_if_all_keepers_fail_without_the_daemon(host: Host, someone: str) -> None:
    """The session is hung up, and its detached processes go on."""
    with locked(host, someone, lambda terminal: terminal.command("setsid -f sleep 1003")) as (terminal, found):
        host.run(["systemctl", "stop", "reaper.service"])
        try:
            with broken(host, "held_terminal:HeldTerminal.is_gone"):
                host.run(["kill", "-KILL", str(found.keeper())])
                assert terminal.closed(60)
                found.wait("over", f"! test -e {found.group} && ! test -e {LOCKS}/{found.name}")
                host.run(["pgrep", "-u", someone, "-f", "sleep 1003"])
        finally:
            host.run(["systemctl", "start", "reaper.service"])
        host.run(["pkill", "-u", someone, "-f", "sleep 1003"])


@pytest.mark.parametrize("fault", ["held_terminal:HeldTerminal.restore", "freeze.freezer:Freezer.put_back"])
def test_session_is_given_back_despite_errors(host: Host, someone: str, fault: str) -> None:
    """A user who has authenticated gets the session back, as far as that is possible."""
    with broken(host, fault), log_in(host, someone) as terminal:
        found = lock(host, someone, terminal)
        terminal.send(f"{SECRET}\n")
        wait_event(host, someone, "unlocked")
        found.wait("over", f"! systemctl is-active --quiet {found.unit} && ! grep -q 1 {found.group}/cgroup.freeze")
        terminal.send("echo I am $((40 + 2))\r")
        terminal.expect("I am 42")
        assert "terminated" not in events(host, someone)
