"""Which signs of life on a terminal to believe, and when they were given.

The person types on a terminal that they own, so they (or a program of theirs) can set its times at will. What they
cannot do is set them without a trace:

1. The kernel moves a terminal's atime when a process reads input from it (n_tty, drivers/tty/tty_io.c:
   tty_update_time), and never touches its ctime in doing so.
2. utimes, chmod and chown always move ctime (inode_set_ctime_current in notify_change), even when they change nothing.
3. ctime has the grain of the kernel's tick (4 to 10 ms; finer since 6.13). Two changes in one tick, with our look
   between them, would leave the same ctime: so an interval that began just after ctime moved is not believed either.
4. No reading of input gives a time yet to come.

Hence: a changed atime is evidence exactly when ctime stood still during the interval, was not fresh when the interval
began, and the new atime is not in the future. *Changed*, not *advanced*: after a forged future date, or after the wall
clock was set back, the kernel's own next update goes backwards.

The kernel moves atime in steps: only when the 8-second bucket of the clock changes (`(now ^ atime) & ~7`), so what was
typed later in the same bucket leaves no trace. Evidence is therefore dated at the end of its bucket, the latest moment
that it can stand for: nobody is taken for idle before they have been, at the price of at most 8 s. That moment may lie
a few seconds ahead of the clock. The same holds of a terminal that is seen for the first time: what is typed in the
bucket in which it was made leaves no trace.

A session without a terminal shows no person, only work: what crosses its connection and what its processes compute.
That is the user's to make, by design; a rule's `max` bounds it.
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
# A floor is a minute's; below this share of it, one keepalive would do.
WINDOW_USEC = 10 * USEC_PER_SEC
# The two clocks drift apart by less than this between two polls, unless one was set.
STEP_NS = NS_PER_SEC
# The coarsest tick of a kernel (CONFIG_HZ=100).
TICK_USEC = 10_000


class Refusal(enum.Enum):
    """Why a moved atime did not count."""

    CTIME_MOVED = "its times were set by hand (ctime moved)"
    CTIME_FRESH = "its times may have been set by hand while it was read (ctime was fresh)"
    FUTURE = "its atime lies in the future"


class TerminalEvidence(NamedTuple):
    """What one interval of a terminal says."""

    input_usec: int | None  # the latest moment the input can stand for, or None where there was none to believe
    refused: Refusal | None
    tampered: bool  # ctime moved though neither mode nor owner did


NOTHING = TerminalEvidence(None, None, False)


def weigh(before: TerminalSample, after: TerminalSample, previous: Instant, now: Instant) -> TerminalEvidence:
    """Judges what happened on one terminal between two looks at it, the first no earlier than `previous`.

    Evidence is dated on the boot-time clock and never before `previous`. Where the wall clock was set in between,
    the terminal's time says nothing of when, and the evidence is dated now: nobody active loses by it, and nobody
    gains more than one poll.
    """
    if after == before:
        return NOTHING
    tampered = is_tampered(before, after)
    if after.atime_ns == before.atime_ns:
        return TerminalEvidence(None, None, tampered)
    refusal = _refusal(before, after)
    if refusal is not None:
        return TerminalEvidence(None, refusal, tampered)
    return TerminalEvidence(_latest_moment(after, previous, now), None, tampered)


def is_another(before: TerminalSample, after: TerminalSample) -> bool:
    """Whether two readings by one name are of two terminals. Where that is not known, they are of one."""
    return 0 not in (before.line, after.line) and before.line != after.line


def is_tampered(before: TerminalSample, after: TerminalSample) -> bool:
    """Whether the times of a terminal were set by hand: ctime moved, though neither mode nor owner did."""
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
    """By how much the wall clock was set forth, or back, between two moments; 0 where it was not."""
    step_ns = now.wall_ns - previous.wall_ns - (now.boot_usec - previous.boot_usec) * 1000
    return step_ns if abs(step_ns) > STEP_NS else 0


def _latest_moment(after: TerminalSample, previous: Instant, now: Instant) -> int:
    if clock_step_ns(previous, now):
        return max(now.boot_usec, bucket_end(after, now))
    return max(previous.boot_usec, bucket_end(after, now))


def weigh_work(
    before: ActivitySample, after: ActivitySample, counted: Container[EvidenceKind], limits: Limits
) -> EvidenceKind | None:
    """Which kind of work went on between two looks, of those that count; None for none, or too little to tell.

    After a longer time than a minute (daemon stopped, host suspended), a minute's work is enough: who was active at its
    end must not lose by the beginning. Where what crossed the connection cannot be counted, or other processes than
    before carry it, or the counters went back, the connection counts as used.
    """
    elapsed_usec = min(max(after.boot_usec - before.boot_usec, WINDOW_USEC), USEC_PER_MIN)
    # What the daemon has written itself is taken off before it has crossed, so that `printed` can go back a little.
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
    """Whether the time between two looks was long enough to go on from the second."""
    return after.boot_usec - before.boot_usec >= WINDOW_USEC


def first_moments(reading: TerminalSample, now: Instant) -> tuple[int, int]:
    """From when to when on the boot-time clock the first input in the last bucket was read, if its atime is believed.

    The kernel rounds down to the second of its last tick.
    """
    since_usec = now.boot_usec + (reading.atime_ns // NS_PER_SEC * NS_PER_SEC - now.wall_ns) // 1000
    return since_usec, since_usec + USEC_PER_SEC + TICK_USEC


def bucket_end(reading: TerminalSample, now: Instant) -> int:
    """The latest moment that the last input on a terminal can stand for, if its atime is believed.

    Never later than the end of the bucket that the clock is in, whatever the atime says.
    """
    end_ns = (min(reading.atime_ns, now.wall_ns) // BUCKET_NS + 1) * BUCKET_NS
    return now.boot_usec + (end_ns - now.wall_ns) // 1000
