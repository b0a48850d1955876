"""A locked session ends like a lost line; and a process with terminals of two locked sessions waits for both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import log_in, quick, wait_event
from .locks import SECRET, Lock, lock, session_of


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    """Has the daemon look at sessions every second."""
    with quick(host):
        yield


@pytest.mark.parametrize("order", ["reaperctl terminate {name} --reason test", "systemctl stop {unit}"])
def test_detached_process_survives_a_locked_session(host: Host, someone: str, order: str) -> None:
    """The foreground process and the shell's jobs end with the session; a process that has left the session goes on."""
    with log_in(host, someone) as terminal:
        name = session_of(host, someone, terminal)
        terminal.command("setsid --fork sleep 1001; sleep 1002 & disown; sleep 1003 & echo")
        terminal.send("echo front; exec sleep 1004\n")
        terminal.expect("front\r\n")
        found = lock(host, someone, terminal, name)
        members = host.read(f"{found.group}/cgroup.procs").split()
        assert set(pids(host, someone, "100[1-4]")) <= set(members)
        host.shell(order.format(name=name, unit=found.unit))
        assert terminal.closed(60)
    found.wait("over", f"! test -e {found.group} && ! pgrep -u {someone} -f 'sleep 1004'")
    assert len(pids(host, someone, "1001")) == 1
    for pid in pids(host, someone, "100[1-4]"):
        assert host.read(f"/proc/{pid}/cgroup").strip().endswith(f"session-{name}.scope")


def pids(host: Host, person: str, seconds: str) -> list[str]:
    return host.run(["pgrep", "-u", person, "-f", f"^sleep {seconds}"], check=False).stdout.split()


def test_server_for_two_sessions_is_frozen_until_both_are_unlocked(host: Host, someone: str) -> None:
    """A tmux server attached in both is frozen until both are unlocked; neither session's end would end it."""
    with log_in(host, someone) as first, log_in(host, someone) as second:
        names = [session_of(host, someone, each) for each in (first, second)]
        first.command("systemd-run --user --quiet tmux -D")
        first.command("until test -S /tmp/tmux-$(id -u)/default; do sleep 0.1; done")
        for each in (first, second):
            each.send("tmux new -A -s both\n")
            each.expect("both")
        # The oldest: until it runs the shell of its pane, a child that the server has forked has the server's name.
        server = host.output(["pgrep", "--oldest", "-u", someone, "-f", "tmux -D"])
        was = host.read(f"/proc/{server}/cgroup")
        locks: list[Lock] = [lock(host, someone, each, name) for each, name in zip((first, second), names)]
        assert "/reaper-lock" in host.read(f"/proc/{server}/cgroup")
        first.send(f"{SECRET}\n")
        wait_event(host, someone, "unlocked", REAPER_SESSION=names[0])
        locks[1].wait("handed over", f"grep -q 'session-{names[1]}.scope/reaper-lock' /proc/{server}/cgroup")
        second.send(f"{SECRET}\n")
        wait_event(host, someone, "unlocked", REAPER_SESSION=names[1])
        locks[1].wait("back", f"test \"$(cat /proc/{server}/cgroup)\" = '{was.strip()}'")
        for each in (first, second):
            each.send("echo both $((40 + 2))\n")
            each.expect("both 42")
