"""Programs that pretend on a booted host that their user is still there: none of them keeps a session."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from .lab import Host, SshClient
from .limits import ENDED, FAREWELL, IDLE, WARNING, events, log_in, quick, reload, rule, wait_event
from .robots import CHANNEL, REOPENED, UNREAD

ROBOTS = {"unread": UNREAD, "channel": CHANNEL, "reopened": REOPENED}


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def start(host: Host, user: str, robot: str) -> SshClient:
    """Somebody logs in, leaves a robot running and goes."""
    host.add_user(user)
    path = f"/home/{user}/robot.py"
    host.write(path, ROBOTS[robot], 0o644)
    terminal = log_in(host, user, options=["-o", "ServerAliveInterval=1"])
    terminal.send(f"python3 {path} &\n" if robot == "unread" else f"exec python3 {path}\n")
    if robot == "unread":
        terminal.prompt()
        terminal.send("sleep 1000\n")
        host.wait_process("-u", user, "-x", "sleep")
        terminal.send("is there anybody\n")
    return terminal


def test_a_robot_keeps_no_session(host: Host, person: str) -> None:
    with rule(host, person), contextlib.ExitStack() as stack:
        terminals = {name: stack.enter_context(start(host, f"{person}{name}", name)) for name in ROBOTS}
        # One that has left the same line unread is noticed once.
        deadline = time.monotonic() + 2 * ENDED
        for name, terminal in terminals.items():
            terminal.expect(FAREWELL, deadline - time.monotonic())
            assert terminal.closed(20), name
        for name in ROBOTS:
            told = wait_event(host, f"{person}{name}", "terminated", 20)
            assert told["REAPER_REASON"] == "idle", name
    for name in ROBOTS:
        host.remove_user(f"{person}{name}")


def test_a_loop_of_sudo_keeps_no_session(host: Host, person: str) -> None:
    """Root acts for longer than a command takes, and does not, in turn: each time the rule is another."""
    host.write(f"/etc/sudoers.d/{person}", f"{person} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    path = f"/etc/reaper/reaper.d/50-{person}.yaml"
    host.write(
        path,
        f"rules:\n"
        f"  - {{name: {person}-root, match: {{user: {person}, elevated: true}}, idle: {IDLE}s, warn: [8s]}}\n"
        f"  - {{name: {person}, match: {{user: {person}}}, idle: {2 * IDLE}s, warn: [12s]}}\n",
    )
    assert reload(host)["REAPER_EVENT"] == "policy-loaded"
    try:
        with log_in(host, person) as terminal:
            terminal.send("while true; do sudo -n sleep 8; sleep 2; done\n")
            begun = time.monotonic()
            wait_event(host, person, "warned", ENDED)
            terminal.expect(WARNING, 10)
            terminal.expect(r"ends now: nobody has typed", 2 * IDLE + 8 + 2 * 12 + 20)
            assert time.monotonic() - begun > IDLE
            assert terminal.closed(20)
        wait_event(host, person, "terminated", 20)
        assert events(host, person)[-3:] == ["warned", "ending", "terminated"]
    finally:
        host.run(["rm", "-f", path, f"/etc/sudoers.d/{person}"])
        reload(host)


def wait_kept(host: Host, count: int) -> None:
    """Until the daemon keeps so many terminals."""
    deadline = time.monotonic() + 20
    kept = "ls -l /proc/$(systemctl show -P MainPID reaper)/fd | grep -c ' /dev/pts/'; true"
    while (now := int(host.shell(kept).stdout)) != count:
        assert time.monotonic() < deadline, now
        time.sleep(0.3)


def test_terminals_are_kept_by_a_descriptor_each(host: Host, person: str) -> None:
    """By which the daemon knows them, and which it gives back."""
    wait_kept(host, 0)
    with rule(host, person, idle="1h"), log_in(host, person) as terminal:
        wait_kept(host, 1)
        terminal.send("exit\n")
        assert terminal.closed(10)
    wait_kept(host, 0)
