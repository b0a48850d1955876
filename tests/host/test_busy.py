"""Who is away while a program of theirs runs, and who has several sessions: on a booted host, over real ssh."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator

import pytest

from .lab import ExpectError, Host
from .limits import ENDED, FAREWELL, IDLE, WARNING, events, log_in, quick, rule, wait_event

KEPT = r"is idle, and stays while sleep runs, {} at most\. Press any key to stay\."


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def test_a_program_keeps_its_session_until_it_is_done(host: Host, person: str) -> None:
    with rule(host, person, busy="[dpkg, 'sl*p']"), log_in(host, person) as terminal:
        terminal.send("sleep 40; echo it is do''ne\n")
        terminal.expect(WARNING, ENDED)
        terminal.expect(KEPT.format("4h"), ENDED)
        entry = wait_event(host, person, "deferred")
        assert re.fullmatch(r"sleep \(/usr/bin/sleep, pid \d+\)", entry["REAPER_WHY"])
        assert f"stays while {entry['REAPER_WHY']} runs, for 4h at most" in entry["MESSAGE"]
        (session,) = [each for each in listed(host) if each["user"] == person]
        assert session["phase"] == "deferred"
        terminal.expect("it is done", 60)
        terminal.expect(WARNING, 15)
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")
    assert events(host, person) == ["opened", "warned", "deferred", "warned", "ending", "terminated"]


def listed(host: Host) -> list[dict[str, object]]:
    sessions: list[dict[str, object]] = json.loads(host.output(["reaperctl", "list", "--json"]))["sessions"]
    return sessions


def test_a_key_counts_and_the_time_is_bounded(host: Host, person: str) -> None:
    """Also where the program has left the terminal."""
    with rule(host, person, busy="sleep", busy_max="10s"), log_in(host, person) as terminal:
        terminal.send("setsid sleep 1000 >/dev/null 2>&1 &\n")
        terminal.expect(KEPT.format("10s"), ENDED)
        terminal.send("x")
        terminal.expect("Thank you, this session stays", 10)
        terminal.expect(KEPT.format("10s"), ENDED + IDLE)
        terminal.expect(WARNING, 20)
        assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")
    told = events(host, person)
    assert told[:5] == ["opened", "warned", "deferred", "resumed", "warned"]
    assert told[5:] == ["deferred", "warned", "ending", "terminated"]


def test_a_program_of_their_own_keeps_nothing(host: Host, person: str) -> None:
    with rule(host, person, busy="rsync"), log_in(host, person) as terminal:
        terminal.command("cp /bin/sleep rsync; printf '#!/bin/sh\\nsleep 1000\\n' > script; chmod +x script")
        terminal.command("mkdir bin; mv script bin/rsync")
        terminal.send("./rsync 1000 & bin/rsync & (exec -a rsync sleep 1000) &\n")
        assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")
    assert "deferred" not in events(host, person)


def test_who_types_in_one_session_keeps_the_other(host: Host, person: str) -> None:
    with rule(host, person, share_activity="user"), log_in(host, person) as busy, log_in(host, person) as idle:
        deadline = time.monotonic() + ENDED
        while time.monotonic() < deadline:
            busy.send("y")
            with contextlib.suppress(ExpectError):
                idle.expect("reaper:", 3)
                raise AssertionError(idle.text)
        assert not idle.closed()
        assert sorted(str(each["evidence"]) for each in listed(host) if each["user"] == person) == ["input", "shared"]
        assert idle.closed(ENDED)
        assert busy.closed(ENDED)
    wait_event(host, person, "terminated")
    assert events(host, person).count("ending") == 2
