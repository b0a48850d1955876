"""Who logs in by key alone is not locked but ended, and explain and the doctor say so beforehand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host
from .limits import ENDED, FAREWELL, WARNING, events, log_in, log_in_by_mosh, quick, rule, wait_event

WHY = "its user has no password here (logs in by key alone, or the password is locked)"


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def explained(host: Host, name: str) -> dict[str, Any]:
    return dict(json.loads(host.output(["reaperctl", "explain", name, "--json"]))["explanation"])


def about_users(host: Host) -> list[str]:
    """What the doctor says of those who could not unlock."""
    told = json.loads(host.run(["reaperctl", "doctor", "--json"], check=False).stdout)["findings"]
    return [each["message"] for each in told if each["id"] == "user-unlockable"]


def test_who_has_no_password_is_ended(host: Host, person: str) -> None:
    with rule(host, person, action="lock"), log_in(host, person) as terminal:
        wait_event(host, person, "opened")
        name = terminal.command("echo $XDG_SESSION_ID")
        told = explained(host, name)
        assert told["unlockable"] == WHY
        assert f"It cannot be locked, and will be ended instead: {WHY}." in told["text"]
        assert about_users(host) == [f"Sessions of {person} cannot be locked, and are ended instead: {WHY}."]
        terminal.expect(WARNING, ENDED)
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")
    assert "locked" not in events(host, person)
    (ending,) = host.journal(REAPER_USER=person, REAPER_EVENT="ending")
    assert WHY in ending["REAPER_WHY"]


def test_a_password_is_enough(host: Host, person: str) -> None:
    """As things are when it is asked: nothing needs to be restarted."""
    with rule(host, person, action="lock"), log_in(host, person) as terminal:
        wait_event(host, person, "opened")
        name = terminal.command("echo $XDG_SESSION_ID")
        assert explained(host, name)["unlockable"] == WHY
        host.shell(f"echo {person}:toor-for-now | chpasswd")
        assert explained(host, name)["unlockable"] == ""
        assert about_users(host) == []
        host.run(["chage", "--expiredate", "1", person])
        assert explained(host, name)["unlockable"] == "the account of its user has expired"


def test_what_goes_through_a_program_of_its_user(host: Host, person: str) -> None:
    """mosh's server has what is typed before anybody else: no lock could keep that from the user's own processes."""
    host.shell(f"echo {person}:toor-for-now | chpasswd")
    why = "what is typed in it goes through mosh-server, which its user could look into"
    with rule(host, person, action="lock"), log_in_by_mosh(host, person) as window:
        window.expect(WARNING.replace(" ", r"\s+"), ENDED)
        name = wait_event(host, person, "warned")["REAPER_SESSION"]
        assert explained(host, name)["unlockable"] == why
        refused = host.run(["reaperctl", "lock", name], check=False)
        assert (refused.returncode, why in refused.stderr) == (1, True)
        wait_event(host, person, "terminated", ENDED)
    assert "locked" not in events(host, person)


@pytest.fixture
def no_cgroup_v2(host: Host) -> Iterator[None]:
    """What the daemon sees of the control groups of an older host."""
    drop_in = "/run/systemd/system/reaper.service.d/no-cgroup-v2.conf"
    host.write(drop_in, "[Service]\nTemporaryFileSystem=/sys/fs/cgroup\n")
    try:
        host.shell("systemctl daemon-reload; systemctl restart reaper.service")
        yield
    finally:
        host.shell(f"rm {drop_in}; systemctl daemon-reload; systemctl restart reaper.service")


@pytest.mark.usefixtures("no_cgroup_v2")
def test_where_nothing_can_be_frozen(host: Host, person: str) -> None:
    host.shell(f"echo {person}:toor-for-now | chpasswd")
    with rule(host, person, action="lock"), log_in(host, person) as terminal:
        name = wait_event(host, person, "opened")["REAPER_SESSION"]
        terminal.expect(WARNING, ENDED)
        assert "are not v2" in explained(host, name)["unlockable"]
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(ENDED)
    assert "are not v2" in wait_event(host, person, "ending")["REAPER_WHY"]
