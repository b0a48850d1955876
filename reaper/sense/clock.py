"""The clocks: the two that sessions are timed by, read together, and the one on the wall."""

from __future__ import annotations

import time

from reaper import commands
from reaper.decide.hours import LocalMoment, LocalTime
from reaper.decide.model import NS_PER_SEC, Instant


def read_clock() -> Instant:
    """Now. The boot-time clock goes on through suspend and is never stepped; the wall clock may be."""
    return Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, time.time_ns())


def read_worked_usec() -> int:
    """How much this thread has worked in all: its CPU time, and what it has waited for programs that it ran."""
    return time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID) // 1000 + commands.waited_usec()


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
