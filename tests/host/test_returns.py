"""The login that follows a session which reaper ended, in the journal; also over a restart of the daemon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import ENDED, events, log_in, quick, rule, wait_event

STACK = "/etc/pam.d/common-session"


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def test_the_first_login_after_it(host: Host, person: str) -> None:
    """Of an idle session; the second login follows nothing."""
    with rule(host, person), log_in(host, person) as terminal:
        assert terminal.closed(ENDED)
        previous = wait_event(host, person, "terminated")["REAPER_SESSION"]
    with log_in(host, person) as terminal:
        entry = wait_event(host, person, "reauthenticated")
        assert entry["REAPER_SESSION"] == terminal.command("echo $XDG_SESSION_ID")
        with log_in(host, person):
            host.wait_journal(lambda e: e["REAPER_SESSION"] not in (previous, entry["REAPER_SESSION"]),
                              REAPER_USER=person, REAPER_EVENT="opened")  # fmt: skip
            assert events(host, person).count("reauthenticated") == 1
    assert entry["REAPER_PREVIOUS"] == previous
    assert entry["REAPER_REASON"] == "idle"
    assert 0 <= int(entry["REAPER_IDLE_USEC"]) < 600_000_000
    told = host.output(["reaperctl", "log", "--user", person, "--event", "reauthenticated"])
    assert f"follows session {previous} of the same user" in told
    assert events(host, person)[:4] == ["opened", "warned", "ending", "terminated"]


def test_a_slow_module_before_the_hook(host: Host, person: str) -> None:
    """Between the one that tells logind of the login and pam_reaper: what the hook knows of it is waited for."""
    slow = "session optional pam_exec.so /bin/sleep 2\n"
    stack = host.read(STACK)
    before, hook, after = stack.partition("session\toptional\tpam_reaper.so")
    assert hook, stack
    with log_in(host, person) as terminal:
        name = terminal.command("echo $XDG_SESSION_ID")
        wait_event(host, person, "opened")
        host.run(["reaperctl", "terminate", name, "--reason", "maintenance"])
        assert terminal.closed(30)
        wait_event(host, person, "terminated")
    host.write(STACK, f"{before}{slow}{hook}{after}")
    try:
        with log_in(host, person) as terminal:
            assert wait_event(host, person, "reauthenticated")["REAPER_PREVIOUS"] == name
    finally:
        host.write(STACK, stack)


def test_a_restart_in_between(host: Host, person: str) -> None:
    with log_in(host, person) as terminal:
        wait_event(host, person, "opened")
        name = terminal.command("echo $XDG_SESSION_ID")
        host.run(["reaperctl", "terminate", name, "--reason", "maintenance"])
        assert terminal.closed(30)
        wait_event(host, person, "terminated")
    host.run(["systemctl", "restart", "reaper.service"])
    with log_in(host, person):
        entry = wait_event(host, person, "reauthenticated")
    assert (entry["REAPER_PREVIOUS"], entry["REAPER_REASON"]) == (name, "order")
