"""A terminal whose times change as the kernel changes them, for tests that cannot wait for eight seconds.

It imitates the kernel (tty_update_time in drivers/tty/tty_io.c), not the code under test; sense/test_host.py runs the
same tests on it and on a real pty. Times are microseconds since boot, or nanoseconds on the wall clock.
"""

from __future__ import annotations

import itertools
import stat
from dataclasses import dataclass, field

from reaper.decide.session.model import NS_PER_SEC, Instant, TerminalSample, take_reading

SECOND = 1_000_000
MINUTE = 60 * SECOND
# 2027-01-15 08:00:00 UTC, the beginning of an eight-second bucket.
WALL_NS = 1_800_000_000 * NS_PER_SEC


@dataclass
class Clock:
    """The two clocks. `boot_usec` only grows; the wall clock can be set."""

    boot_usec: int = 1000 * SECOND
    offset_ns: int = WALL_NS - 1000 * NS_PER_SEC
    grain_ns: int = 4_000_000

    @property
    def wall_ns(self) -> int:
        return self.boot_usec * 1000 + self.offset_ns

    @property
    def tick_ns(self) -> int:
        """The wall clock at the kernel's last tick: file times are set to this."""
        return self.boot_usec * 1000 // self.grain_ns * self.grain_ns + self.offset_ns

    def now(self) -> Instant:
        return Instant(self.boot_usec, self.wall_ns)

    def step(self, by_ns: int) -> None:
        self.offset_ns += by_ns


@dataclass
class FakeTty:
    """One terminal. `keeps_nanoseconds`: as Linux 5.10 and 6.1 do; later ones write zeros."""

    name: str
    clock: Clock
    uid: int = 1000
    mode: int = stat.S_IFCHR | 0o620
    keeps_nanoseconds: bool = False
    is_blocked: bool = False  # Ctrl-S
    is_refused: bool = False  # a security module's word: it is there and not to be written to
    shown: list[str] = field(default_factory=list)
    atime_ns: int = 0
    ctime_ns: int = 0
    unread: int = 0  # bytes typed that nothing has read
    takes_lines: bool = False  # canonical mode
    line: int = field(default_factory=itertools.count(1).__next__)

    def __post_init__(self) -> None:
        self.atime_ns = self.ctime_ns = self.clock.tick_ns

    def type(self) -> bool:
        """Has a process read what the user typed; returns whether atime changed (tty_update_time)."""
        now_sec = self.clock.tick_ns // NS_PER_SEC
        if not (now_sec ^ self.atime_ns // NS_PER_SEC) & ~7:
            return False
        nanoseconds = self.atime_ns % NS_PER_SEC if self.keeps_nanoseconds else 0
        self.atime_ns = now_sec * NS_PER_SEC + nanoseconds
        return True

    def touch(self, atime_ns: int) -> None:
        """utimes(2)."""
        self.atime_ns = atime_ns
        self.ctime_ns = self.clock.tick_ns

    def chmod(self, permissions: int) -> None:
        """chmod(2), or mesg(1)."""
        self.mode = stat.S_IFMT(self.mode) | permissions
        self.ctime_ns = self.clock.tick_ns

    def read(self) -> TerminalSample:
        """Returns one sample of it, as sense.terminals takes it."""
        return take_reading(self.name, self.atime_ns, self.ctime_ns, self.mode, self.uid, self.clock.wall_ns, self.line)
