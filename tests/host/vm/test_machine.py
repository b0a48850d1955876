"""Machines keep their word: apart from the network and from this machine, and nothing is left, however they end."""

from __future__ import annotations

import os
import select
import signal
import time

import pytest

from ..callers import commands, start_caller
from ..lab.trees import remove_tree
from ..lab.vm import Machine
from ..lab.vm.image import machine_image

CALLER = """\
import sys
from tests.host.lab.vm import Machine
machine = Machine(sys.argv[1])
print(machine.name, machine.qemu.pid, machine.key, flush=True)
sys.stdin.read()
"""


def traces(name: str) -> list[str]:
    """What runs on this machine for the machine of that name."""
    return [words for _, words in commands() if name in words]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
@pytest.mark.parametrize("whom", ["caller", "guard"])
def test_interrupted_caller_leaves_nothing(suite: str, whom: str, number: signal.Signals) -> None:
    machine_image(suite)
    with start_caller(CALLER, suite) as caller:
        assert caller.stdout is not None
        name, pid, key = caller.stdout.readline().split()
        ended = os.pidfd_open(int(pid))
        try:
            os.kill(caller.pid if whom == "caller" else parent_of(pid), number)
            assert select.select([ended], [], [], 30)[0], "QEMU still runs"
        finally:
            os.close(ended)
            caller.kill()
            caller.wait()
    deadline = time.monotonic() + 10
    while traces(name) and time.monotonic() < deadline:
        time.sleep(0.1)  # the guard is no child of ours; it has only to clear away
    assert traces(name) == []
    if (whom, number) == ("guard", signal.SIGKILL):
        remove_tree(os.path.dirname(key))  # there was nobody left to do it
    assert not os.path.exists(os.path.dirname(key))


def parent_of(pid: str) -> int:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
        return int(stream.read().rpartition(")")[2].split()[1])


def test_snapshots(machine: Machine) -> None:
    """What is restored is all as it was: files, processes, clocks, what is on the screen."""
    before = machine.console.screen()
    machine.shell("echo here > /etc/mark; systemd-run --unit=later sleep 1000")
    machine.save("marked")
    machine.shell("rm /etc/mark; systemctl stop later")
    machine.console.send("nobody")
    machine.step_clock(86400)
    stepped = int(machine.output(["date", "+%s"]))
    machine.restore("marked")
    assert machine.read("/etc/mark") == "here\n"
    assert machine.output(["systemctl", "is-active", "later"]) == "active"
    assert machine.console.screen() == before
    assert int(machine.output(["date", "+%s"])) < stepped - 86000


def test_machine_reaches_no_network(machine: Machine) -> None:
    """It has an interface, on which nobody answers but ssh's clients."""
    reach = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"
    for address, port in (("10.0.2.2", "22"), ("192.0.2.1", "53")):
        assert machine.run(["python3", "-c", reach, address, port], check=False).returncode != 0
    with open("/proc/self/net/dev", encoding="ascii") as stream:
        ours = stream.read()
    with open(f"/proc/{machine.qemu.pid}/net/dev", encoding="ascii") as stream:
        theirs = stream.read()
    assert [line.split(":")[0].strip() for line in theirs.splitlines()[2:]] == ["lo"]
    assert ours != theirs


def test_kernel_is_the_suites(machine: Machine, suite: str) -> None:
    """An old host has an old kernel: that is what these tests are for."""
    series = {"bullseye": "5.10.", "bookworm": "6.1.", "trixie": "6.12."}[suite]
    assert machine.output(["uname", "--kernel-release"]).startswith(series)
