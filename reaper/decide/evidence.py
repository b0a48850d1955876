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

from reaper.decide.duration import USEC_PER_MIN, USEC_PER_SEC
from reaper.decide.model import FRESH_CTIME_NS, NS_PER_SEC, Instant, Line, Reading, Work
from reaper.decide.policy import Activity, Limits

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


class Finding(NamedTuple):
    """What one interval of a terminal says."""

    input_usec: int | None  # the latest moment the input can stand for, or None where there was none to believe
    refused: Refusal | None
    tampered: bool  # ctime moved though neither mode nor owner did


NOTHING = Finding(None, None, False)


def weigh(before: Reading, after: Reading, previous: Instant, now: Instant) -> Finding:
    """Judges what happened on one terminal between two looks at it, the first no earlier than `previous`.

    Evidence is dated on the boot-time clock and never before `previous`. Where the wall clock was set in between,
    the terminal's time says nothing of when, and the evidence is dated now: nobody active loses by it, and nobody
    gains more than one poll.
    """
    if after == before:
        return NOTHING
    tampered = is_tampered(before, after)
    if after.atime_ns == before.atime_ns:
        return Finding(None, None, tampered)
    refusal = _refusal(before, after)
    if refusal is not None:
        return Finding(None, refusal, tampered)
    return Finding(_latest_moment(after, previous, now), None, tampered)


def is_another(before: Reading, after: Reading) -> bool:
    """Whether two readings by one name are of two terminals. Where that is not known, they are of one."""
    return 0 not in (before.line, after.line) and before.line != after.line


def is_tampered(before: Reading, after: Reading) -> bool:
    """Whether the times of a terminal were set by hand: ctime moved, though neither mode nor owner did."""
    return after.ctime_ns != before.ctime_ns and (after.mode, after.uid) == (before.mode, before.uid)


def _refusal(before: Reading, after: Reading) -> Refusal | None:
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


def _latest_moment(after: Reading, previous: Instant, now: Instant) -> int:
    if clock_step_ns(previous, now):
        return max(now.boot_usec, bucket_end(after, now))
    return max(previous.boot_usec, bucket_end(after, now))


def weigh_work(before: Work, after: Work, counted: Container[Activity], limits: Limits) -> Activity | None:
    """Which kind of work went on between two looks, of those that count; None for none, or too little to tell.

    After a longer time than a minute (daemon stopped, host suspended), a minute's work is enough: who was active at its
    end must not lose by the beginning. Keepalives are none: they come and go without anybody, and are told by their
    shape (_are_keepalives()).
    """
    elapsed_usec = min(max(after.boot_usec - before.boot_usec, WINDOW_USEC), USEC_PER_MIN)
    octets = after.read + after.written - before.read - before.written
    amounts = (
        (Activity.NETWORK, 0 if _are_keepalives(before, after) else octets, limits.network_floor_bytes),
        (Activity.CPU, after.cpu_usec - before.cpu_usec, limits.cpu_floor_usec),
    )
    for kind, amount, floor in amounts:
        is_enough = amount > 0 and amount * USEC_PER_MIN >= floor * elapsed_usec
        # Backwards: others carry the connection now, and nobody knows what they did before.
        if kind in counted and (is_enough or (kind is Activity.NETWORK and amount < 0)):
            return kind
    return None


def _are_keepalives(before: Work, after: Work) -> bool:
    """Whether all that crossed a connection can be keepalives with their answers.

    Each is read at once and answered at once, or sent at once and its answer read at once, so sshd has read as often as
    it has written, and always as many bytes (30 s of `ssh -N -o ServerAliveInterval=1` on OpenSSH 9.2: 30 reads of 52
    bytes, 30 writes of 28). What comes for a program of the session, or from one, makes other numbers: it is read as a
    packet and written as what is in it, or the other way round. A keepalive that wants no answer (SSH_MSG_IGNORE, as
    PuTTY sends) makes sshd write nothing at all, and nothing else does.
    """
    read, written = after.read - before.read, after.written - before.written
    reads, writes = after.reads - before.reads, after.writes - before.writes
    if writes == 0:
        return read >= 0
    return any(_are_keepalives_of(cipher, read, written, reads, writes) for cipher in _CIPHERS)


def _are_keepalives_of(cipher: tuple[int, int, bool], read: int, written: int, reads: int, writes: int) -> bool:
    """For one cipher. At either look one may have been on its way: asked and not answered, or the answer alone."""
    request, answer, _ = _message_bytes(*cipher)
    if reads == writes:
        return _count_keys(read, written, reads, cipher) == 0
    if writes == reads + 1:
        return any(_count_keys(read, written - one, reads, cipher) == 0 for one in (request, answer))
    if reads == writes + 1:
        return any(_count_keys(read - one, written, writes, cipher) == 0 for one in (request, answer))
    return False


