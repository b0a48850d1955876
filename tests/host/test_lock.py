"""Locking in place: a user who comes back authenticates, and finds everything as they left it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host
from .limits import IDLE, events, log_in, quick, rule, wait_event
from .locks import LOCKED, PROMPT, SECRET, WRONG, fail, lock, unlock


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    """Has the daemon look at sessions every second."""
    with quick(host):
        yield


@contextlib.contextmanager
def locking(host: Host, person: str, **limits: Any) -> Iterator[None]:
    """A rule that locks a user's sessions."""
    with rule(host, person, action="lock", **limits):
        yield


def wait_active(host: Host, name: str) -> None:
    """Waits until the daemon knows that a session is no longer locked, which it checks once a second."""
    host.shell(f"timeout 30 sh -c 'until reaperctl explain {name} | grep -q \" is active\"; do sleep 0.2; done'")


def in_journal(host: Host, text: str) -> int:
    """Returns how many lines of the whole journal of the host have a text in them."""
    script = 'journalctl --sync; journalctl --output=export | grep --text --fixed-strings --count -- "$1"'
    return int(host.run(["sh", "-c", script, "sh", text], check=False).stdout)


def test_idle_session_is_locked_and_unlocked(host: Host, someone: str) -> None:
    """The user is warned and locked, fails with a wrong password, succeeds with the right one, and goes on as before.

    What was typed at the prompt is nowhere in the journal.
    """
    with locking(host, someone), log_in(host, someone) as terminal:
        terminal.command("cd /tmp; left=off")
        terminal.expect(r"is idle and is locked in \d+s\. Press any key to stay\.", IDLE + 20)
        terminal.expect(LOCKED, IDLE + 20)
        terminal.expect(r"Locked after \d+s without input")
        terminal.expect(PROMPT)
        failed = fail(host, terminal, someone)
        unlock(host, terminal, someone)
        assert terminal.command("echo $PWD $left") == "/tmp off"
        assert re.match(r"attempt 1 of 5 on pts/\d+: ", failed["REAPER_WHY"])
    wait_event(host, someone, "closed")
    told = [event for event in events(host, someone) if event not in ("warned", "resumed")]
    assert told == ["opened", "locked", "unlock-failed", "unlocked", "closed"]
    assert in_journal(host, failed["REAPER_WHY"])
    assert not in_journal(host, SECRET)
    assert not in_journal(host, WRONG)


def test_user_locks_own_session(host: Host, someone: str) -> None:
    """Whatever the rule: a user can run `reaperctl lock self` on leaving, and nothing is lost on coming back."""
    with log_in(host, someone) as terminal:
        terminal.command("left=off")
        terminal.send("reaperctl lock self\n")
        terminal.expect(rf"Locked by {someone}\.")
        name = wait_event(host, someone, "locked")["REAPER_SESSION"]
        assert re.search(rf"^{name} .* locked", host.run(["reaperctl", "list"]).stdout, re.MULTILINE)
        refused = host.run(["reaperctl", "lock", name], check=False)
        assert refused.returncode == 1
        assert "locked already" in refused.stderr
        terminal.expect(PROMPT)
        unlock(host, terminal, someone)
        assert terminal.command("echo $left") == "off"
    told = wait_event(host, someone, "locked")
    assert (told["REAPER_REASON"], told["REAPER_BY"]) == ("order", someone)


def test_session_that_nobody_unlocks_ends(host: Host, someone: str) -> None:
    """The session ends after lock_for; the user's next login follows it in the journal."""
    with locking(host, someone, lock_for="10s"):
        with log_in(host, someone) as terminal:
            terminal.expect(LOCKED, IDLE + 40)
            terminal.expect("ends now: nobody has unlocked it for 10s", 30)
            assert terminal.closed(30)
        ended = wait_event(host, someone, "terminated")
        assert (ended["REAPER_REASON"], ended["REAPER_LIMIT_USEC"]) == ("lock", "10000000")
        host.shell(f"until ! test -e /run/reaper/locks/{ended['REAPER_SESSION']}; do sleep 0.1; done")
        with log_in(host, someone):
            assert wait_event(host, someone, "reauthenticated")["REAPER_PREVIOUS"] == ended["REAPER_SESSION"]


def test_session_with_input_is_not_locked(host: Host, someone: str) -> None:
    with locking(host, someone), log_in(host, someone) as terminal:
        for _ in range(2):
            terminal.expect("is locked in", IDLE + 40)
            terminal.send(" ")
            terminal.expect("this session stays")
    assert "locked" not in events(host, someone)


def test_session_that_could_not_be_locked_goes_on(host: Host, someone: str) -> None:
    """If an order comes to nothing, the session is as it was; and the next order locks it."""
    directory = "/run/systemd/system/reaper-lock@.service.d"
    with log_in(host, someone) as terminal:
        name = wait_event(host, someone, "opened")["REAPER_SESSION"]
        host.run(["mkdir", "-p", directory])
        host.write(f"{directory}/never.conf", "[Service]\nExecStartPre=/bin/sleep 1000\n")
        try:
            host.run(["systemctl", "daemon-reload"])
            host.run(["reaperctl", "lock", name])
            assert " locked" in host.run(["reaperctl", "explain", name]).stdout
            told = f"session {name} could not be locked and continues unlocked"
            host.wait_journal(lambda entry: told in entry["MESSAGE"], 60)
            assert terminal.command("echo here") == "here"
            wait_active(host, name)
        finally:
            host.run(["rm", "-r", directory])
            host.run(["systemctl", "daemon-reload"])
        host.run(["systemctl", "stop", f"reaper-lock@{name}.service"])
        assert terminal.command("echo here") == "here"
        lock(host, someone, terminal, name)
        unlock(host, terminal, someone)
    assert events(host, someone).count("locked") == 1
