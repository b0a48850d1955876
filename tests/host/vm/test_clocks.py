"""Clocks that are set, and machines that sleep: nobody ends without their warning, and nobody stays for it."""

from __future__ import annotations

import pytest

from ..lab.guest import JournalEntry
from ..lab.vm import Machine
from ..limits import WARNING, events, rule
from .people import (
    BUCKET,
    ENDED,
    FAREWELL,
    IDLE,
    LIMITS,
    PASSWORD,
    SEC,
    SLOW,
    WARN,
    appears,
    check_story,
    end_of,
    log_in,
    monotonic_usec,
    stamp_usec,
    type_while,
)

HOUR, DAY = 3600, 86400
STEPS = pytest.mark.parametrize("step", [HOUR, -HOUR, DAY, -DAY], ids=["hour-on", "hour-back", "day-on", "day-back"])
POLL = 1 * SEC


@STEPS
def test_clock_is_set(machine: Machine, person: str, step: int) -> None:
    """Two people, one idle and one typing: the one ends when due, neither sooner nor later, the other not at all."""
    typist = machine.add_user("typist", password=PASSWORD)
    with rule(machine, person, **LIMITS), rule(machine, typist, **LIMITS):
        machine.serial.log_in(typist, PASSWORD)
        with machine.ssh(person) as idle:
            type_while(machine.serial, appears(idle, r"[$] \Z"), 90)
            before = monotonic_usec(machine)
            idle.send("x")
            idle.expect("x")
            after = monotonic_usec(machine)
            machine.step_clock(step)
            type_while(machine.serial, appears(idle, WARNING), ENDED)
            type_while(machine.serial, appears(idle, FAREWELL), ENDED)
        told = end_of(machine, person)
        assert events(machine, typist) == ["opened"]
        assert "reaper:" not in machine.serial.text
    # The auditor reads it in the order in which it happened, whatever the dates say.
    check_story(told, "opened", "warned", "ending", "terminated")
    check_end(told, before, after)
    assert [stamp_usec(entry) for entry in told] == sorted(stamp_usec(entry) for entry in told)


def check_end(told: list[JournalEntry], earliest: int, latest: int) -> None:
    """The end came its limit after a key that was pressed between two moments, and its lead after the warning."""
    by_event = {entry["REAPER_EVENT"]: entry for entry in told}
    ended, warned = stamp_usec(by_event["ending"]), stamp_usec(by_event["warned"])
    assert ended - earliest >= IDLE * SEC
    assert ended - latest <= IDLE * SEC + BUCKET + POLL + SLOW
    assert ended - warned >= (WARN - 1) * SEC  # the lead, told a moment after the warning was shown
    assert IDLE * SEC <= int(by_event["ending"]["REAPER_IDLE_USEC"]) <= IDLE * SEC + POLL + SLOW


@pytest.mark.parametrize("step", [HOUR, -DAY], ids=["hour-on", "day-back"])
def test_clock_is_set_after_the_warning(machine: Machine, person: str, step: int) -> None:
    """A warning is good for what it says, and a key after it is a key."""
    with rule(machine, person, **LIMITS), log_in(machine, person) as terminal:
        terminal.expect(WARNING, ENDED)
        machine.step_clock(step)
        terminal.send("x")
        terminal.expect("Thank you, this session stays", 30)
        terminal.expect(WARNING, ENDED)
        machine.step_clock(-step)
        terminal.expect(FAREWELL, ENDED)
        told = end_of(machine, person)
    check_story(told, "opened", "warned", "cancelled", "resumed", "warned", "ending", "terminated")
    warned, ended = (stamp_usec(entry) for entry in told[4:6])
    assert (WARN - 1) * SEC <= ended - warned <= WARN * SEC + POLL + SLOW


@pytest.mark.parametrize("asleep", [6, IDLE + 5], ids=["short-of-the-limit", "longer-than-the-limit"])
def test_suspended(machine: Machine, person: str, asleep: int) -> None:
    """Suspended to memory after a warning: when the machine wakes up, the person is warned anew, with the whole lead.

    A real suspend of the guest: its processes are frozen and CLOCK_BOOTTIME goes on.
    """
    with rule(machine, person, **LIMITS), log_in(machine, person) as terminal:
        terminal.expect(WARNING, ENDED)
        machine.suspend()
        terminal.quiet("reaper:", asleep)
        machine.wake()
        terminal.expect(WARNING, 30)
        terminal.expect(FAREWELL, ENDED)
        told = end_of(machine, person)
    check_story(told, "opened", "warned", "warned", "ending", "terminated")
    assert stamp_usec(told[3]) - stamp_usec(told[2]) >= (WARN - 1) * SEC


def test_suspended_while_active(machine: Machine, person: str) -> None:
    """Suspended before any warning, longer than the limit: the person who comes back has the lead to press a key."""
    with rule(machine, person, **LIMITS), log_in(machine, person) as terminal:
        machine.suspend()
        terminal.quiet("reaper:", IDLE + 5)
        machine.wake()
        terminal.expect(WARNING, 30)
        terminal.send("x")
        terminal.expect("Thank you, this session stays", 30)
        assert events(machine, person)[:3] == ["opened", "warned", "cancelled"]


def test_stopped_machine(machine: Machine, person: str) -> None:
    """A machine that its hypervisor stops, as for a migration: no clock of its goes on, so neither does idleness.

    It imitates no suspend: the guest does not know. What was left of the lead is left afterwards.
    """
    with rule(machine, person, **LIMITS), log_in(machine, person) as terminal:
        terminal.expect(WARNING, ENDED)
        machine.pause()
        terminal.quiet("reaper:", IDLE + 5)
        machine.resume()
        terminal.expect(FAREWELL, ENDED)
        told = end_of(machine, person)
    check_story(told, "opened", "warned", "ending", "terminated")
    assert (WARN - 1) * SEC <= stamp_usec(told[2]) - stamp_usec(told[1]) <= WARN * SEC + POLL + SLOW


@pytest.mark.parametrize("how", ["stopped-by-signal", "stopped-by-systemd", "killed-and-kept-away"])
def test_daemon_away(machine: Machine, person: str, how: str) -> None:
    """A daemon that was away for longer than the limit, whatever it had announced before, warns again first."""
    away, back = {
        "stopped-by-signal": ("systemctl kill --signal=STOP reaper", "systemctl kill --signal=CONT reaper"),
        "stopped-by-systemd": ("systemctl stop reaper", "systemctl start reaper"),
        "killed-and-kept-away": (
            "systemctl mask --runtime reaper && systemctl kill --signal=KILL reaper",
            "systemctl unmask --runtime reaper && systemctl start reaper",
        ),
    }[how]
    with rule(machine, person, **LIMITS), log_in(machine, person) as terminal:
        terminal.expect(WARNING, ENDED)
        machine.shell(away)
        terminal.quiet("reaper:", IDLE + 5)
        machine.shell(back)
        terminal.expect(WARNING, 30)
        terminal.expect(FAREWELL, ENDED)
        told = end_of(machine, person)
    check_story(told, "opened", "warned", "warned", "ending", "terminated")
    assert stamp_usec(told[3]) - stamp_usec(told[2]) >= (WARN - 1) * SEC
