"""What the connection of a session with terminals shows that the times of the terminals do not. Pure.

Keys that no program reads leave no trace on a terminal, and unless they make a line none among its unread input. But
each crosses the connection. sense/ssh_traffic.py counts what the client sent, to the byte, without what ssh adds to it.
All of it is counted together: what was typed, what was sent to a program without a terminal (sftp), and what came back
through forwarded ports, agents and displays. What can be told apart is subtracted:

1. what was sent to the far ends of forwarded TCP connections, for as long as these are open;
2. what was for programs without a terminal, where they have read exactly as much as came. They can have read files,
   too: then it may have been for them, or typed.

What remains was typed, or went through a forwarded connection that has come and gone since the last look, or is a Unix
socket's, as an agent's is. What cannot be told apart counts as typed: a person who types must not be taken for gone.
Nor is there anything to tell where counters went back, as when another process carries the connection now.
"""

from __future__ import annotations

from typing import NamedTuple

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.session.model import FRESH_CTIME_NS, ConnectionSample, Traffic
from reaper.decide.session.terminal_evidence import BUCKET_NS


class Typed(NamedTuple):
    """How many bytes were typed between two looks: at least, and at most."""

    least: int
    most: int


def weigh_line(
    before: ConnectionSample, after: ConnectionSample, network_floor_bytes: int | None, *, is_last: bool = False
) -> EvidenceKind | None:
    """Whether somebody typed between two looks at a connection, or else used it; None for neither.

    A file transfer beside the terminals is use, unless there is no floor. What goes through forwarded connections is
    not. `is_last`: the session may end by the answer, so what cannot be counted is taken for typed.
    """
    if after.traffic.socket == 0:
        return _weigh_uncounted(before, after)
    if not _is_one(before.traffic, after.traffic):
        return EvidenceKind.INPUT
    is_network = network_floor_bytes is not None and _transferred(before, after) >= network_floor_bytes
    network = EvidenceKind.NETWORK if is_network else None
    if not (before.traffic.is_settled and after.traffic.is_settled):  # something moved all the time
        return network or (EvidenceKind.INPUT if is_last else None)
    typed = count_typed(before, after)
    if typed is None or typed.least > 0:
        return EvidenceKind.INPUT
    return network or (EvidenceKind.INPUT if typed.most > 0 else None)


def count_typed(before: ConnectionSample, after: ConnectionSample) -> Typed | None:
    """How much was typed between two looks at one connection; None where nothing tells."""
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
    """How much has crossed the connection, at most, from programs without a terminal and to them."""
    typed, printed = after.traffic.typed - before.traffic.typed, max(0, after.traffic.printed - before.traffic.printed)
    return min(after.channel_bytes - before.channel_bytes, typed + printed)


def _is_one(before: Traffic, after: Traffic) -> bool:
    return (before.carrier, before.socket) == (after.carrier, after.socket)


def _forwarded(before: Traffic, after: Traffic) -> int:
    """How many bytes went to the far ends of forwarded connections."""
    known = {each.inode: each.sent for each in before.forwards}
    return sum(max(0, each.sent - known.get(each.inode, 0)) for each in after.forwards)


def _weigh_uncounted(before: ConnectionSample, after: ConnectionSample) -> EvidenceKind | None:
    """The same where the kernel does not let it be counted: any traffic may have been a key and its echo.

    Unless something was printed in the meantime, by times that nobody set: that makes traffic by itself.
    """
    is_idle = before.traffic[:4] == after.traffic[:4]
    last_print_ended_ns = (before.printed_ns // BUCKET_NS + 1) * BUCKET_NS
    is_silent = after.printed_ns == before.printed_ns and last_print_ended_ns <= before.wall_ns
    is_untouched = after.changed_ns == before.changed_ns and before.wall_ns - before.changed_ns > FRESH_CTIME_NS
    return EvidenceKind.INPUT if not is_idle and is_silent and is_untouched else None
