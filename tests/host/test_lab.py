"""The lab keeps its word: hosts are apart from each other and the machine, and leave nothing, however they end."""

from __future__ import annotations

import glob
import os
import select
import signal
import subprocess
import tempfile

import pytest

from .callers import commands, start_caller
from .lab import DEFAULT_SUITES, Host, Workstation, base_tree

CALLER = """\
import sys
from tests.host.lab import Host
host = Host(sys.argv[1])
host.add_user("alice")
terminal = host.ssh("alice")
terminal.prompt()
print(host.name, host.leader, host.key, flush=True)
sys.stdin.read()
"""


def traces(name: str) -> list[str]:
    """What there is on this machine of the host of that name."""
    found = [*glob.glob(f"/sys/fs/cgroup/**/{name}", recursive=True), *glob.glob(f"/run/systemd/nspawn/**/{name}*")]
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        found += [line for line in stream if name in line]
    return found + [words for _, words in commands() if name in words]


def test_power_off_leaves_nothing(suite: str) -> None:
    with Host(suite) as host:
        host.add_user("alice")
        with host.ssh("alice") as terminal:
            terminal.prompt()
            assert traces(host.name)
    assert traces(host.name) == []
    assert not os.path.exists(os.path.dirname(host.key))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_interrupted_caller_leaves_nothing(suite: str, number: signal.Signals) -> None:
    base_tree(suite)
    with start_caller(CALLER, suite) as caller:
        assert caller.stdout is not None
        name, leader, key = caller.stdout.readline().split()
        ended = os.pidfd_open(int(leader))
        guard = guard_of(name)
        caller.send_signal(number)
        caller.wait(30)
    try:
        assert select.select([ended], [], [], 30)[0], "the host's init still runs"
        assert select.select([guard], [], [], 30)[0], "the guard still runs"
    finally:
        os.close(ended)
        os.close(guard)
    assert traces(name) == []
    assert not os.path.exists(os.path.dirname(key))


def guard_of(name: str) -> int:
    """A descriptor of the process that guards the host, by which to see its end."""
    for pid, words in commands():
        if "guard.py" in words and name in words:
            return os.pidfd_open(pid)
    raise AssertionError(f"{name} has no guard")


def test_hosts_are_apart(suite: str) -> None:
    with Host(suite) as one, Host(suite) as other:
        one.add_user("alice")
        assert other.run(["id", "alice"], check=False).returncode != 0
        assert one.read("/etc/machine-id") != other.read("/etc/machine-id")
        with one.ssh("alice") as terminal:
            terminal.prompt()
            assert terminal.command("hostname") == one.name
            assert "alice" not in other.output(["loginctl", "list-sessions"])


def test_clients_of_another_suite(suite: str) -> None:
    """A workstation's own client logs in to any host; of the workstation, nothing is left."""
    versions = {"bookworm": "OpenSSH_9.2", "trixie": "OpenSSH_10.0"}
    with Host(suite) as host:
        host.add_user("alice")
        for other in DEFAULT_SUITES:
            with Workstation(other) as machine, host.ssh("alice", on=machine, options=["-v"]) as terminal:
                terminal.prompt()
                assert f"Local version string SSH-2.0-{versions[other]}" in terminal.text
                assert terminal.command("hostname") == host.name


def test_host_reaches_no_network(suite: str) -> None:
    with Host(suite) as host:
        assert [line.split(":")[0].strip() for line in host.read("/proc/net/dev").splitlines()[2:]] == ["lo"]


def test_tree_is_not_written(suite: str) -> None:
    tree = base_tree(suite)
    with tempfile.NamedTemporaryFile() as before, Host(suite) as host:
        host.write("/etc/mark", "x")
        host.apt("remove", "less")
        host.power_off()
        newer = subprocess.run(["find", tree, "-newer", before.name], capture_output=True, text=True, check=True)
    assert newer.stdout == ""
