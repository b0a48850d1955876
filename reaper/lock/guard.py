"""Keeps what a lock has frozen from running: held by two means, and watched where it has but one.

Members of the frozen group are held by ptrace, too (see tracer, which says why). One that its user has moved out of the
group does not run then, and is moved back. One that cannot be held so runs as soon as it is out: where there is such a
process, the group is looked at every WATCH_MS, and when it is missing there, check() raises ReaperError, for what is
typed may have been read. So does one that has ended where nobody can tell: it may have read until then.

A shell whose TMOUT is over while it stands still would end at the moment that it goes on. Such a shell goes on without
that SIGALRM, and begins to count again at its next prompt; see waits_with_alarm().
"""

from __future__ import annotations

import enum
import os
import signal
from typing import Callable

from reaper import procfs
from reaper.decide.model import ProcessId
from reaper.errors import ReaperError
from reaper.lock import others
from reaper.lock.freezer import Freezer
from reaper.lock.tracer import Tracer
from reaper.sense.processes import start_ticks

# A key that is pressed by a person does not come alone: between two of them are 100 ms and more.
WATCH_MS = 100
# Shells that end at SIGALRM, or give a warning of that, whatever has been typed meanwhile: bash, mksh and ksh93 by
# TMOUT, tcsh by autologout. Each lives on without the signal, and sets its alarm again for the next command (measured,
# bash 5.2.15 and 5.2.37, mksh R59, ksh93u+m 1.0.4, tcsh 6.24). zsh is none of them: it looks when its terminal was last
# read, which the answer to the prompt was, and waits for the rest of the time.
SHELLS = frozenset({"bash", "ksh", "ksh93", "lksh", "mksh", "mksh-static", "tcsh"})
_ALARM, _TTIN = (1 << (number - 1) for number in (signal.SIGALRM, signal.SIGTTIN))


class _Hold(enum.Enum):
    """How a process of the group is kept from running."""

    NEW = "new"  # by the group, for all that was seen yet
    HELD = "held"  # by ptrace, too
    WATCHED = "watched"  # it cannot be traced


class Guard:
    """Of one group; `note` is for the journal, and what repeats is told once."""

    def __init__(self, freezer: Freezer, note: Callable[[str], None]) -> None:
        self._freezer, self._note = freezer, note
        self._tracer = Tracer()
        self._known: dict[ProcessId, _Hold] = {}
        self._told: set[str] = set()

    def add(self, process: ProcessId) -> None:
        """Moves a process into the group.

        Raises ReaperError ("cannot-freeze") where the kernel does not take it, or it was there and has run since.
        """
        if self._freezer.add(process) is not None and self._known.setdefault(process, _Hold.NEW) is _Hold.WATCHED:
            raise _let_out(process)

    def check(self) -> None:
        """Holds who is new in the group, and moves back who was moved out of it.

        Raises ReaperError ("cannot-freeze") where one has run that was in the group at an earlier check.
        """
        self._tracer.tend()
        members = self._freezer.members()
        missing = self._known.keys() - set(members)
        escaped = [each for each in missing if self._has_run(each)]
        for process in self._freezer.members() if missing else members:
            error = self._tracer.take(process)
            self._known[process] = _Hold.WATCHED if error else _Hold.HELD
            if error:
                why = f"it is traced already, or may not be: {os.strerror(error)}"
                self._tell("watched", f"process {process.pid} is frozen, and beside that only watched ({why})")
        if escaped:
            raise _let_out(escaped[0])

    def _has_run(self, process: ProcessId) -> bool:
        """Moves back one that is not in the group any more; whether it has run, or may have, before it ended."""
        hold = self._known[process]
        if start_ticks(process.pid) != process.start_ticks:
            del self._known[process]
            # Where it has died it is until its parent has waited for it, which mostly is frozen itself.
            return hold is _Hold.WATCHED and procfs.read_group(process.pid) != self._freezer.path
        if self._freezer.add(process) is None:
            return False
        if hold is _Hold.HELD:
            self._tell("moved", f"process {process.pid} was moved out of the frozen group, did not run, and is back")
        return hold is _Hold.WATCHED

    def _tell(self, what: str, text: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._note(text)

    def pause_ms(self, usual_ms: int) -> int:
        """How long to wait for the next check."""
        return min(WATCH_MS, usual_ms) if _Hold.WATCHED in self._known.values() else usual_ms

    def let_go(self, process: ProcessId) -> None:
        """Has one go on that has left the group."""
        self._known.pop(process, None)
        self._tracer.let_go(process)

    def let_all_go(self) -> None:
        """Has all go on, who have left the group, or are to stand still with another."""
        for process in self._known:
            is_late = waits_with_alarm(process.pid) and not others.is_frozen(procfs.read_group(process.pid) or "")
            self._tracer.let_go(process, without_alarm=is_late)
        self._known.clear()
        self._tracer.let_all_go()


def _let_out(process: ProcessId) -> ReaperError:
    return ReaperError("cannot-freeze", f"process {process.pid} was let out of the frozen group, and has run")


def waits_with_alarm(pid: int) -> bool:
    """Whether a process is a shell at its prompt whose time was over while it stood still.

    A shell that reads commands of a person ignores SIGTTIN, and one that runs a script does not. What comes due for any
    other program is delivered: nobody else can tell what it is for.
    """
    if os.path.basename(procfs.read_program(pid) or "") not in SHELLS:
        return False
    signals = procfs.read_signals(pid)
    if signals is None or not signals.ignored & _TTIN:
        return False
    return bool(signals.pending & signals.caught & ~signals.blocked & _ALARM)
