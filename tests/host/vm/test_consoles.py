"""login(1) on a virtual terminal and on a serial line: what the person sees there, and what the auditor reads."""

from __future__ import annotations

import contextlib
import time

import pytest

from ..lab.vm import Machine
from ..limits import WARNING, events, rule, wait_event
from .people import ENDED, FAREWELL, IDLE, LIMITS, PASSWORD, type_while

STORY = ["opened", "warned", "cancelled", "resumed", "warned", "ending", "terminated"]
KD_SET_MODE = "import fcntl, sys; fcntl.ioctl(open('/dev/tty1'), 0x4B3A, int(sys.argv[1]))"  # KDSETMODE
KD_TEXT, KD_GRAPHICS = "0", "1"


def test_console(machine: Machine, person: str) -> None:
    """Warned on the screen; stays when a key is pressed; is ended when not, and the line is free for the next one."""
    console = machine.console
    with rule(machine, person, **LIMITS):
        console.log_in(person, PASSWORD)
        console.expect(WARNING, ENDED)
        console.send("x")
        console.expect("Thank you, this session stays", 30)
        entry = wait_event(machine, person, "terminated", ENDED + IDLE)
        console.expect(r"login:\Z", 60)  # getty has wiped the screen, and the farewell with it: TTYVTDisallocate=
        check_line(machine, person, "console", "tty1")
        assert int(entry["REAPER_FREED_PROCESSES"]) >= 2
        console.log_in(person, PASSWORD)
        wait_opened_again(machine, person)


def test_serial_line(machine: Machine, person: str) -> None:
    """The same on ttyS0, where the farewell stays on the screen."""
    serial = machine.serial
    with rule(machine, person, **LIMITS):
        serial.log_in(person, PASSWORD)
        serial.expect(WARNING, ENDED)
        serial.send("x")
        serial.expect("Thank you, this session stays", 30)
        serial.expect(FAREWELL, ENDED + IDLE)
        wait_event(machine, person, "terminated")
        check_line(machine, person, "serial", "ttyS0")
        serial.expect("login: ", 60)
        serial.log_in(person, PASSWORD)
        assert serial.command("tty") == "/dev/ttyS0"
        wait_opened_again(machine, person)


def wait_opened_again(machine: Machine, person: str) -> None:
    """The next login is a session of its own."""
    ended = machine.journal(REAPER_USER=person, REAPER_EVENT="terminated")[-1]["REAPER_SESSION"]
    machine.wait_journal(lambda e: e["REAPER_SESSION"] != ended, REAPER_USER=person, REAPER_EVENT="opened")


def check_line(machine: Machine, person: str, origin: str, terminal: str) -> None:
    """The whole story was told, and each step of it says where."""
    told = machine.journal(REAPER_USER=person)
    assert [entry["REAPER_EVENT"] for entry in told] == STORY
    for entry in told:
        assert entry["REAPER_ORIGIN"] == origin
        assert entry["REAPER_TERMINALS"] == terminal
        assert entry["REAPER_SERVICE"] == "login"
        assert "REAPER_REMOTE" not in entry


def test_both_lines_at_once(machine: Machine, person: str) -> None:
    """Two sessions of one person: who types on the one keeps the one."""
    with rule(machine, person, **LIMITS):
        machine.console.log_in(person, PASSWORD)
        machine.serial.log_in(person, PASSWORD)

        def ended(seconds: float) -> bool:
            time.sleep(seconds)
            return bool(machine.journal(REAPER_USER=person, REAPER_EVENT="terminated"))

        type_while(machine.serial, ended, ENDED)
        told = machine.journal(REAPER_USER=person)
        assert [entry["REAPER_TERMINALS"] for entry in told if entry["REAPER_EVENT"] == "terminated"] == ["tty1"]
        assert {entry["REAPER_EVENT"] for entry in told if entry["REAPER_TERMINALS"] == "ttyS0"} == {"opened"}
        assert "reaper:" not in machine.serial.text


def never(machine: Machine, person: str, event: str, seconds: float) -> None:
    """Watches for so long that no such event of a person comes."""
    with contextlib.suppress(AssertionError):
        entry = wait_event(machine, person, event, seconds)
        pytest.fail(f"{entry['MESSAGE']} {machine.output(['reaperctl', 'list'])}")


@pytest.mark.parametrize("leaves", [True, False], ids=["text-again", "stays-graphical"])
def test_graphics_are_no_text_terminal(machine: Machine, person: str, leaves: bool) -> None:
    """While a console shows graphics its times say nothing of the person, and no warning could be read: it stays."""
    with rule(machine, person, **LIMITS):
        machine.console.log_in(person, PASSWORD)
        machine.run(["python3", "-c", KD_SET_MODE, KD_GRAPHICS])
        never(machine, person, "warned", IDLE + 10)
        if leaves:
            machine.run(["python3", "-c", KD_SET_MODE, KD_TEXT])
            machine.console.expect(WARNING, ENDED)
            wait_event(machine, person, "terminated")
        else:
            assert machine.run(["pgrep", "-u", person, "bash"], check=False).returncode == 0
            assert events(machine, person) == ["opened"]
