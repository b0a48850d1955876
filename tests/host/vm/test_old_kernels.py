"""Kernels before Linux 6.5, which date what is read through /dev/tty there and not on the terminal it came from."""

from __future__ import annotations

import time

import pytest

from ..lab.vm import Machine
from ..limits import WARNING, events, rule
from .people import ENDED, IDLE, LIMITS, log_in


def release(machine: Machine) -> tuple[int, ...]:
    return tuple(int(number) for number in machine.output(["uname", "-r"]).split("-")[0].split(".")[:2])


@pytest.fixture(autouse=True)
def old_kernel(machine: Machine) -> None:
    if release(machine) >= (6, 5):
        pytest.skip("this kernel dates both")


def test_who_pages_is_kept(machine: Machine, person: str) -> None:
    """less through /dev/tty, as Debian 11's has it: nothing moves on the terminal, for longer than the limit."""
    with rule(machine, person, **LIMITS), log_in(machine, person) as terminal:
        terminal.send("seq 100000 > n; less n </dev/null 2>&1\n")
        terminal.expect(":|n", 30)
        deadline = time.monotonic() + 3 * IDLE
        while time.monotonic() < deadline:
            terminal.send(" ")
            time.sleep(4)
            terminal.read_available(0.1)
        assert not terminal.closed()
        assert events(machine, person).count("terminated") == 0
        terminal.expect(WARNING, ENDED)
        assert terminal.closed(ENDED)


def test_who_pages_keeps_nobody_else(machine: Machine, person: str) -> None:
    """The one at the prompt is ended, though somebody else reads on through /dev/tty."""
    idle = machine.add_user(f"{person}i")
    with rule(machine, person, **LIMITS), log_in(machine, person) as pager, log_in(machine, idle) as away:
        pager.send("while read -r line </dev/tty; do :; done\n")  # its standard input is /dev/tty meanwhile
        deadline = time.monotonic() + ENDED + IDLE
        while not away.closed(0.5):
            assert time.monotonic() < deadline
            pager.send("x\n")
            time.sleep(2)
            pager.read_available(0.1)
        assert not pager.closed()
        assert "terminated" not in events(machine, person)
