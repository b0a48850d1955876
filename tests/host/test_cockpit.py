"""Cockpit's Terminal page, by the real cockpit-ws: warned on it, kept by a key, and ended with its connection.

What serves the terminal is a program of its own up to Cockpit 287 (Debian 12), and a script of Python's in 337 (13).
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .lab import Host, Terminal
from .limits import ENDED, FAREWELL, WARNING, events, quick_policy, rule, wait_event
from .locks import SECRET

BROWSER = "/usr/local/lib/browser.py"
SERVERS = "/etc/reaper/reaper.d/90-servers.yaml"


@pytest.fixture(scope="module")
def host(suite: str, deb: str) -> Iterator[Host]:
    """A host of its own: Cockpit changes what every login is greeted by."""
    with Host(suite, packages=("cockpit-bridge", "cockpit-ws")) as booted:
        booted.install(deb)
        booted.write(BROWSER, (Path(__file__).parent / "lab" / "browser.py").read_bytes())
        quick_policy(booted)
        yield booted


@contextlib.contextmanager
def page(host: Host, user: str) -> Iterator[Terminal]:
    """The Terminal page of a user, at its prompt."""
    with host.terminal(["python3", BROWSER, user]) as terminal:
        terminal.expect("password:")
        terminal.send(f"{SECRET}\n")
        terminal.prompt()
        yield terminal


def wait_shown(host: Host, line: str) -> dict[str, Any]:
    """The session, once the daemon has found its terminal, which is made later."""
    deadline = time.monotonic() + 10
    while True:
        (shown,) = json.loads(host.output(["reaperctl", "list", "--json"]))["sessions"]
        if line in shown["terminals"] or time.monotonic() > deadline:
            assert shown["terminals"] == [line]
            return dict(shown)


def test_page_that_is_left_is_warned_kept_by_a_key_and_ended(host: Host, someone: str) -> None:
    with rule(host, someone), page(host, someone) as terminal:
        wait_event(host, someone, "opened")
        line = terminal.command("tty")[len("/dev/") :]
        assert wait_shown(host, line)["service"] == "cockpit"
        terminal.expect(WARNING, ENDED)
        terminal.send("x")
        terminal.expect("this session stays")
        terminal.expect(WARNING, ENDED)
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(ENDED)
        wait_event(host, someone, "terminated")
    assert events(host, someone) == ["opened", "warned", "cancelled", "resumed", "warned", "ending", "terminated"]
    assert host.output(["loginctl", "--no-legend", "list-sessions"]).count(someone) <= 1  # their service manager
    assert host.run(["pgrep", "--exact", "cockpit-session"], check=False).stdout == ""
    assert host.run(["pgrep", "--uid", someone, "--full", "cockpit-bridge"], check=False).stdout == ""


def test_page_is_ended_and_not_locked(host: Host, someone: str) -> None:
    """What is typed there goes through a program that its user could look into."""
    with rule(host, someone, action="lock"), page(host, someone) as terminal:
        terminal.expect(WARNING, ENDED)
        why = terminal.command("reaperctl explain self")
        assert "what is typed in it goes through cockpit-bridge" in " ".join(why.split())


def test_page_is_no_terminal_where_the_policy_does_not_name_its_server(host: Host, someone: str) -> None:
    host.write(SERVERS, "terminal_servers: [mosh-server]\n")
    try:
        with rule(host, someone), page(host, someone):
            wait_event(host, someone, "opened")
            (shown,) = json.loads(host.output(["reaperctl", "list", "--json"]))["sessions"]
            assert (shown["terminals"], shown["next"]) == ([], "nothing")
    finally:
        host.run(["rm", SERVERS])
