"""Counts by subtraction how many bytes were typed and printed over an ssh connection, whatever the client is.

sshd's child reads and writes its TCP socket, the terminals, pipes and sockets of its channels, and its monitor, and
nothing else. /proc/PID/io counts all of it together, and the socket counts what the network carried. So

from the client = bytes written by the child - bytes written to the socket - bytes that the monitor has read to the
client   = bytes read by the child - bytes read from the socket - bytes that the monitor has written

holds with compression, chaff, keepalives and rekeying, none of which is written to anything but the socket (measured on
OpenSSH 9.2 and 10.0 with clients of both: 5 keys count as 5, and 40 s of keepalives as 0). The absolute sums mean
nothing: only their differences do.

The socket is taken by pidfd_getfd(2) and closed a moment later: while we hold it, the connection cannot close.
getsockopt(2) works on it from any network namespace. The kernel refuses pidfd_getfd(2) where kernel.yama.ptrace_scope
is 3, and so does the system call filter of some containers.
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import re
import socket
import struct
import termios
from collections.abc import Iterable, Iterator
from typing import Callable, NamedTuple

from reaper import procfs
from reaper.decide.session.model import ForwardedConnection, Traffic
from reaper.procparse import IoCounters
from reaper.sense.clock import read_clock

# struct tcp_info of <linux/tcp.h>: tcpi_state, tcpi_last_data_recv (ms), tcpi_bytes_acked, tcpi_bytes_received.
_STATE, _LAST_RECEIVED, _BYTES = struct.Struct("=B"), struct.Struct("=I"), struct.Struct("=QQ")
_LAST_RECEIVED_AT, _BYTES_AT, _INFO_BYTES = 52, 120, 136
_SYN_SENT, _LISTEN = 2, 10  # <net/tcp_states.h>
# After this end has closed, its FIN is counted as a byte: FIN_WAIT1, FIN_WAIT2, LAST_ACK, CLOSING.
_FIN_SENT = (4, 5, 9, 11)
# One attempt takes 30 us (Linux 6.18); on a connection that carries 50 MB/s, every other one sees the counters move.
_TRIES = 16
# A client that forwards a port can open any number of connections. Bytes of those beyond this number count as typed.
_MOST_SOCKETS = 64
_SOCKET = re.compile(r"socket:\[([0-9]+)\]", re.ASCII)


def _clock() -> int:
    return read_clock().boot_usec


class _Connection(NamedTuple):
    inode: int
    own: socket.socket
    is_accepted: bool  # the other end opened it; otherwise its SYN is counted as a byte (tcp_ack())


class _Counts(NamedTuple):
    """The bytes written to a TCP socket and read from it up to now, and the time since something was received."""

    written: int
    read: int
    silent_msec: int


def read_traffic(carriers: list[int], monitor: int | None, clock: Callable[[], int] = _clock) -> Traffic:
    """Returns what has crossed the connection that these processes carry; `monitor` is their monitor, None without one.

    `clock` is the boot-time clock, read after everything else: received data is dated a little late, and never too
    early. Raises OSError if the processes have ended.
    """
    try:
        return _count(carriers, monitor, clock)
    except OSError as error:
        passed = [_passed(pid) for pid in carriers]  # raises if they have ended
        read, written = sum(each.read for each in passed), sum(each.written for each in passed)
        why = "" if error.errno == errno.ESRCH else error.strerror or str(error)  # its monitor has just ended
        return Traffic(carriers[0] if carriers else 0, 0, read, written, clock(), hindrance=why)


def _count(carriers: list[int], monitor: int | None, clock: Callable[[], int]) -> Traffic:
    if len(carriers) != 1:
        raise OSError(errno.ENOTUNIQ, "several processes carry the connection")
    carrier = carriers[0]
    shared = None if monitor is None else set(_sockets(monitor).values())
    with contextlib.ExitStack() as stack:
        taken = [(inode, stack.enter_context(own)) for inode, own in _take(carrier)]
        ports = {_port(own) for _, own in taken if _state(own) == _LISTEN}
        found = [_Connection(*each, _port(each[1]) in ports) for each in taken if _state(each[1]) != _LISTEN]
        main = _main(found, shared)
        forwards = [each for each in found if each is not main]
        for _ in range(_TRIES):
            before = _passed(carrier), _passed(monitor)
            counts, is_still = _look(main, forwards)
            after = _passed(carrier), _passed(monitor)
            is_settled = is_still and before == after
            if is_settled:
                break
    child, parent = after
    line, *others = counts
    return Traffic(
        carrier,
        main.inode,
        typed=child.written - line.written - parent.read,
        printed=child.read - line.read - parent.written,
        heard_usec=clock() - line.silent_msec * 1000,
        is_settled=is_settled,
        forwards=tuple(ForwardedConnection(each.inode, one.written) for each, one in zip(forwards, others)),
    )


def _passed(pid: int | None) -> IoCounters:
    if pid is None:
        return IoCounters(0, 0, 0, 0)
    passed = procfs.read_io(pid)
    if passed is None:
        raise ProcessLookupError(errno.ESRCH, "it has ended", str(pid))
    return passed


def _sockets(pid: int) -> dict[int, int]:
    """Returns the inodes of the sockets that a process has open, by descriptor, in ascending order."""
    found = {}
    for descriptor in sorted(procfs.list_descriptors(pid)):
        match = _SOCKET.fullmatch(procfs.read_link(pid, f"fd/{descriptor}") or "")
        if match is not None:
            found[descriptor] = int(match[1])
    return found


def _take(pid: int) -> Iterator[tuple[int, socket.socket]]:
    """Yields the TCP sockets that a process has open, each once; not those that are still connecting."""
    seen = set()
    for descriptor, inode in list(_sockets(pid).items())[:_MOST_SOCKETS]:
        if inode in seen:
            continue
        seen.add(inode)
        own = _own(pid, descriptor, inode)
        if own is not None:
            yield inode, own


def _own(pid: int, descriptor: int, inode: int) -> socket.socket | None:
    try:
        taken = procfs.take_descriptor(pid, descriptor)
    except OSError as error:
        if error.errno == errno.EBADF:  # closed meanwhile
            return None
        raise
    try:
        own = socket.socket(fileno=taken)
    except OSError:  # by now it is another file
        os.close(taken)
        return None
    is_tcp = own.family in (socket.AF_INET, socket.AF_INET6) and own.type == socket.SOCK_STREAM
    if is_tcp and os.fstat(taken).st_ino == inode and _state(own) != _SYN_SENT:
        return own
    own.close()
    return None


def _main(found: Iterable[_Connection], shared: set[int] | None) -> _Connection:
    """Returns the client's connection: the one that the monitor has open too, which is not so for forwarded ones.

    Without a monitor it is the first that the process opened: its descriptor is the lowest.
    """
    candidates = [each for each in found if shared is None or each.inode in shared]
    if not candidates or (shared is not None and len(candidates) > 1):
        raise OSError(errno.ENOTSOCK, "its connection does not use TCP, or cannot be told from others")
    return candidates[0]


def _look(main: _Connection, forwards: Iterable[_Connection]) -> tuple[list[_Counts], bool]:
    """Returns what the sockets have carried, and whether nothing was acknowledged or received meanwhile."""
    counts, is_still = [], True
    for each in (main, *forwards):
        acked, received = _BYTES.unpack_from(before := _info(each.own), _BYTES_AT)
        unsent, unread = _queued(each.own, termios.TIOCOUTQ), _queued(each.own, termios.FIONREAD)
        is_still = is_still and _BYTES.unpack_from(_info(each.own), _BYTES_AT) == (acked, received)
        (silent_msec,) = _LAST_RECEIVED.unpack_from(before, _LAST_RECEIVED_AT)
        more = (_STATE.unpack_from(before)[0] in _FIN_SENT) + (not each.is_accepted)
        counts.append(_Counts(max(0, acked + unsent - more), received - unread, silent_msec))
    return counts, is_still


def _state(own: socket.socket) -> int:
    state: int = _STATE.unpack_from(_info(own))[0]
    return state


def _port(own: socket.socket) -> int:
    port: int = own.getsockname()[1]
    return port


def _info(own: socket.socket) -> bytes:
    info = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    if len(info) < _INFO_BYTES:
        raise OSError(errno.ENOPROTOOPT, "this kernel does not count what a connection carries")
    return info


def _queued(own: socket.socket, request: int) -> int:
    """Returns how much is unacknowledged (SIOCOUTQ, which is TIOCOUTQ) or unread (SIOCINQ, FIONREAD); tcp(7)."""
    count = array.array("i", [0])
    fcntl.ioctl(own, request, count)
    return count[0]
