"""What the connection of a session with terminals shows that the times of the terminals do not. Pure.

Keys that no program reads leave no trace on a terminal, and unless they make a line none among its unread input. But
each crosses the connection. sense/ssh_traffic.py counts what the client sent, to the byte, without what ssh adds to it.
All of it is counted together: what was typed, what was sent to a program without a terminal (sftp), and what came back
through forwarded ports, agents and displays. What can be told apart is subtracted:

1. what programs without a terminal have read: no more than that can have been for them;
2. what was sent to the far ends of forwarded TCP connections, for as long as these are open.

What remains was typed, or went through a forwarded connection that has come and gone since the last look, or is a Unix
socket's, as an agent's is. The two cannot be told apart, and count as typed: a person who types must not be taken for
gone. Nor is there anything to tell where counters went back, as when another process carries the connection now.
"""

from __future__ import annotations

from reaper.decide.evidence import BUCKET_NS
from reaper.decide.model import FRESH_CTIME_NS, Line, Traffic
from reaper.decide.policy import Activity


def weigh_line(before: Line, after: Line, network_floor_bytes: int | None, *, is_last: bool = False) -> Activity | None:
    """Whether somebody typed between two looks at a connection, or else used it; None for neither.

    A file transfer beside the terminals is use, unless there is no floor. What goes through forwarded connections is
    not. `is_last`: the session may end by the answer, so what cannot be told counts as typed.
    """
    if after.traffic.socket == 0:
        return _weigh_uncounted(before, after)
    if not _is_one(before.traffic, after.traffic):
        return Activity.INPUT
    if not (before.traffic.is_settled and after.traffic.is_settled):
        return Activity.INPUT if is_last else None
    typed, printed = after.traffic.typed - before.traffic.typed, after.traffic.printed - before.traffic.printed
    sent = _forwarded(before.traffic, after.traffic)
    if typed < 0 or typed - sent - max(0, after.channel_read - before.channel_read) > 0:
        return Activity.INPUT
    transferred = min(after.channel_bytes - before.channel_bytes, typed + printed)
    if network_floor_bytes is not None and transferred >= network_floor_bytes:
        return Activity.NETWORK
    return None


def count_typed(line: Line) -> int | None:
    """How many bytes were typed in all, as far as that can be told apart; only differences tell. None where it cannot.

    A forwarded connection that comes or goes makes a difference of any size, up or down.
    """
    if line.traffic.socket == 0 or not line.traffic.is_settled:
        return None
    return line.traffic.typed - sum(each.sent for each in line.traffic.forwards) - line.channel_read


def _is_one(before: Traffic, after: Traffic) -> bool:
    return (before.carrier, before.socket) == (after.carrier, after.socket)


def _forwarded(before: Traffic, after: Traffic) -> int:
    """How many bytes went to the far ends of forwarded connections.

    The kernel counts a byte too many for a connection that was opened from this end (its SYN, tcp_ack()).
    """
    known = {each.inode: each.sent for each in before.forwards}
    return sum(max(0, each.sent - known.get(each.inode, 1)) for each in after.forwards)


def _weigh_uncounted(before: Line, after: Line) -> Activity | None:
    """The same where the kernel does not let it be counted: any traffic may have been a key and its echo.

    Unless something was printed in the meantime, by times that nobody set: that makes traffic by itself.
    """
    is_idle = before.traffic[:4] == after.traffic[:4]
    last_print_ended_ns = (before.printed_ns // BUCKET_NS + 1) * BUCKET_NS
    is_silent = after.printed_ns == before.printed_ns and last_print_ended_ns <= before.wall_ns
    is_untouched = after.changed_ns == before.changed_ns and before.wall_ns - before.changed_ns > FRESH_CTIME_NS
    return Activity.INPUT if not is_idle and is_silent and is_untouched else None
