"""What a process is called, and what it uses, for a person to see. For reaperctl alone: no daemon imports psutil.

psutil reads these as ps(1) does, and waits as ps does for a process whose user makes it wait. So each process has a
thread of its own and a time limit. A command is what the process itself says: it can be anything, of any length.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from reaper import kernel_text, procfs
from reaper.decide.session.model import ProcessId
from reaper.decide.text.duration import USEC_PER_SEC
from reaper.decide.text.escape import excerpt
from reaper.sense import shared_memory
from reaper.sense.aside import Aside, IsOver

EACH_SEC = 0.25
MOST_SEC = 2.0
# More than anybody reads. A process can have gigabytes there: prctl(PR_SET_MM) points its arguments at any memory.
MOST_CHARACTERS = 200
_MOST_BYTES = 4 * MOST_CHARACTERS


class ProcessDetails(NamedTuple):
    """What was read of a process; None for what could not be read, or not in time."""

    command: str | None = None
    cpu_usec: int | None = None
    memory_bytes: int | None = None


def is_available() -> bool:
    """Whether Python has the module psutil."""
    try:
        import psutil  # noqa: F401
    except ImportError:
        return False
    return True


def read(
    processes: Iterable[ProcessId], each_sec: float = EACH_SEC, most_sec: float = MOST_SEC, *, has_shares: bool = True
) -> dict[ProcessId, ProcessDetails]:
    """Returns the details of the processes that still run; with `has_shares` their memory is counted in shares."""
    if not is_available():
        return dict.fromkeys(processes, ProcessDetails())
    end, found = time.monotonic() + most_sec, {}
    for process in processes:
        seconds = min(each_sec, end - time.monotonic())
        reading = _Reading(process, has_shares=has_shares)
        if seconds > 0:
            Aside().do(reading, seconds)
        if not reading.is_gone:
            found[process] = reading.details
    return found


class _Reading:
    """What the thread of one process reads: what can wait comes last, and what was read before that stays."""

    def __init__(self, process: ProcessId, *, has_shares: bool) -> None:
        self._process, self._has_shares = process, has_shares
        self.details = ProcessDetails()
        self.is_gone = False

    def __call__(self, _is_over: IsOver) -> None:
        import psutil

        stat = procfs.read_stat(self._process.pid)
        if stat is None or stat.starttime != self._process.start_ticks:
            self.is_gone = not procfs.is_withheld(self._process.pid)
            return
        try:
            process = psutil.Process(self._process.pid)
            times = process.cpu_times()
            self.details = ProcessDetails(
                cpu_usec=round((times.user + times.system) * USEC_PER_SEC), memory_bytes=process.memory_info().rss
            )
            self.details = self.details._replace(command=_command(self._process.pid))
            shares = shared_memory.read(self._process.pid) if self._has_shares else None
            if shares is not None:
                self.details = self.details._replace(memory_bytes=shares)
        except psutil.NoSuchProcess:
            self.is_gone = True
        except (psutil.Error, OSError):  # the kernel refuses
            return


def _command(pid: int) -> str | None:
    """The command line; the name in brackets if it is blank (a task of the kernel, one that ends). None if it is gone.

    Not by psutil, which reads and splits all of it, and whose name() does so, too.
    """
    words = kernel_text.read_beginning(f"{procfs.PROC}/{pid}/cmdline", _MOST_BYTES)
    if words is None:
        return None
    command = words.replace(b"\0", b" ").decode(errors="backslashreplace").rstrip(" ")
    if command.strip():
        return excerpt(command, MOST_CHARACTERS)
    name = kernel_text.read_beginning(f"{procfs.PROC}/{pid}/comm", _MOST_BYTES)
    return None if name is None else excerpt(f"[{name.rstrip(chr(10).encode()).decode(errors='backslashreplace')}]")
