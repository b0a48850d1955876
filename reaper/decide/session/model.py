"""The data of the domain: sessions, their terminals and processes, and what was read of them.

Times are integers: microseconds on the boot-time clock (CLOCK_BOOTTIME), except if a name says `wall`. The times that
the kernel keeps for a terminal are wall-clock nanoseconds, as stat(2) returns them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from reaper.decide.policy.match import Origin

NS_PER_SEC = 1_000_000_000


class Instant(NamedTuple):
    """One moment on both clocks, read together."""

    boot_usec: int
    wall_ns: int


class SessionKey(NamedTuple):
    """Identifies a session within this boot: its leader's pid and start time (proc_pid_stat(5))."""

    pid: int
    start_ticks: int

    def __str__(self) -> str:
        return f"{self.pid}.{self.start_ticks}"


class ProcessId(NamedTuple):
    """Identifies a process even if its pid is reused: its pid and start time."""

    pid: int
    start_ticks: int


@dataclass(frozen=True)
class Session:
    """The facts of one login session that never change while it exists."""

    __slots__ = (
        "key",
        "login",
        "opened_usec",
        "origin",
        "remote",
        "scope",
        "service",
        "session_id",
        "source",
        "tty",
        "uid",
        "user",
    )

    key: SessionKey
    session_id: str  # logind's; "" if logind does not know the session
    user: str  # the account's own name
    login: str  # the name that was typed, if it differs (in a directory that ignores case, for example); else ""
    uid: int
    service: str
    origin: Origin
    remote: str  # "" for a local login
    tty: str  # the line that `login` was started on ("tty1", "ttyS0"); "" for a connection
    scope: str  # the session's own cgroup ("/user.slice/user-1000.slice/session-3.scope"); "" if it has none
    opened_usec: int
    source: str  # "pam", "logind" or "both"

    @property
    def name(self) -> str:
        """The name to show to people: logind's session id if there is one, else the key."""
        return self.session_id or str(self.key)


class TerminalSample(NamedTuple):
    """One reading of a terminal (stat(2)).

    Everything that depends on the moment of the reading is evaluated then, so that two readings of a terminal on which
    nothing happened are equal. Two readings by one daemon with different `line` are of different terminals: a pty was
    closed, and another one got its number.
    """

    name: str  # below /dev: "pts/3", "tty1"
    atime_ns: int
    ctime_ns: int
    mode: int
    uid: int
    is_fresh: bool  # ctime was so recent that it may be set again without a visible change
    is_ahead: bool  # atime was in the future
    line: int = 0  # numbers the terminals of this name, counted by the daemon that read it; 0 if not known


# Three of the coarsest kernel ticks (CONFIG_HZ=100): within one tick, a second change of ctime does not show.
FRESH_CTIME_NS = 30_000_000


def take_reading(
    name: str, atime_ns: int, ctime_ns: int, mode: int, uid: int, wall_ns: int, line: int = 0
) -> TerminalSample:
    """Make a reading from the values of stat(2) and the wall clock just after it.

    Whether atime is in the future is decided in whole seconds: up to Linux 6.1, a tty keeps the nanoseconds of an
    earlier atime.
    """
    is_fresh = abs(wall_ns - ctime_ns) < FRESH_CTIME_NS
    is_ahead = atime_ns // NS_PER_SEC > wall_ns // NS_PER_SEC
    return TerminalSample(name, atime_ns, ctime_ns, mode, uid, is_fresh, is_ahead, line)


class ForwardedConnection(NamedTuple):
    """A TCP connection that sshd forwards: its socket's inode, and the number of bytes sent to its far end."""

    inode: int
    sent: int


class Traffic(NamedTuple):
    """Counters of an ssh connection at one moment, without what ssh itself adds. Only differences have a meaning.

    - `typed`, `printed`: bytes from the client and to the client, for terminals and all other channels together. If
      they cannot be counted, `socket` is 0, and these are all bytes that sshd's child has read and written.
    - `heard_usec`: when anything was last received from the client, including keepalives.
    - `is_settled`: no byte was in transit during the count; otherwise the numbers are wrong by those in transit.
    """

    carrier: int  # the pid of the process that forwards the data
    socket: int  # the inode of the connection's socket
    typed: int
    printed: int
    heard_usec: int
    is_settled: bool = True
    forwards: tuple[ForwardedConnection, ...] = ()
    hindrance: str = ""  # why the bytes cannot be counted


class ActivitySample(NamedTuple):
    """Counters of a session's connection (as in Traffic) and of its processes' CPU time, at one moment."""

    boot_usec: int
    carrier: int
    socket: int
    typed: int
    printed: int
    cpu_usec: int


class ConnectionSample(NamedTuple):
    """One reading of the connection that carries a session's terminals, at a moment on both clocks.

    - `printed_ns`: when something was last written on one of the terminals (mtime).
    - `changed_ns`: when the times of one were last set by hand (ctime).
    - `channel_read`, `channel_bytes`: bytes that the connection's programs without a terminal (sftp, for example) have
      read, and have read and written.
    """

    boot_usec: int
    wall_ns: int
    traffic: Traffic
    printed_ns: int
    changed_ns: int
    channel_read: int
    channel_bytes: int


class Order(NamedTuple):
    """An administrator's order to end a session: who gave it, as text, and why."""

    by: str
    why: str


class Usage(NamedTuple):
    """The resources that processes hold or held: their number, resident bytes, and CPU time since they started."""

    processes: int
    rss_bytes: int
    cpu_usec: int


class Holding(NamedTuple):
    """The resources of a session before its termination: of each process, and the sum of those too many to list."""

    each: tuple[tuple[ProcessId, Usage], ...] = ()
    others: Usage = Usage(0, 0, 0)
    scope: str = ""  # the control group of the others


class AttachedProcess(NamedTuple):
    """A process whose controlling terminal is one of the session's.

    `in_front`: it is the session leader of the terminal or in its foreground process group, so that a lost line would
    end it as well. A background job, or one under nohup(1), is not in front.
    """

    process: ProcessId
    in_front: bool


class Targets(NamedTuple):
    """The processes that a termination signals, read at one moment."""

    attached: tuple[AttachedProcess, ...]  # on the session's terminals, in any scope, and on channels without one
    connection: tuple[
        ProcessId, ...
    ]  # those that carry the connection; first the one that closes it, mostly the leader
    # If requested: all processes of the session (those in its scope, the leader's descendants, and the strays).
    everything: tuple[ProcessId, ...] = ()
    strays: tuple[ProcessId, ...] = ()  # processes of the session outside its scope
    holding: Holding = Holding()  # the resources of `everything`


class Program(NamedTuple):
    """A program that runs in a session. Its path is as the user's processes see it and may have any character in it."""

    path: str
    pid: int

    @property
    def name(self) -> str:
        """The file name of the program."""
        return self.path.rpartition("/")[2]


class Ending(NamedTuple):
    """What is remembered of a session from the beginning of its termination."""

    holding: Holding
    front: tuple[ProcessId, ...]  # the processes in front on its terminals
    terminals: frozenset[str]
