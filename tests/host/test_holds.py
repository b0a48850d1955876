"""Holds, and what else is asked for by reaperctl, on a booted host: by root, by the person, and by others."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host, SshClient
from .limits import ENDED, FAREWELL, IDLE, WARNING, events, log_in, quick, rule, wait_event


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def session_of(host: Host, person: str) -> dict[str, Any]:
    """What reaperctl lists of a person's one session."""
    wait_event(host, person, "opened")
    answer = json.loads(host.run(["reaperctl", "list", "--json"]).stdout)
    (found,) = [each for each in answer["sessions"] if each["user"] == person]
    return dict(found)


@contextlib.contextmanager
def root_shell(host: Host, admin: str) -> Iterator[SshClient]:
    """Somebody logs in and becomes root."""
    host.add_user(admin)
    host.write(f"/etc/sudoers.d/{admin}", f"{admin} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    try:
        with log_in(host, admin) as terminal:
            terminal.send("sudo -i\n")
            yield terminal
    finally:
        host.run(["rm", "-f", f"/etc/sudoers.d/{admin}"])
        host.remove_user(admin)


def refused(host: Host, *words: str) -> tuple[int, str]:
    """The exit status and the complaint of reaperctl."""
    done = host.run(["reaperctl", *words], check=False)
    return done.returncode, done.stderr


def test_a_person_holds_their_own_session(host: Host, person: str) -> None:
    """Longer than the limit, and no longer than hold_max: then it is warned, and ends."""
    with rule(host, person, hold_max=f"{3 * IDLE}s"), log_in(host, person) as terminal:
        terminal.send("reaperctl hold self 1h --reason 'a long build'\n")
        told = terminal.expect(r"held for (\S+)( \d+s)?, until \w+ \d\d:\d\d, as hold_max allows no longer", 20)
        assert told
        wait_event(host, person, "observed")
        assert "ends in" not in terminal.text
        shown = session_of(host, person)
        assert (shown["phase"], shown["next"], shown["hold"]["by"]) == ("held", "release", person)
        assert shown["hold"]["why"] == "a long build"
        wait_event(host, person, "released", 4 * IDLE)
        terminal.expect(WARNING, 10)
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(10)
        wait_event(host, person, "terminated")
    order = events(host, person)
    assert order[:2] == ["opened", "held"]
    assert order[-4:] == ["released", "warned", "ending", "terminated"]
    assert "observed" in order[:-4]
    (held,) = host.journal(REAPER_USER=person, REAPER_EVENT="held")
    assert (held["REAPER_BY"], held["REAPER_WHY"]) == (person, "a long build")
    assert 0 < int(held["REAPER_LEFT_USEC"]) <= (3 * IDLE + 8) * 1_000_000


def test_a_person_may_not_where_the_rule_says_nothing_of_holds(host: Host, person: str) -> None:
    with rule(host, person, idle="10min", warn="[1min]"), log_in(host, person) as terminal:
        terminal.send("reaperctl hold self 1h --reason x; echo status=$?\n")
        terminal.expect(r"not allowed: the rule \S+ lets its users hold no session any longer", 20)
        terminal.expect(r"status=4", 10)
    assert "held" not in events(host, person)


def test_nobody_touches_the_session_of_another(host: Host, person: str) -> None:
    """Not by any verb; and of an end not even the owner."""
    host.add_user(f"{person}x")
    try:
        with (
            rule(host, person, idle="10min", warn="[1min]", hold_max="1h"),
            log_in(host, person) as owner,
            log_in(host, f"{person}x") as other,
        ):
            name = session_of(host, person)["session"]
            for verb in (f"hold {name} 1h --reason x", f"release {name}", f"explain {name}", f"lock {name}"):
                other.send(f"reaperctl {verb}; echo status=$?\n")
                other.expect(rf"no session '{name}' that you may see[\s\S]*status=1", 20)
            for verb in (f"warn {name} hi", f"terminate {name} --reason x --force", "reload"):
                for terminal in (owner, other):
                    terminal.send(f"reaperctl {verb}; echo status=$?\n")
                    terminal.expect(r"not allowed: only root may[\s\S]*status=4", 20)
            assert session_of(host, person)["hold"] is None
    finally:
        host.remove_user(f"{person}x")
    assert {"held", "released", "warned", "ending"}.isdisjoint(events(host, person))


def test_root_holds_and_releases(host: Host, person: str) -> None:
    """Seen in list and explain, told to root at login, and over when root says so."""
    with rule(host, person), log_in(host, person) as terminal:
        name = session_of(host, person)["session"]
        assert "held for 2h" in host.run(["reaperctl", "hold", name, "2h", "--reason", "a long build"]).stdout
        wait_event(host, person, "observed")
        assert re.search(rf"^{name} .* held ", host.run(["reaperctl", "list"]).stdout, re.MULTILINE)
        assert "by root: a long build" in host.run(["reaperctl", "explain", name]).stdout
        with root_shell(host, f"{person}x") as root:
            root.expect(
                r"reaper: \d+ sessions? (is|are) held and not ended when idle; reaperctl list shows which\.", 30
            )
        assert refused(host, "terminate", name, "--reason", "x")[0] == 1
        terminal.send(f"reaperctl release {name}; echo status=$?\n")
        terminal.expect(r"not allowed: root holds the session[\s\S]*status=4", 20)
        assert host.run(["reaperctl", "release", name, "--reason", "the build is done"]).stdout == "released\n"
        (entry,) = host.journal(REAPER_USER=person, REAPER_EVENT="released")
        assert (entry["REAPER_BY"], entry["REAPER_WHY"]) == ("root", "the build is done")
        terminal.expect(WARNING, ENDED)
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(10)


def test_a_hold_outlives_the_daemon(host: Host, person: str) -> None:
    with rule(host, person), log_in(host, person) as terminal:
        name = session_of(host, person)["session"]
        host.run(["reaperctl", "hold", name, "1h", "--reason", "x"])
        host.run(["systemctl", "restart", "reaper.service"])
        wait_event(host, person, "observed")
        assert session_of(host, person)["hold"]["by"] == "root"
        host.run(["reaperctl", "release", name])
        terminal.expect(FAREWELL, ENDED + IDLE)
        assert terminal.closed(10)


def test_an_end_that_root_orders(host: Host, person: str) -> None:
    with rule(host, person, idle="10min", warn="[1min]"), log_in(host, person) as terminal:
        name = session_of(host, person)["session"]
        host.run(["reaperctl", "terminate", name, "--reason", "maintenance at noon"])
        terminal.expect(r"ends now: root ended it: maintenance at noon\. Log in again to go on\.", 20)
        assert terminal.closed(20)
        ended = wait_event(host, person, "terminated")
    assert (ended["REAPER_REASON"], ended["REAPER_BY"]) == ("order", "root")
    assert ended["REAPER_WHY"] == "maintenance at noon"


def test_words_of_roots(host: Host, person: str) -> None:
    with rule(host, person, idle="10min", warn="[1min]"), log_in(host, person) as terminal:
        name = session_of(host, person)["session"]
        assert re.match(r"shown on pts/\d+\n", host.run(["reaperctl", "warn", name]).stdout)
        terminal.expect(r"idle and ends in (10|9)min.* Press any key to stay", 10)
        host.run(["reaperctl", "warn", name, "the switch is replaced at noon"])
        terminal.expect(r"reaper: root on \S+: the switch is replaced at noon", 10)
    wait_event(host, person, "closed")
    status, said = refused(host, "warn", name)
    assert status == 1
    assert "no session" in said


def test_what_cannot_be_locked(host: Host, person: str) -> None:
    """Who logs in by key alone could not unlock it."""
    with rule(host, person, idle="10min", warn="[1min]"), log_in(host, person):
        status, said = refused(host, "lock", session_of(host, person)["session"])
    assert status == 1
    assert re.fullmatch(
        r"reaperctl: the session cannot be locked: its user has no password here [^\n]* \(warn or terminate it\)\n",
        said,
    )


def test_reload(host: Host) -> None:
    """A policy that does not parse is told to who asked, and the last good one stays."""
    path = "/etc/reaper/reaper.d/60-broken.yaml"
    before = host.run(["reaperctl", "reload"]).stdout
    assert re.fullmatch(r"policy [0-9a-f]{12} is in force\n", before)
    host.write(path, "pol: 3s\n")
    try:
        status, said = refused(host, "reload")
    finally:
        host.run(["rm", path])
    assert status == 78
    assert f"{path}:1:1" in said
    assert "stays in force" in said
    assert host.run(["reaperctl", "reload"]).stdout == before
