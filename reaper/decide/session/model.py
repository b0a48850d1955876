"""The words of the domain: sessions, their terminals, and what was read of them.

Everything here is data. Times are integers of microseconds on the boot-time clock (CLOCK_BOOTTIME), except where a
name says `wall`; the times that the kernel keeps of a terminal are wall-clock nanoseconds, as stat(2) gives them.
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
    """What tells one session from every other of this boot: its leader's pid and start time (proc_pid_stat(5))."""

    pid: int
    start_ticks: int

    def __str__(self) -> str:
        return f"{self.pid}.{self.start_ticks}"


class ProcessId(NamedTuple):
    """A process that a reused pid cannot be mistaken for."""

    pid: int
    start_ticks: int


@dataclass(frozen=True)
class Session:
    """What one login made; nothing in it changes while the session lives."""

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
    session_id: str  # logind's, or "" where logind knows nothing of it
    user: str  # the account's own name
    login: str  # the name that was typed where that is another, as in a directory that ignores case; else ""
    uid: int
    service: str
    origin: Origin
    remote: str  # "" for a local login
    tty: str  # the line that `login` was started on ("tty1", "ttyS0"), "" for a connection
    scope: str  # the session's own cgroup ("/user.slice/user-1000.slice/session-3.scope"), "" if it has none
    opened_usec: int
    source: str  # "pam", "logind" or "both"

    @property
    def name(self) -> str:
        """What people call it by: logind's session id where there is one."""
        return self.session_id or str(self.key)


class TerminalSample(NamedTuple):
    """One look at a terminal (stat(2)).

    What depends on the moment of the look is settled there and then, so that two looks at a terminal on which nothing
    happened are equal. Readings of one daemon with different `line` are of different terminals: a pty was closed, and
    another was given its number.
    """

    name: str  # below /dev: "pts/3", "tty1"
    atime_ns: int
    ctime_ns: int
    mode: int
    uid: int
    is_fresh: bool  # ctime was so young that it may move again without showing
    is_ahead: bool  # atime lay in the future
    line: int = 0  # which terminal by this name it is, counted by the daemon that read it; 0 where that is not known


# Three of the coarsest kernel ticks (CONFIG_HZ=100): within one, ctime can be written twice and show it once.
FRESH_CTIME_NS = 30_000_000


def take_reading(
    name: str, atime_ns: int, ctime_ns: int, mode: int, uid: int, wall_ns: int, line: int = 0
) -> TerminalSample:
    """A reading out of stat's numbers and the wall clock just after it.

    The future is told in whole seconds: up to Linux 6.1 a tty keeps the nanoseconds of an earlier atime.
    """
    is_fresh = abs(wall_ns - ctime_ns) < FRESH_CTIME_NS
    is_ahead = atime_ns // NS_PER_SEC > wall_ns // NS_PER_SEC
    return TerminalSample(name, atime_ns, ctime_ns, mode, uid, is_fresh, is_ahead, line)


class ForwardedConnection(NamedTuple):
    """A TCP connection that sshd forwards: its socket's inode, and how many bytes were sent to its far end."""

    inode: int
    sent: int


class Traffic(NamedTuple):
    """What crossed a connection by ssh up to a moment, without what ssh itself adds. Only differences tell.

    `typed`: bytes from the client, for terminals and all other channels together, and `printed`, those to the client.
    Where they cannot be counted, `socket` is 0, and these are all bytes that sshd's child has read and written.
    `heard_usec`: when anything of the client's was received last, keepalives too. `is_settled`: no byte was on its way
    while this was counted; otherwise the numbers are off by what was.
    """

    carrier: int  # the pid of what passes on
    socket: int  # the inode of the connection's socket
    typed: int
    printed: int
    heard_usec: int
    is_settled: bool = True
    forwards: tuple[ForwardedConnection, ...] = ()
    hindrance: str = ""  # why they cannot be counted


class ActivitySample(NamedTuple):
    """What a session's connection and processes have done up to a moment: counters that only grow.

    The connection's are those of Traffic.
    """

    boot_usec: int
    carrier: int
    socket: int
    typed: int
    printed: int
    cpu_usec: int


class ConnectionSample(NamedTuple):
    """One look at the connection that carries a session's terminals, at a moment on both clocks.

    `printed_ns`: when something was last written on one of the terminals, and `changed_ns` when their times were last
    set by hand. `channel_read` and `channel_bytes`: what the connection's programs without a terminal have read, and
    have read and written, sftp for one.
    """

    boot_usec: int
    wall_ns: int
    traffic: Traffic
    printed_ns: int
    changed_ns: int
    channel_read: int
    channel_bytes: int


class Order(NamedTuple):
    """An administrator's word that a session is to end: who gave it, in words, and why."""

    by: str
    why: str


class Usage(NamedTuple):
    """What processes hold, or held: their number, resident bytes, and CPU time since they began."""

    processes: int
    rss_bytes: int
    cpu_usec: int


class Holding(NamedTuple):
    """What a termination is about holds before it: each process, and all those together that are too many for that."""

    each: tuple[tuple[ProcessId, Usage], ...] = ()
    others: Usage = Usage(0, 0, 0)
    scope: str = ""  # where those are


class AttachedProcess(NamedTuple):
    """A process whose controlling terminal is one of the session's.

    `in_front`: it leads the terminal's session or is in its foreground group, so that ending it is what a lost line
    would do; a job in the background, or one that nohup(1) guards, is not.
    """

    process: ProcessId
    in_front: bool


class Targets(NamedTuple):
    """Whom a termination is about, read at one moment."""

    attached: tuple[AttachedProcess, ...]  # on the session's terminals, wherever they run, and on channels without one
    connection: tuple[ProcessId, ...]  # what carries the line; first who closes it when asked, mostly the leader
    # Where asked for: all that the session holds (what is in its scope or descends from its leader, and the strays).
    everything: tuple[ProcessId, ...] = ()
    strays: tuple[ProcessId, ...] = ()  # what it holds outside of its scope
    holding: Holding = Holding()  # what everything holds


class Program(NamedTuple):
    """A program that runs in a session. Its path is as the person's processes see it, and has any character in it."""

    path: str
    pid: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.path.rpartition("/")[2]


class Ending(NamedTuple):
    """What is remembered of a session from the beginning of its end."""

    holding: Holding
    front: tuple[ProcessId, ...]  # who was in front on its terminals
    terminals: frozenset[str]
