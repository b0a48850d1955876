"""The two clocks, read together."""

from __future__ import annotations

import time

from reaper.decide.model import Instant


def read_clock() -> Instant:
    """Now. The boot-time clock goes on through suspend and is never stepped; the wall clock may be."""
    return Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, time.time_ns())
