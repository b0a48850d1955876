"""Sessions whose processes are elsewhere: in panes of tmux, which systemd keeps in scopes of the user's, and by run0.

The host has dbus-user-session: on Debian 13 tmux then has each pane put below user@UID.service. On Debian 12, with tmux
3.3a, panes stay in the session's scope, and all is the same.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host, SshClient
from .limits import ENDED, FAREWELL, IDLE, WARN, WARNING, drop_in, events, log_in, quick, rule, wait_event

PASSWORD = "toor-for-now"
NOTICED = 5 + 1 + 10  # a mark counts after 5 s, at the next poll, on a machine that has other things to do
POLKIT = """polkit.addRule(function(action, subject) {
  if (subject.isInGroup("lab-admins")) return polkit.Result.YES;
});
"""


@pytest.fixture(scope="module")
def host(suite: str, deb: str) -> Iterator[Host]:
    """A host of its own, whose users have a bus of theirs and may ask polkit."""
    with contextlib.ExitStack() as undo:
        booted = Host(suite, packages=("dbus-user-session", "polkitd"))
        undo.callback(booted.power_off)
        booted.install(deb)
        booted.shell(f"echo root:{PASSWORD} | chpasswd; groupadd lab-admins")
        booted.write("/etc/polkit-1/rules.d/10-lab.rules", POLKIT)
        booted.run(["systemctl", "restart", "polkit.service"])
        undo.enter_context(quick(booted))
        yield booted


@pytest.fixture
def admin(host: Host, person: str) -> Iterator[str]:
    """A person who may become root, and has an hour; root in their session has a few seconds."""
    host.write(f"/etc/sudoers.d/{person}", f"{person} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    host.run(["usermod", "-aG", "lab-admins", person])
    limits = f"idle: {IDLE}s, warn: [{WARN}s], grace: 2s"
    path = f"/etc/reaper/reaper.d/50-{person}.yaml"
    rules = (
        f"rules:\n  - {{name: {person}-root, match: {{user: [{person}, root], elevated: true}}, {limits}}}\n"
        f"  - {{name: {person}, match: {{user: {person}}}, idle: 1h}}\n"
    )
    with drop_in(host, path, rules):
        yield person
    host.run(["rm", "-f", f"/etc/sudoers.d/{person}"])


@contextlib.contextmanager
def pane(host: Host, person: str) -> Iterator[SshClient]:
    """A shell in tmux, in a login that the daemon has seen."""
    with log_in(host, person) as terminal:
        wait_event(host, person, "opened")
        terminal.send("exec tmux new-session\n")
        in_pane = "tmux-spawn-" if host.suite != "bookworm" else "session-"
        wait(
            host, f"grep {in_pane} /proc/$(pgrep -u {person} -x bash -P $(pgrep -u {person} -f ^tmux | tail -1))/cgroup"
        )
        yield terminal


def wait(host: Host, condition: str) -> None:
    """Until a command of the shell's succeeds."""
    host.shell(f"timeout 20 sh -c 'until {condition}; do sleep 0.1; done' >/dev/null")


def become_root(terminal: SshClient, command: str) -> None:
    terminal.send(f"{command}\n")
    if command.split()[0] == "su":
        terminal.expect("Password: ")
        terminal.send(f"{PASSWORD}\n")


def listed(host: Host) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(host.output(["reaperctl", "list", "--json"]))["sessions"]
    return told


def wait_elevated(host: Host, person: str, elevated: bool = True) -> None:
    """Until the session of a person is elevated, or is no more; they have but one, and root has none."""
    deadline = time.monotonic() + NOTICED
    while True:
        (session,) = listed(host)
        assert session["user"] == person
        if session["elevated"] is elevated:
            return
        assert time.monotonic() < deadline, session
        time.sleep(0.3)


@pytest.mark.parametrize("command", ["sudo -s", "sudo -i", "su -", "run0"])
def test_root_in_a_pane_elevates_the_session_that_it_is_in(suite: str, host: Host, admin: str, command: str) -> None:
    """And gets no session of its own, which nothing would limit, whatever logind makes of it."""
    if command == "run0" and suite == "bookworm":
        pytest.skip("run0 is systemd's since 256")
    with pane(host, admin) as terminal:
        for asked in (f"/tmp/{admin}-before", f"/tmp/{admin}-as-root"):
            terminal.send(f"reaperctl explain self --json > {asked}; touch {asked}.done\n")
            wait(host, f"test -e {asked}.done")
            assert json.loads(host.read(asked))["explanation"]["session"]["user"] == admin
            if asked.endswith("before"):
                become_root(terminal, command)
                wait_elevated(host, admin)
        terminal.send("exit\n")
        wait_elevated(host, admin, elevated=False)
    assert not host.journal(REAPER_USER="root", REAPER_EVENT="opened")


