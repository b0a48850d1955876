"""People of the virtual machines' tests: what they type, and when the machine has them warned and ended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from ..lab import ExpectError, SshClient
from ..lab.guest import JournalEntry
from ..lab.terminal import Line
from ..lab.vm import Machine

PASSWORD = "walked-away"
SEC = 1_000_000
BUCKET = 8 * SEC  # the grain of the kernel's times of a terminal
# A machine without KVM is slow, and slower yet on a busy one: what takes no time may have taken so long.
SLOW = 10 * SEC
# Longer than on a host for the same reason: there must be time to do something within the lead.
IDLE, WARN = 30, 20
LIMITS = {"idle": f"{IDLE}s", "warn": f"[{WARN}s]"}
ENDED = IDLE + 60
FAREWELL = f"ends now: nobody has typed for {IDLE}s"


def log_in(machine: Machine, person: str) -> SshClient:
    """Logs in over ssh and waits for the prompt."""
    terminal = machine.ssh(person)
    try:
        terminal.prompt(90)
    except BaseException:
        terminal.hang_up()
        raise
    return terminal


def monotonic_usec(machine: Machine) -> int:
    """The guest's monotonic clock, which is also the journal's: it stands still in suspend and is never stepped."""
    return int(machine.output(["python3", "-c", "import time; print(time.monotonic_ns() // 1000)"]))


def stamp_usec(entry: JournalEntry) -> int:
    """When an entry was written, on the monotonic clock."""
    return int(entry["__MONOTONIC_TIMESTAMP"])


def type_while(line: Line, wait: Callable[[float], bool], seconds: float) -> None:
    """Presses a key every two seconds until `wait`, which is given them to wait, says that it has come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        line.send("y")
        if wait(2.0):
            return
    raise AssertionError(f"not within {seconds:g} s")


def appears(line: Line, pattern: str) -> Callable[[float], bool]:
    """Whether something appears on a line within so long."""

    def wait(seconds: float) -> bool:
        with contextlib.suppress(ExpectError):
            line.expect(pattern, seconds)
            return True
        return False

    return wait


def end_of(machine: Machine, person: str, timeout: float = ENDED) -> list[JournalEntry]:
    """All that the journal tells of a person whose session ends within so long."""
    machine.wait_journal(lambda _: True, timeout, REAPER_USER=person, REAPER_EVENT="terminated")
    return machine.journal(REAPER_USER=person)


def check_story(told: list[JournalEntry], *events: str) -> None:
    """What was told is this, in this order; and if not, the failure shows all of it."""
    shown = "".join(f"\n{stamp_usec(entry) / SEC:.1f} {entry['MESSAGE']}" for entry in told)
    assert [entry["REAPER_EVENT"] for entry in told] == list(events), shown
