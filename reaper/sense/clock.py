"""The clocks: the two that sessions are timed by, read together, and the one on the wall."""

from __future__ import annotations

import contextlib
import time

from reaper import kernel_text, system_commands
from reaper.decide.session.model import NS_PER_SEC, Instant
from reaper.decide.text.hours import LocalMoment, LocalTime


def read_clock() -> Instant:
    """Now. The boot-time clock goes on through suspend and is never stepped; the wall clock may be."""
    return Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, time.time_ns())


def read_worked_usec() -> int:
    """How much this thread has worked in all: its CPU time, and what it has waited for a processor and for programs.

    It is ready to work while it waits for a processor; a thread that is stopped, or frozen with its control group, is
    not. Costs 4.5 us, of which the wait is 4 (Linux 6.18).
    """
    return (
        time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID) // 1000 + _Queue.read_usec() + system_commands.waited_usec()
    )


class _Queue:
    """How long this thread has waited for a processor (Documentation/scheduler/sched-stats.rst, schedstat)."""

    _usec = 0  # as last read: 0 for good on a kernel that does not tell (CONFIG_SCHED_INFO)

    @classmethod
    def read_usec(cls) -> int:
        with contextlib.suppress(OSError):  # no descriptor is left
            words = (kernel_text.read("/proc/thread-self/schedstat") or b"").split()
            if len(words) > 1:
                cls._usec = (kernel_text.number(words[1]) or 0) // 1000
        return cls._usec


def read_local_time() -> LocalTime:
    """The day of the week and the minute, in the host's time zone as it is set now."""
    return read_local_moment(time.time_ns()).time


def read_local_moment(wall_ns: int) -> LocalMoment:
    """What the host's clock and calendar show at a moment of the wall clock, in its time zone as it is set now.

    tzset(3) first: localtime_r(3) alone stays with the zone that the daemon was started in.
    """
    time.tzset()
    at = time.localtime(wall_ns // NS_PER_SEC)
    return LocalMoment((at.tm_year, at.tm_mon, at.tm_mday), LocalTime(at.tm_wday, at.tm_hour * 60 + at.tm_min))
