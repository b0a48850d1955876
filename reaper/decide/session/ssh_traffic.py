"""Decide from the traffic of an ssh connection whether somebody typed, where the times of terminals do not show it.

Pure. Keys that no program reads leave no trace in the times of a terminal, and none in its unread input unless they
make a line. But each key crosses the connection. sense/ssh_counters.py counts exactly the bytes that the client sent,
without what ssh adds. They are counted together: what was typed, what was sent to a program without a terminal (sftp),
and what came back through forwarded ports, agents and displays. What can be distinguished is subtracted:

1. what was sent to the far ends of forwarded TCP connections, while these are open;
2. what was for programs without a terminal, if they have read exactly as many bytes as arrived. They can have read
   files as well; then the bytes may have been for them, or typed.

The rest was typed, or went through a forwarded connection that was opened and closed since the last look, or through a
Unix socket, such as an agent's. What cannot be distinguished counts as typed, so that a user who types is never taken
for absent. The same holds if counters went back, for example because another process carries the connection now.
"""

from __future__ import annotations

from typing import NamedTuple

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.session.model import FRESH_CTIME_NS, ConnectionSample, Traffic
from reaper.decide.session.terminal_evidence import BUCKET_NS


class Typed(NamedTuple):
    """The least and the most bytes that were typed between two looks."""

    least: int
    most: int


def weigh_line(
    before: ConnectionSample, after: ConnectionSample, network_floor_bytes: int | None, *, is_last: bool = False
) -> EvidenceKind | None:
    """Return INPUT if somebody typed between two readings of a connection, else NETWORK if they used it, else None.

    A file transfer beside the terminals is use, unless there is no floor. Traffic through forwarded connections is
    not. `is_last`: the session may end because of the answer, so what cannot be counted is taken as typed.
    """
    if after.traffic.socket == 0:
        return _weigh_uncounted(before, after)
    if not _is_one(before.traffic, after.traffic):
        return EvidenceKind.INPUT
    is_network = network_floor_bytes is not None and _transferred(before, after) >= network_floor_bytes
    network = EvidenceKind.NETWORK if is_network else None
    if not (before.traffic.is_settled and after.traffic.is_settled):  # bytes were in transit at each attempt to count
        return network or (EvidenceKind.INPUT if is_last else None)
    typed = count_typed(before, after)
    if typed is None or typed.least > 0:
        return EvidenceKind.INPUT
    return network or (EvidenceKind.INPUT if typed.most > 0 else None)


def count_typed(before: ConnectionSample, after: ConnectionSample) -> Typed | None:
    """Return how many bytes were typed between two readings of one connection; None if that is not known."""
    earlier, later = before.traffic, after.traffic
    if not (earlier.socket and _is_one(earlier, later) and earlier.is_settled and later.is_settled):
        return None
    arrived = later.typed - earlier.typed
    if arrived < 0:
        return None
    left, read = arrived - _forwarded(earlier, later), max(0, after.channel_read - before.channel_read)
    if left <= 0 or left == read:
        return Typed(0, 0)
    return Typed(max(0, left - read), left)


def _transferred(before: ConnectionSample, after: ConnectionSample) -> int:
    """Return the most bytes that can have crossed the connection from and to programs without a terminal."""
    typed, printed = after.traffic.typed - before.traffic.typed, max(0, after.traffic.printed - before.traffic.printed)
    return min(after.channel_bytes - before.channel_bytes, typed + printed)


def _is_one(before: Traffic, after: Traffic) -> bool:
    return (before.carrier, before.socket) == (after.carrier, after.socket)


def _forwarded(before: Traffic, after: Traffic) -> int:
    """Return how many bytes went to the far ends of forwarded connections."""
    known = {each.inode: each.sent for each in before.forwards}
    return sum(max(0, each.sent - known.get(each.inode, 0)) for each in after.forwards)


def _weigh_uncounted(before: ConnectionSample, after: ConnectionSample) -> EvidenceKind | None:
    """Return INPUT if there was traffic that may have been a key and its echo, when the kernel cannot count bytes.

    It does not count if something was printed in the meantime (which is traffic by itself), as shown by times that
    nobody has set by hand.
    """
    is_idle = before.traffic[:4] == after.traffic[:4]
    last_print_ended_ns = (before.printed_ns // BUCKET_NS + 1) * BUCKET_NS
    is_silent = after.printed_ns == before.printed_ns and last_print_ended_ns <= before.wall_ns
    is_untouched = after.changed_ns == before.changed_ns and before.wall_ns - before.changed_ns > FRESH_CTIME_NS
    return EvidenceKind.INPUT if not is_idle and is_silent and is_untouched else None
