"""The clocks: the two that sessions are timed by, read together, and the one on the wall."""

from __future__ import annotations

import time

from reaper.decide.hours import LocalTime
from reaper.decide.model import Instant


def read_clock() -> Instant:
    """Now. The boot-time clock goes on through suspend and is never stepped; the wall clock may be."""
    return Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, time.time_ns())


def read_local_time() -> LocalTime:
    """The day of the week and the minute, in the host's time zone as it is set now.

    tzset(3) first: localtime_r(3) alone stays with the zone that the daemon was started in.
    """
    time.tzset()
    now = time.localtime()
    return LocalTime(now.tm_wday, now.tm_hour * 60 + now.tm_min)
