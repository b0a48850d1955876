"""Locks on a console and on a serial line: what they showed is set aside, and is back when the person is."""

from __future__ import annotations

from typing import Any

from ..lab.vm import Machine
from ..limits import wait_event
from .people import PASSWORD


def lock(machine: Machine, person: str) -> None:
    """Locks a person's session by word, and waits until that is done."""
    opened = machine.wait_journal(lambda _: True, REAPER_USER=person, REAPER_EVENT="opened")
    machine.run(["reaperctl", "lock", opened["REAPER_SESSION"]])
    wait_event(machine, person, "locked", 60)


def come_back(line: Any, machine: Machine, person: str) -> None:
    """Types a wrong password, and then the right one."""
    line.expect("[Pp]assword:", 60)
    line.send("wrong\n")
    wait_event(machine, person, "unlock-failed", 60)
    line.expect("The last attempt failed", 60)
    line.expect("[Pp]assword:", 60)
    line.send(f"{PASSWORD}\n")
    wait_event(machine, person, "unlocked", 60)


def test_console(machine: Machine, person: str) -> None:
    """Also the colours of what the screen showed, and where the cursor stood."""
    console = machine.console
    console.log_in(person, PASSWORD)
    console.send("PS1='back> '; clear; printf '\\033[31mred\\033[m and not'; read left\n")
    console.expect("red and not", 30)
    shown = machine.output(["sh", "-c", "base64 -w0 /dev/vcsa1"])
    before = machine.output(["stat", "-c", "%U %G %a", "/dev/tty1"]), machine.output(["stty", "-aF", "/dev/tty1"])
    lock(machine, person)
    console.expect(r"This session on \S+ is locked", 60)
    assert "red and not" not in console.screen()
    assert machine.output(["stat", "-c", "%U %a", "/dev/tty1"]) == "root 600"
    come_back(console, machine, person)
    console.expect("red and not", 30)
    assert machine.output(["sh", "-c", "base64 -w0 /dev/vcsa1"]) == shown
    assert (
        machine.output(["stat", "-c", "%U %G %a", "/dev/tty1"]),
        machine.output(["stty", "-aF", "/dev/tty1"]),
    ) == before
    console.send("words\n")
    console.send("echo $left$left\n")
    console.expect("wordswords", 30)


def test_serial_line(machine: Machine, person: str) -> None:
    """Nothing is sent there that does not print."""
    serial = machine.serial
    serial.log_in(person, PASSWORD)
    serial.command("stty -echo; left=off")
    sent = len(serial.transcript)
    lock(machine, person)
    serial.expect(r"This session on \S+ is locked", 60)
    come_back(serial, machine, person)
    said = serial.transcript[sent:].partition(b"unlock")[0]
    assert b"\x1b" not in said
    serial.send("stty echo; echo $left$left\n")
    serial.expect("offoff", 30)
