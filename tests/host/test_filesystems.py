"""A program on a file system whose server does not answer: it keeps its own session at most, and holds up no other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import ENDED, FAREWELL, IDLE, WARNING, events, log_in, quick, rule, wait_event
from .programs import SET_UP, phases


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    host.shell(SET_UP)
    with quick(host):
        yield


@pytest.fixture
def bystander(host: Host) -> Iterator[str]:
    name = host.add_user("bystander")
    yield name
    host.remove_user(name)


@contextlib.contextmanager
def served_by_root(host: Host) -> Iterator[str]:
    """A FUSE file system of the administrator's; yields the pid of its server."""
    host.run(["bindfs", "/srv/programs", "/mnt/programs"])
    server = host.output(["pgrep", "--newest", "--exact", "bindfs"]).strip()
    try:
        yield server
    finally:
        host.run(["kill", "-CONT", server])
        host.run(["umount", "--lazy", "/mnt/programs"])


def log_in_and_be_ended(host: Host, person: str) -> None:
    cursor = host.cursor()
    with log_in(host, person) as terminal:
        terminal.expect(WARNING, ENDED)
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(ENDED)
    host.wait_journal(lambda _: True, ENDED, after=cursor, REAPER_USER=person, REAPER_EVENT="terminated")


def test_busy_program_whose_file_system_does_not_answer_holds_up_nobody_else(
    host: Host, person: str, bystander: str
) -> None:
    """stat(2) of /proc/PID/exe would wait for the stopped server, and not even SIGKILL ends that."""
    with (
        rule(host, person, busy="simulator"),
        rule(host, bystander),
        served_by_root(host) as server,
        log_in(host, person) as terminal,
    ):
        terminal.send("/mnt/programs/simulator 1000\n")
        wait_event(host, person, "deferred", ENDED + IDLE)
        host.run(["kill", "-STOP", server])
        log_in_and_be_ended(host, bystander)
        assert phases(host) == {person: "deferred"}
        host.run(["systemctl", "restart", "reaper.service"], timeout=20)
        assert phases(host) == {person: "deferred"}
        log_in_and_be_ended(host, bystander)
        assert phases(host) == {person: "deferred"}
        assert not terminal.closed()
    assert events(host, bystander).count("terminated") == 2
    assert "ending" not in events(host, person)


def test_file_that_a_user_passes_off_as_roots_keeps_no_session(host: Host, person: str) -> None:
    """A FUSE server says of any file that it is root's, and with allow_other root believes it.

    In a namespace of their own any user can mount root's sleep over a file by another name.
    """
    with (
        rule(host, person, busy="[simulator, renamed]"),
        log_in(host, person) as served,
        log_in(host, person) as mounted,
    ):
        served.command("mkdir mnt programs; cp /bin/sleep programs/simulator; touch renamed")
        served.command("bindfs -o allow_other --force-user=root programs mnt")
        assert served.command("stat -c %U mnt/simulator") == "root"
        served.send("mnt/simulator 1000\n")
        inner = "mount --bind /bin/sleep renamed && exec ./renamed 1000"
        mounted.send(f"unshare --user --map-root-user --mount sh -c '{inner}'\n")
        programs = host.shell(f"until readlink /proc/$(pgrep -xu {person} renamed)/exe; do sleep 0.1; done", timeout=10)
        assert programs.stdout.strip() == f"/home/{person}/renamed"
        for terminal in (served, mounted):
            terminal.expect(FAREWELL, ENDED)
            assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")
    assert "deferred" not in events(host, person)
    host.shell("pkill -KILL --exact bindfs; umount --lazy /home/*/mnt", check=False)
