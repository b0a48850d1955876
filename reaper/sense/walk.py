"""Reads many processes for one step of a termination: each process once, and no more than a limit.

A user can have as many processes as the host lets them (systemd's TasksMax, a third of kernel.threads-max: 21,000 with
8 GiB of memory). A question about all of them costs one system call each (getsid(2), 0.4 us) or one file (cgroup.procs,
memory.current, cpu.stat); reading /proc/PID/stat costs 25 us, and sending a signal by pidfd as much again (measured on
Linux 6.18, 5,000 processes).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from reaper import kernel_text, procfs
from reaper.decide.session.model import Holding, ProcessId, Usage
from reaper.procparse import Stat
from reaper.sense import processes

# So many take 0.4 s to read, and as long to signal. Others in the session wait for the next step, or for cgroup.kill.
MOST = 16_384


class Walk:
    """Reads processes, and caches what it has read."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._stats: dict[int, Stat | None] = {}

    def stat(self, pid: int) -> Stat | None:
        """Returns the stat of a process; None if it has ended, or if the limit is reached."""
        if pid not in self._stats:
            if len(self._stats) >= self._most:
                return None
            self._stats[pid] = procfs.read_stat(pid)
        return self._stats[pid]

    def processes(self, pids: Iterable[int]) -> list[ProcessId]:
        """Returns those of the processes that exist, up to the limit."""
        stats = map(self.stat, pids)
        return [ProcessId(stat.pid, stat.starttime) for stat in stats if stat is not None]

    def holding(self, named: Collection[ProcessId], pids: Collection[int], scope: str) -> Holding:
        """Returns what the named processes use; the scope's files show what its unread processes use.

        `pids` are all processes of the scope.
        """
        stats = (self.stat(process.pid) for process in named)
        each = tuple(
            (ProcessId(stat.pid, stat.starttime), processes.usage_of(stat)) for stat in stats if stat is not None
        )
        if not scope or len(self._stats) < self._most:
            return Holding(each, scope=scope)
        members = frozenset(pids)
        known = [usage for process, usage in each if process.pid in members]
        rest = len(pids) - len(known)
        rss_bytes = max(0, _number(scope, "memory.current") - sum(usage.rss_bytes for usage in known))
        cpu_usec = max(0, _number(scope, "cpu.stat", b"usage_usec") - sum(usage.cpu_usec for usage in known))
        others = Usage(rest, rss_bytes, cpu_usec) if rest > 0 else Usage(0, 0, 0)
        return Holding(each, others, scope)


def _number(scope: str, name: str, field: bytes = b"") -> int:
    """Returns a number in a file of a scope's; 0 where the controller that keeps the file is off."""
    text = kernel_text.read(f"{processes.CGROUP}{scope}/{name}") or b""
    return kernel_text.number(kernel_text.field(text, field, b" ") if field else text.strip(b"\n")) or 0