def test_root_in_a_pane_has_the_stricter_limit(host: Host, admin: str) -> None:
    """Told on the terminal where the person types, and ended with the person's session."""
    with pane(host, admin) as terminal:
        become_root(terminal, "su")
        wait_elevated(host, admin)
        terminal.expect(WARNING, ENDED)
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(20)
    assert wait_event(host, admin, "terminated")["REAPER_RULE"] == f"{admin}-root"
    assert not host.journal(REAPER_USER="root", REAPER_EVENT="opened")


def test_run0_elevates_the_session_that_waits_for_it(suite: str, host: Host, admin: str) -> None:
    """On its terminal, and without one; also after a restart of the daemon. With the run0 ends what it started."""
    if suite == "bookworm":
        pytest.skip("run0 is systemd's since 256")
    with log_in(host, admin) as terminal:
        wait_event(host, admin, "opened")
        terminal.send("run0\n")
        wait_elevated(host, admin)
        host.run(["systemctl", "restart", "reaper.service"])
        wait_elevated(host, admin)
        terminal.expect(WARNING, ENDED)
        terminal.expect(FAREWELL, ENDED)
        assert terminal.closed(20)
    wait(host, "! pgrep -x run0 && ! ls -d /sys/fs/cgroup/user.slice/user-0.slice/session-*")
    cursor = host.cursor()
    with host.ssh(admin, command=["run0 sleep 1000"]):
        host.wait_journal(lambda _: True, after=cursor, REAPER_USER=admin, REAPER_EVENT="opened")
        wait_elevated(host, admin)
    assert not host.journal(REAPER_USER="root", REAPER_EVENT="opened")


def test_root_in_a_service_of_the_users_elevates_the_session_that_types_there(host: Host, admin: str) -> None:
    """It is no part of the session, but its terminal is: the client that waits holds the master."""
    with log_in(host, admin) as terminal:
        wait_event(host, admin, "opened")
        terminal.send("systemd-run --user --pty --quiet sudo -s\n")
        wait_elevated(host, admin)
        terminal.send("exit\n")
        wait_elevated(host, admin, elevated=False)


def test_busy_program_in_a_pane_puts_the_end_off(host: Host, person: str) -> None:
    with rule(host, person, busy="sleep", busy_max="10s"), pane(host, person) as terminal:
        terminal.send("sleep 1000\n")
        assert "sleep (/usr/bin/sleep" in wait_event(host, person, "deferred")["REAPER_WHY"]
        assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")


def test_what_runs_in_panes_ends_with_all_of_the_session_and_nothing_else_does(host: Host, person: str) -> None:
    """Not what another session of the user started, nor the user's manager and its services."""
    lasting = "trap '' HUP TERM; nohup sleep {} >/dev/null 2>&1 &\n"
    with rule(host, person, kill="session"), log_in(host, person) as other:
        other.send("tmux -L other new-session -d 'trap \"\" HUP TERM; sleep 4712; true'\n")
        wait(host, "pgrep -x sleep -a | grep 4712")
        with pane(host, person) as terminal:
            terminal.send(lasting.format(4711))
            terminal.send("systemd-run --user --unit=apart sleep 4713\n")
            terminal.send("systemd-run --user --scope --unit=within sleep 4714 &\n")
            wait(host, "test $(pgrep -x sleep -a | grep -c 471[134]) = 3")
            deadline = time.monotonic() + 2 * ENDED
            while not terminal.closed(0.5):
                other.send("y")
                assert time.monotonic() < deadline
        wait_event(host, person, "terminated")
        left = host.shell(f"pgrep -u {person} -a sleep").stdout
        assert re.findall(r"471\d", left) == ["4712", "4713"]
        assert host.output(["systemctl", "is-active", f"user@{uid_of(host, person)}.service"]).strip() == "active"
        assert not other.closed()
        other.send("\x15systemctl --user is-active apart.service\n")
        other.expect(r"\bactive", 10)
    assert events(host, person).count("terminated") == 1


def uid_of(host: Host, person: str) -> str:
    return host.output(["id", "-u", person]).strip()