def _packet_bytes(payload: int, block: int, mac: int, *, is_length_apart: bool) -> int:
    """RFC 4253, 6: length, padding length, payload, at least 4 bytes of padding up to the block, MAC or tag."""
    padded = -(-(payload + 5 + (0 if is_length_apart else 4)) // block) * block
    return padded + mac + (4 if is_length_apart else 0)


def _message_bytes(block: int, mac: int, is_length_apart: bool) -> tuple[int, int, int]:
    """A keepalive, its answer, and a single byte of data, each as a packet.

    SSH_MSG_GLOBAL_REQUEST "keepalive@openssh.com" (others' names pad to the same), SSH_MSG_REQUEST_FAILURE, and
    SSH_MSG_CHANNEL_DATA.
    """
    request, answer, data = (
        _packet_bytes(payload, block, mac, is_length_apart=is_length_apart) for payload in (27, 1, 10)
    )
    return request, answer, data


# Block, MAC or tag, and whether the length stands outside of what is encrypted: chacha20-poly1305; then AES, as GCM or
# with a MAC over what is encrypted or what is not (umac, SHA-1, SHA-2).
_CIPHERS = [(8, 16, True), *((16, mac, is_apart) for mac in (8, 16, 20, 32, 64) for is_apart in (True, False))]


def weigh_line(before: Line, after: Line, network_floor_bytes: int | None) -> Activity | None:
    """What the connection of a session with terminals tells that their times do not; None for nothing.

    Keys that no program reads leave no trace on a terminal, and unless they make a line none among what lies unread.
    But their echo crosses the connection. They are believed where nothing else can have done it: nothing was printed on
    any terminal in the interval, by times that nobody set, and the traffic is of the shape of keys (_has_keys()).

    And a file transfer beside the terminals is in use, though nobody types, unless there is no floor: what programs
    read and write is no more of it than what crossed the connection.
    """
    crossed = after.read + after.written - before.read - before.written
    transferred = min(after.channel_bytes - before.channel_bytes, crossed)
    if network_floor_bytes is not None and transferred >= network_floor_bytes:
        return Activity.NETWORK
    last_print_ended_ns = (before.printed_ns // BUCKET_NS + 1) * BUCKET_NS
    is_silent = after.printed_ns == before.printed_ns and last_print_ended_ns <= before.wall_ns
    is_untouched = after.changed_ns == before.changed_ns and before.wall_ns - before.changed_ns > FRESH_CTIME_NS
    return Activity.INPUT if is_silent and is_untouched and _has_keys(before, after) else None


def _has_keys(before: Line, after: Line) -> bool:
    """Whether what crossed a connection is single keys with their echo, at least one, and keepalives besides.

    A key is a packet with one byte in it, read, and that byte written to the terminal; its echo is the same the other
    way (OpenSSH 9.2: 37 bytes read and 37 written, two calls each). Who forwards an agent or a port can have a program
    of theirs make the same traffic.
    """
    read, written = after.read - before.read, after.written - before.written
    calls = after.reads - before.reads
    if calls != after.writes - before.writes or calls < 2:
        return False
    counts = [_count_keys(read, written, calls, cipher) for cipher in _CIPHERS]
    return 0 not in counts and any(counts)  # keepalives of one cipher can look like keys of another


def _count_keys(read: int, written: int, calls: int, cipher: tuple[int, int, bool]) -> int | None:
    """How many keys with their echo it can be in a cipher, all else being keepalives; None where it cannot be so."""
    request, answer, data = _message_bytes(*cipher)
    keys, odd = divmod((request + answer) * calls - read - written, 2 * (request + answer) - 2 * (data + 1))
    keepalives = calls - 2 * keys
    if odd or keys < 0 or keepalives < 0:
        return None
    theirs, odd = divmod(read - keys * (data + 1) - keepalives * answer, request - answer)
    return None if odd or not 0 <= theirs <= keepalives else keys


def is_settled(before: Work, after: Work) -> bool:
    """Whether the time between two looks was long enough to go on from the second."""
    return after.boot_usec - before.boot_usec >= WINDOW_USEC


def first_moments(reading: Reading, now: Instant) -> tuple[int, int]:
    """From when to when on the boot-time clock the first input in the last bucket was read, if its atime is believed.

    The kernel rounds down to the second of its last tick.
    """
    since_usec = now.boot_usec + (reading.atime_ns // NS_PER_SEC * NS_PER_SEC - now.wall_ns) // 1000
    return since_usec, since_usec + USEC_PER_SEC + TICK_USEC


def bucket_end(reading: Reading, now: Instant) -> int:
    """The latest moment that the last input on a terminal can stand for, if its atime is believed.

    Never later than the end of the bucket that the clock is in, whatever the atime says.
    """
    end_ns = (min(reading.atime_ns, now.wall_ns) // BUCKET_NS + 1) * BUCKET_NS
    return now.boot_usec + (end_ns - now.wall_ns) // 1000
