"""Keeps frozen processes from running: each is held by a second means, or watched where that is refused.

Theory of operation.

1. Every member of the frozen group is held by ptrace, too (see tracer, which says why). A member that its user has
   systemd move out of the group does not run, and check() moves it back.
2. A member that cannot be traced runs as soon as it is out. While there is one, check() is called every WATCH_MS and
   raises ReaperError when that member is missing, since it may have read what was typed. The same holds for a watched
   member that ended in an unknown group: it may have read until then.
3. New members are held as soon as they are in the group, and those at the start of a lock while all processes of the
   user are frozen (FrozenProcesses.stop()), so that none of these is let out before.
4. A shell with a TMOUT that falls due during the lock would log out as soon as it runs again. It is released without
   that SIGALRM, and counts again from its next prompt; see waits_with_alarm().
"""

from __future__ import annotations

import enum
import os
import signal
from typing import Callable

from reaper import procfs
from reaper.decide.session.model import ProcessId
from reaper.errors import ReaperError
from reaper.lock.freeze import other_locks
from reaper.lock.freeze.freezer import Freezer
from reaper.lock.freeze.tracer import Tracer
from reaper.sense.processes import start_ticks

# A person presses a key every 100 ms or so: until an escape is noticed, one key can be read, or a paste.
# Measured from AttachProcessesToUnit to the return: 48 to 112 ms, for 13 ms of CPU time a second instead of 4.
WATCH_MS = 100
# Shells that end at SIGALRM, or warn that they will, whatever was typed since: bash, mksh and ksh93 by TMOUT, tcsh by
# autologout. Without the signal each lives on, and sets its alarm again for the next command (measured with bash 5.2.15
# and 5.2.37, mksh R59, ksh93u+m 1.0.4 and tcsh 6.24). zsh is not among them: its handler asks when its terminal was
# last read, which is when the password was typed, and waits for the rest of the time.
SHELLS = frozenset({"bash", "ksh", "ksh93", "lksh", "mksh", "mksh-static", "tcsh"})
_ALARM, _TTIN = (1 << (number - 1) for number in (signal.SIGALRM, signal.SIGTTIN))


class _Hold(enum.Enum):
    """How a process of the group is kept from running."""

    NEW = "new"  # by the group alone: it has been added since the last check
    HELD = "held"  # by the group and by ptrace
    WATCHED = "watched"  # by the group alone: it cannot be traced


class Guard:
    """Guards the members of one group. `note` logs a line; a line of each kind is logged once."""

    def __init__(self, freezer: Freezer, note: Callable[[str], None]) -> None:
        self._freezer, self._note = freezer, note
        self._tracer = Tracer()
        self._known: dict[ProcessId, _Hold] = {}
        self._noted: set[str] = set()

    def add(self, process: ProcessId) -> None:
        """Moves a process into the group.

        Raises ReaperError ("cannot-freeze") if the kernel refuses, or if the process was watched there and let out.
        """
        if self._freezer.add(process) is not None and self._known.setdefault(process, _Hold.NEW) is _Hold.WATCHED:
            raise _let_out(process)

    def check(self) -> None:
        """Holds the new members, and moves back those that were moved out.

        Raises ReaperError ("cannot-freeze") if a member may have run since an earlier check.
        """
        self._tracer.reap()
        members = self._freezer.members()
        missing = self._known.keys() - set(members)
        escaped = [each for each in missing if self._has_run(each)]
        for process in self._freezer.members() if missing else members:
            error = self._tracer.seize(process)
            self._known[process] = _Hold.WATCHED if error else _Hold.HELD
            if error:
                why = f"another program traces it, or the kernel refuses: {os.strerror(error)}"
                self._note_once(
                    "watched", f"process {process.pid} is frozen, but not held by ptrace, and is watched ({why})"
                )
        if escaped:
            raise _let_out(escaped[0])

    def _has_run(self, process: ProcessId) -> bool:
        """Moves a missing member back; returns whether it may have run, also if it has ended."""
        hold = self._known[process]
        if start_ticks(process.pid) != process.start_ticks:
            del self._known[process]
            # A zombie stays in the group in which it died until its parent, mostly a frozen shell, has waited for it.
            return hold is _Hold.WATCHED and procfs.read_group(process.pid) != self._freezer.path
        if self._freezer.add(process) is None:
            return False
        if hold is _Hold.HELD:
            text = f"process {process.pid} was moved out of the frozen group, did not run, and is back"
            self._note_once("moved", text)
        return hold is _Hold.WATCHED

    def _note_once(self, what: str, text: str) -> None:
        if what not in self._noted:
            self._noted.add(what)
            self._note(text)

    def pause_ms(self, usual_ms: int) -> int:
        """Returns how long to wait before the next check."""
        return min(WATCH_MS, usual_ms) if _Hold.WATCHED in self._known.values() else usual_ms

    def release(self, process: ProcessId) -> None:
        """Releases a process that has left the group."""
        self._known.pop(process, None)
        self._tracer.detach(process)

    def release_all(self) -> None:
        """Releases every process; those that another lock has in its group stay frozen there."""
        try:
            for process in self._known:
                is_late = waits_with_alarm(process.pid) and not other_locks.is_frozen(
                    procfs.read_group(process.pid) or ""
                )
                if is_late:
                    self._tracer.detach(process, without_alarm=True)
        finally:
            self._known.clear()
            self._tracer.detach_all()


def _let_out(process: ProcessId) -> ReaperError:
    return ReaperError("cannot-freeze", f"process {process.pid} was let out of the frozen group, and has run")


def waits_with_alarm(pid: int) -> bool:
    """Whether a process is a shell at its prompt whose time limit is over, as its pending SIGALRM shows.

    An interactive shell ignores SIGTTIN; a shell that runs a script does not. Any other program gets its alarms: only
    the program itself knows what they are for.
    """
    if os.path.basename(procfs.read_program(pid) or "") not in SHELLS:
        return False
    signals = procfs.read_signals(pid)
    if signals is None or not signals.ignored & _TTIN:
        return False
    return bool(signals.pending & signals.caught & ~signals.blocked & _ALARM)
