"""A lock in trouble: its keeper is killed, its files go, its host powers off. Nothing opens, nothing stays frozen."""

from __future__ import annotations

import contextlib
import os
import re
import select
from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import log_in, quick, wait_event
from .locks import FAILED, LOCKED, LOCKS, PROMPT, SECRET, WRONG, Lock, asks, fail, lock, locked, unlock


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    """Has the daemon look at sessions every second."""
    with quick(host):
        yield


def test_lock_survives_its_killed_keeper(host: Host, someone: str) -> None:
    """Again and again: the session is locked again, failures keep counting, and in the end everything is restored."""
    with log_in(host, someone) as terminal:
        terminal.command("stty intr ^X; stty -ixon")
        was = terminal.command("stty -g; stat -c '%U %G %a' $(tty)")
        found = lock(host, someone, terminal)
        fail(host, terminal, someone)
        for _ in range(4):
            keeper = found.keeper()
            host.run(["kill", "-KILL", str(keeper)])
            terminal.expect(LOCKED)
            terminal.expect(r"After 4 more attempts that fail")
            terminal.expect(PROMPT)
            found.wait_frozen()
        host.shell(f"pkill -KILL -P {found.keeper()}")
        asks(terminal)
        fail(host, terminal, someone)
        unlock(host, terminal, someone)
        assert terminal.command("stty -g; stat -c '%U %G %a' $(tty)") == was
    whys = [e["REAPER_WHY"] for e in host.journal(REAPER_USER=someone, REAPER_EVENT="unlock-failed")]
    assert [why[:14] for why in whys] == ["attempt 1 of 5", "attempt 2 of 5"]


def test_hangup_at_the_prompt_ends_the_session(host: Host, someone: str) -> None:
    """A user who hangs up at the prompt ends the session, and nothing of it is left."""
    with locked(host, someone, lambda terminal: terminal.command("sleep 300 & echo")) as (terminal, found):
        terminal.send("half a pass")
        terminal.hang_up()
        found.wait_gone()
    wait_event(host, someone, "closed")
    host.run(["sh", "-c", f"! pgrep -u {someone} -x sleep"])
    shown = f"journalctl --quiet -t sshd -t sshd-session -g {someone}"
    found.wait("told by sshd", f"{shown} | grep -q 'session closed for user'")


def test_loginctl_ends_a_locked_session(host: Host, someone: str) -> None:
    """Ending a session through logind works as usual."""
    with locked(host, someone) as (terminal, found):
        host.run(["loginctl", "terminate-session", found.name])
        assert terminal.closed(30)
        found.wait_gone()


def test_stopping_the_unit_ends_the_session(host: Host, someone: str) -> None:
    """Stopping the unit ends the session; its terminal is not given back before."""
    with locked(host, someone) as (terminal, found):
        host.run(["systemctl", "stop", found.unit])
        assert terminal.closed(30)
        found.wait_gone()


def test_lock_survives_a_restart_of_the_daemon(host: Host, someone: str) -> None:
    """Neither the stop, the absence nor the return of reaperd opens anything, and it learns what it missed."""
    with locked(host, someone) as (terminal, found):
        for away in (["restart"], ["kill", "--signal=KILL"]):
            host.run(["systemctl", *away, "reaper.service"])
            host.run(["systemctl", "restart", "reaper.service"])
            shown = host.output(["reaperctl", "list"])
            assert re.search(rf"{someone}.*locked", shown), shown
            assert " locked" in host.output(["reaperctl", "explain", found.name])
        host.run(["systemctl", "stop", "reaper.service"])
        try:
            found.wait_frozen()
            fail(host, terminal, someone)
            unlock(host, terminal, someone)
        finally:
            host.run(["systemctl", "start", "reaper.service"])
        found.wait("noticed", f"! reaperctl list | grep {someone} | grep -q locked")
        assert terminal.command("echo still here") == "still here"


def test_deleted_directory_is_written_again(host: Host, someone: str) -> None:
    """The keeper writes again what root deletes."""
    with locked(host, someone) as (terminal, _):
        host.run(["rm", "-rf", LOCKS])
        fail(host, terminal, someone)
        unlock(host, terminal, someone)


def test_session_ends_if_its_directory_is_deleted_and_its_keeper_killed(host: Host, someone: str) -> None:
    """The earlier state is unknown: the session ends, and does not stay frozen."""
    with locked(host, someone) as (terminal, found):
        host.shell(f"rm -rf {LOCKS}; kill -KILL {found.keeper()}")
        assert terminal.closed(90)
        found.wait_gone()


def test_session_ends_if_its_state_is_broken(host: Host, someone: str) -> None:
    """The earlier state is unknown: the session ends, and does not stay frozen."""
    with locked(host, someone) as (terminal, found):
        host.shell(f"kill -STOP {found.keeper()}; echo '{{' > {LOCKS}/{found.name}/state; kill -KILL {found.keeper()}")
        assert terminal.closed(60)
        found.wait_gone()


def test_lock_survives_a_package_upgrade(host: Host, someone: str) -> None:
    """An upgrade opens nothing, and loses nothing."""
    with locked(host, someone) as (terminal, found):
        keeper = found.keeper()
        deb = host.output(["sh", "-c", "ls /var/tmp/idle-reaper*.deb"])
        host.apt("install", "--reinstall", deb)
        found.wait_frozen()
        assert found.keeper() == keeper
        fail(host, terminal, someone)
        host.run(["kill", "-KILL", str(keeper)])
        asks(terminal)
        unlock(host, terminal, someone)


