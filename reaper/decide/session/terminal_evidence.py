"""Decide which changes of a terminal's times are evidence of input, and date them. Pure.

Users own the terminals on which they type, so they (or their programs) can set the times at will. But they cannot do
so without a trace:

1. The kernel moves a terminal's atime when a process reads input from it (n_tty, drivers/tty/tty_io.c:
   tty_update_time), and never touches its ctime in doing so.
2. utimes, chmod and chown always move ctime (inode_set_ctime_current in notify_change), even when they change nothing.
3. ctime has the resolution of the kernel's tick (4 to 10 ms; finer since 6.13). Two changes in one tick, with our look
   between them, would leave the same ctime. So an interval that began just after a change of ctime is not believed
   either.
4. Reading input never sets a time in the future.

Hence: a changed atime is evidence exactly if ctime did not change during the interval, was not fresh when the interval
began, and the new atime is not in the future. *Changed*, not *advanced*: after a forged future date, or after the wall
clock was set back, the kernel's own next update goes backwards.

The kernel moves atime in steps: only when the 8-second bucket of the clock changes (`(now ^ atime) & ~7`), so what was
typed later in the same bucket leaves no trace. Evidence is therefore dated at the end of its bucket, the latest time
that it can have: no session is taken for idle too early, at the cost of at most 8 s. This time can be a few seconds
ahead of the clock. The same is true of a terminal that is seen for the first time, because what is typed in the bucket
in which it was created leaves no trace.

A session without a terminal shows no input, only work: the traffic of its connection and the CPU time of its processes.
Users can produce both at will, by design; a rule's `max` limits this.
"""

from __future__ import annotations

import enum
from collections.abc import Container
from typing import NamedTuple

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Limits
from reaper.decide.session.model import NS_PER_SEC, ActivitySample, Instant, TerminalSample
from reaper.decide.text.duration import USEC_PER_MIN, USEC_PER_SEC

BUCKET_NS = 8 * NS_PER_SEC
# Floors are per minute. Over a shorter time than this, one keepalive would reach a floor's share.
WINDOW_USEC = 10 * USEC_PER_SEC
# The two clocks drift apart by less than this between two polls, unless the wall clock was set.
STEP_NS = NS_PER_SEC
# The coarsest tick of a kernel (CONFIG_HZ=100).
TICK_USEC = 10_000


class Refusal(enum.Enum):
    """Why a changed atime did not count."""

    CTIME_MOVED = "its times were set by hand (ctime moved)"
    CTIME_FRESH = "its times may have been set by hand while it was read (ctime was fresh)"
    FUTURE = "its atime lies in the future"


class TerminalEvidence(NamedTuple):
    """The result of one interval of a terminal."""

    input_usec: int | None  # the date of the input; None if there was none that is believed
    refused: Refusal | None
    tampered: bool  # ctime changed, but neither mode nor owner did


NO_EVIDENCE = TerminalEvidence(None, None, False)


def weigh(before: TerminalSample, after: TerminalSample, previous: Instant, now: Instant) -> TerminalEvidence:
    """Return the evidence on one terminal between two looks, of which the first was no earlier than `previous`.

    Evidence is dated on the boot-time clock and never before `previous`. If the wall clock was set in between, the
    terminal's time does not show when the input was, and the evidence is dated now: no active user loses by this, and
    nobody gains more than one poll.
    """
    if after == before:
        return NO_EVIDENCE
    tampered = is_tampered(before, after)
    if after.atime_ns == before.atime_ns:
        return TerminalEvidence(None, None, tampered)
    refusal = _refusal(before, after)
    if refusal is not None:
        return TerminalEvidence(None, refusal, tampered)
    return TerminalEvidence(_latest_moment(after, previous, now), None, tampered)


def is_another(before: TerminalSample, after: TerminalSample) -> bool:
    """Return whether two readings by one name are of different terminals; False if that is not known."""
    return 0 not in (before.line, after.line) and before.line != after.line


def is_tampered(before: TerminalSample, after: TerminalSample) -> bool:
    """Return whether the times of a terminal were set by hand: ctime changed, but neither mode nor owner did."""
    return after.ctime_ns != before.ctime_ns and (after.mode, after.uid) == (before.mode, before.uid)


def _refusal(before: TerminalSample, after: TerminalSample) -> Refusal | None:
    if after.ctime_ns != before.ctime_ns:
        return Refusal.CTIME_MOVED
    if before.is_fresh:
        return Refusal.CTIME_FRESH
    if after.is_ahead:
        return Refusal.FUTURE
    return None


def clock_step_ns(previous: Instant, now: Instant) -> int:
    """Return by how much the wall clock was set forward (or back, negative) between two moments; 0 if it was not."""
    step_ns = now.wall_ns - previous.wall_ns - (now.boot_usec - previous.boot_usec) * 1000
    return step_ns if abs(step_ns) > STEP_NS else 0


def _latest_moment(after: TerminalSample, previous: Instant, now: Instant) -> int:
    if clock_step_ns(previous, now):
        return max(now.boot_usec, bucket_end(after, now))
    return max(previous.boot_usec, bucket_end(after, now))


def weigh_work(
    before: ActivitySample, after: ActivitySample, counted: Container[EvidenceKind], limits: Limits
) -> EvidenceKind | None:
    """Return a kind of work that counts and reached its floor between two looks; None if there was none.

    After more than a minute (the daemon was stopped, or the host suspended), a minute's work is enough: a session that
    was active at the end of that time must not lose by its beginning. If the traffic cannot be counted, or another
    process carries the connection than before, or the counters went back, the connection counts as used.
    """
    elapsed_usec = min(max(after.boot_usec - before.boot_usec, WINDOW_USEC), USEC_PER_MIN)
    # What the daemon has written itself is subtracted before it has crossed, so `printed` can go back a little.
    typed, printed = after.typed - before.typed, max(0, after.printed - before.printed)
    is_same = (before.carrier, before.socket) == (after.carrier, after.socket) and typed >= 0
    if EvidenceKind.NETWORK in counted and not is_same:
        return EvidenceKind.NETWORK
    amounts = (
        (EvidenceKind.NETWORK, typed + printed, limits.network_floor_bytes),
        (EvidenceKind.CPU, after.cpu_usec - before.cpu_usec, limits.cpu_floor_usec),
    )
    for kind, amount, floor in amounts:
        if kind in counted and amount > 0 and amount * USEC_PER_MIN >= floor * elapsed_usec:
            return kind
    return None


def is_settled(before: ActivitySample, after: ActivitySample) -> bool:
    """Return whether two looks are far enough apart for the second to become the new baseline."""
    return after.boot_usec - before.boot_usec >= WINDOW_USEC


def first_moments(reading: TerminalSample, now: Instant) -> tuple[int, int]:
    """Return the earliest and latest boot time of the first input in the last bucket, if atime is to be believed.

    The kernel rounds the time of its last tick down to the second.
    """
    since_usec = now.boot_usec + (reading.atime_ns // NS_PER_SEC * NS_PER_SEC - now.wall_ns) // 1000
    return since_usec, since_usec + USEC_PER_SEC + TICK_USEC


def bucket_end(reading: TerminalSample, now: Instant) -> int:
    """Return the latest boot time that the last input on a terminal can have, if its atime is to be believed.

    It is never later than the end of the current bucket, whatever atime is.
    """
    end_ns = (min(reading.atime_ns, now.wall_ns) // BUCKET_NS + 1) * BUCKET_NS
    return now.boot_usec + (end_ns - now.wall_ns) // 1000
