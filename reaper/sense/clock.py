"""The clocks: boot time and wall time, which are read together, and the local time of day."""

from __future__ import annotations

import contextlib
import time

from reaper import kernel_text, system_commands
from reaper.decide.session.model import NS_PER_SEC, Instant
from reaper.decide.text.hours import LocalMoment, LocalTime


def read_clock() -> Instant:
    """Returns the time now. The boot-time clock runs on during suspend and is never stepped; the wall clock may be."""
    return Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, time.time_ns())


def read_worked_usec() -> int:
    """Returns how long this thread has worked: CPU time, waits for a processor, and waits for programs that it runs.

    A thread that waits for a processor is ready to work; one that is stopped, or frozen with its control group, is not.
    Costs 4.5 us, of which the wait is 4 (Linux 6.18).
    """
    return (
        time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID) // 1000 + _Queue.read_usec() + system_commands.waited_usec()
    )


class _Queue:
    """How long this thread has waited for a processor (Documentation/scheduler/sched-stats.rst, schedstat)."""

    _usec = 0  # the last value; stays 0 on a kernel that does not report it (CONFIG_SCHED_INFO)

    @classmethod
    def read_usec(cls) -> int:
        with contextlib.suppress(OSError):  # no descriptor is left
            words = (kernel_text.read("/proc/thread-self/schedstat") or b"").split()
            if len(words) > 1:
                cls._usec = (kernel_text.number(words[1]) or 0) // 1000
        return cls._usec


def read_local_time() -> LocalTime:
    """Returns the day of the week and the minute, in the host's time zone as it is set now."""
    return read_local_moment(time.time_ns()).time


def read_local_moment(wall_ns: int) -> LocalMoment:
    """Returns the local date and time at a moment of the wall clock, in the host's time zone as it is set now.

    Calls tzset(3) first: localtime_r(3) alone keeps the zone that the daemon was started in.
    """
    time.tzset()
    at = time.localtime(wall_ns // NS_PER_SEC)
    return LocalMoment((at.tm_year, at.tm_mon, at.tm_mday), LocalTime(at.tm_wday, at.tm_hour * 60 + at.tm_min))