@contextlib.contextmanager
def full_run(host: Host) -> Iterator[None]:
    """Leaves no room in /run, which has gigabytes: it is made small first, so that it fills quickly."""
    size, used = host.output(["df", "--output=size,used", "-k", "/run"]).split()[-2:]
    host.run(["mount", "-o", f"remount,size={int(used) + 1024}k", "/run"])
    host.shell("dd if=/dev/zero of=/run/filler bs=64k; dd if=/dev/zero of=/run/filler2 bs=1", check=False)
    try:
        yield
    finally:
        host.run(["rm", "-f", "/run/filler", "/run/filler2"])
        host.run(["mount", "-o", f"remount,size={size}k", "/run"])


def test_lock_survives_a_full_disk(host: Host, someone: str) -> None:
    """Without space for the state a lock still holds, and can be unlocked."""
    with locked(host, someone) as (terminal, found):
        with full_run(host):  # the journal is on it, too, and logs nothing
            terminal.send(f"{WRONG}\n")
            terminal.expect(FAILED)
            terminal.expect(PROMPT)
            found.wait_frozen()
            terminal.send(f"{SECRET}\n")
            found.wait("given back", f"! test -e {found.group}")
            found.wait("known", f"! test -e {LOCKS}/{found.name}")
        assert terminal.command("echo I am $((40 + 2))") == "I am 42"


@pytest.fixture(scope="module")
def another(suite: str, deb: str) -> Iterator[Host]:
    """A host that is not used again."""
    with Host(suite) as booted:
        booted.install(deb)
        yield booted


def test_package_removal_and_poweroff_with_locked_sessions(another: Host, deb: str) -> None:
    """Removal of the package ends locked sessions; a host that powers off does not wait for them."""
    person = another.add_user("leaving", password=SECRET)
    with locked(another, person) as (terminal, found):
        another.apt("remove", "idle-reaper")
        assert terminal.closed(60)
        found.wait("gone", f"! test -e {found.scope}")
    another.install(deb)
    person = another.add_user("unkept", password=SECRET)
    with locked(another, person) as (terminal, found):
        another.write("/usr/share/idle-reaper/reaper-lock", "#!/bin/false\n", 0o755)
        another.run(["kill", "-KILL", str(found.keeper())])
        another.apt("remove", "idle-reaper")
        assert terminal.closed(60)
        found.wait("gone", f"! test -e {found.scope}", 120)
    another.install(deb)
    person = another.add_user("staying", password=SECRET)
    with locked(another, person, lambda terminal: terminal.command("trap '' HUP TERM")) as (terminal, _):
        end = os.pidfd_open(another.leader)
        try:
            another.run(["systemctl", "poweroff", "--no-block"])
            assert select.select([end], [], [], 60)[0]
        finally:
            os.close(end)
        assert terminal.closed(60)


def last_look(found: Lock) -> tuple[str, str]:
    """Returns the cgroup of all of the user's processes, and a script that freezes it as a keeper does."""
    group = found.scope.rpartition("/")[0]
    return group, f"touch {LOCKS}/{os.path.basename(group)}.still; echo 1 > {group}/cgroup.freeze"


def test_user_is_thawed_if_the_keeper_is_killed_during_the_freeze(host: Host, someone: str) -> None:
    """All of the user's processes are frozen then: a keeper killed in that moment must not prevent logins."""
    with log_in(host, someone) as terminal:
        found = lock(host, someone, terminal)
        group, still = last_look(found)
        host.shell(f"{still}; systemctl kill --signal=KILL --kill-who=main {found.unit}")
        found.wait("thawed", f"test 0 = $(cat {group}/cgroup.freeze)")
        with log_in(host, someone) as another:
            assert another.command("echo here") == "here"
        asks(terminal)
        unlock(host, terminal, someone)


def test_aftermath_thaws_the_user(host: Host, someone: str) -> None:
    """Also if no other keeper follows."""
    with log_in(host, someone) as terminal:
        found = lock(host, someone, terminal)
        group, still = last_look(found)
        host.shell(f"{still}; /usr/share/idle-reaper/reaper-lock --died {found.name}")
        assert host.output(["cat", f"{group}/cgroup.freeze"]) == "0"
        unlock(host, terminal, someone)


def test_daemon_without_its_state_takes_over_the_lock(host: Host, someone: str) -> None:
    """Its state is unreadable: the lock depends on its own files, and is taken over."""
    with log_in(host, someone) as terminal:
        found = lock(host, someone, terminal)
        cursor = host.cursor()
        host.shell("systemctl stop reaper; echo '{\"version\": 99}' > /run/reaper/state; systemctl start reaper")
        host.wait_journal(lambda e: f"lock of session {found.name} is taken up again" in e["MESSAGE"], after=cursor)
        assert " locked" in host.output(["reaperctl", "explain", found.name])
        fail(host, terminal, someone)
        unlock(host, terminal, someone)


def test_processes_are_thawed_without_a_keeper(host: Host, someone: str) -> None:
    """A process that outlives the session does not stay frozen, although no reaper-lock is left."""
    with locked(host, someone, lambda terminal: terminal.command("sleep 1001 & disown")) as (terminal, found):
        host.shell(f"systemctl mask --runtime {found.unit}; systemctl kill --signal=KILL {found.unit}")
        try:
            host.run(["reaperctl", "terminate", found.name, "--reason", "test"])
            wait_event(host, someone, "terminated")
            assert terminal.closed(60)
        finally:
            host.run(["systemctl", "unmask", "--runtime", found.unit])
        found.wait("thawed", f"! grep -q 1 {found.group}/cgroup.freeze && pgrep -u {someone} -f 'sleep 1001'")
        host.run(["pkill", "-u", someone, "-f", "sleep 1001"])
