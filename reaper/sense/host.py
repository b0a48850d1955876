"""The host as the daemon sees it: every look that it takes goes through here.

Composes the leaves beside it into the daemon's questions: which sessions are there, which terminals are theirs, what
do those say, who would be hit. tests/unit/fakes.py has a FakeHost with the same methods and contract tests.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from typing import Callable

from reaper import kernel_text, procfs
from reaper.decide.policy import membership
from reaper.decide.policy.match import Origin
from reaper.decide.policy.membership import Membership
from reaper.decide.session.lock_protocol import LockOrder, LockState
from reaper.decide.session.model import (
    ActivitySample,
    ConnectionSample,
    Holding,
    Instant,
    ProcessId,
    Program,
    Session,
    SessionKey,
    Targets,
    TerminalSample,
    Usage,
)
from reaper.decide.session.stuck import Stuck
from reaper.decide.text.hours import LocalMoment, LocalTime
from reaper.errors import ReaperError
from reaper.sense import (
    activity,
    connections,
    lock_files,
    lockability,
    possession,
    processes,
    programs,
    saved_state,
    strays,
    targets,
    terminals,
)
from reaper.sense.belonging import Homes
from reaper.sense.clock import read_clock, read_local_moment, read_local_time, read_worked_usec
from reaper.sense.discovery import Discovery, SessionFinder
from reaper.sense.distrust import Distrust, Probe, blame
from reaper.sense.elevations import Elevated, Elevations
from reaper.sense.login_records import LoginRecord, LoginRecords
from reaper.sense.logind import Logind
from reaper.sense.name_service import GroupsAnswer, NameService
from reaper.sense.terminal_handles import TerminalHandles


class Host:
    """Reads this host, and keeps nothing of it but what its parts do, so as not to ask again."""

    def __init__(
        self, records: LoginRecords | None = None, logind: Logind | None = None, elevations: Elevations | None = None
    ) -> None:
        self._records = records if records is not None else LoginRecords()
        self._logind = logind if logind is not None else Logind()
        self.terminal_servers: tuple[str, ...] = ()  # the user's programs that are taken for terminals, by name
        self.sessions: Callable[[], list[Session]] = list  # those that the daemon knows, to tell whose a process is
        self._homes = Homes()
        self._elevations = elevations if elevations is not None else Elevations(homes=self._homes)
        self._lines = TerminalHandles(terminals.DEV)
        self._finder = SessionFinder(self._records, self._logind)
        self._name_service = NameService()
        self._distrust, self._probe = Distrust(), Probe()

    def clock(self) -> Instant:
        """Now, on both clocks."""
        return read_clock()

    def worked_usec(self) -> int:
        """How much the daemon has worked in all, waiting for what it runs included."""
        return read_worked_usec()

    def local_time(self) -> LocalTime:
        """Now, as people on this host say it."""
        return read_local_time()

    def local_moment(self, wall_ns: int) -> LocalMoment:
        """What people on this host call a moment of the wall clock."""
        return read_local_moment(wall_ns)

    def boot_id(self) -> str:
        """This boot's id (random(4))."""
        return (kernel_text.read(f"{procfs.PROC}/sys/kernel/random/boot_id") or b"").strip().decode("ascii")

    def read_state(self, path: str = "/run/reaper/state") -> str:
        """What the daemon before this one remembered, or "" where there is nothing that root wrote."""
        return saved_state.read(path)

    @property
    def distrusted(self) -> tuple[Stuck, ...]:
        """Whose processes are not read, or were not once."""
        return self._distrust.known

    def distrust(self, known: Iterable[Stuck]) -> None:
        """Reads no processes of these users, but root's."""
        self._distrust.take(known)
        self._distrust.install()

    def blame(self, path: str) -> Stuck | None:
        """Whose fault it is that a file of /proc cannot be read; None where it is none's."""
        return blame(path, read_clock().boot_usec)

    def probe(self, now_usec: int) -> Stuck | None:
        """One whose processes can be read again; None where none is known to be. Does not wait."""
        return self._probe.look(self._distrust.active, now_usec)

    def monitor(self) -> Logind:
        """What to wait on for logind's news."""
        return self._logind

    def discover(self, known: Container[SessionKey], known_ids: Iterable[str]) -> Discovery:
        """The sessions that are not among the known, each problem told once."""
        return self._finder.find(known, known_ids, self.terminal_servers)

    def home_of(self, pid: int) -> SessionKey | None:
        """Which of the daemon's sessions a process belongs to; None where none, or where that cannot be told."""
        try:
            return self._homes.of(pid, self.sessions())
        except OSError:
            return None

    def is_alive(self, session: Session) -> bool:
        """Whether the session's leader runs, or, if it died without closing its PAM session, what it left behind.

        A closed session has no record any more; what runs on in its scope then (a server of the user's) is no session,
        unless it is a terminal server: the person types on, and the connection that they logged in by is gone for good.
        """
        if processes.is_alive(session.key) or self._remains(session, (), self.terminal_servers):
            return True
        unclosed = session.source == "logind" or self._records.exists(session.key)
        return unclosed and bool(self._remains(session, connections.sshd_names(session)))

    def elevated(self, sessions: Iterable[Session], now_usec: int, *, anew: bool) -> Elevated:
        """In which of the sessions root acts; `anew` where there are some that were not there at the last look."""
        return self._elevations.look(sessions, now_usec, anew=anew)

    def terminal_names(self, session: Session) -> frozenset[str]:
        """The session's outer terminals at this moment."""
        return possession.terminal_names(session, self.terminal_servers)

    def terminal_obstacle(self, session: Session) -> str:
        """Why no terminal of a session is known, though its login says that it has one; "" where it says nothing."""
        if session.origin is Origin.GRAPHICAL or not processes.is_alive(session.key):
            return ""
        record = self._record(session)
        return possession.obstacle(session, terminals.line_name(record.tty) if record is not None else "")

    @staticmethod
    def _remains(session: Session, sshd: Collection[str], servers: Collection[str] = ()) -> list[ProcessId]:
        return connections.remains(session.scope, session.key.pid, session.uid, sshd, servers)

    def is_shared(self, session: Session, held: Iterable[int]) -> bool:
        """Whether another login's connection is among what the session holds, by an sshd that was started there.

        `held` are the pids of that.
        """
        return any(pid != session.key.pid and connections.is_another_login(pid) for pid in held)

    def read_terminals(self, names: Iterable[str]) -> tuple[TerminalSample, ...]:
        """One look at each of the sessions' terminals that are there; they are kept until keep_lines()."""
        return terminals.read_all(names, self._lines)

    def keep_lines(self, names: Container[str]) -> None:
        """From now on only these terminals are kept, to be told from others by their names."""
        self._lines.keep(names)

    def glance(self, names: Iterable[str]) -> tuple[TerminalSample, ...]:
        """One look at each of the terminals that are there, whosever they are; which by its name it is, is not told."""
        return terminals.read_all(names)

    def is_unchanged(self, reading: TerminalSample) -> bool:
        """Whether a look at the terminal now would be equal to this one; cheaper than that look."""
        return terminals.is_unchanged(reading)

    def unread(self, name: str) -> int:
        """How many bytes were typed on a terminal that nothing has read yet."""
        return terminals.unread(name)

    def needs_enter(self, session: Session, name: str) -> bool:
        """Whether a key pressed on a terminal of the session is seen only when Enter is pressed, too."""
        return not activity.counts_keys(session) and terminals.takes_lines(name)

    def read_dev_tty(self) -> TerminalSample | None:
        """One look at /dev/tty, on a kernel that dates there what is read through it; else None."""
        return terminals.read_dev_tty()

    def pages_apart(self, session: Session, names: Collection[str]) -> bool:
        """Whether the program in the foreground of one of these terminals of the session reads through /dev/tty."""
        return processes.pages_apart(names, targets.pids(session))

    def read_line(self, session: Session, names: Collection[str]) -> ConnectionSample | None:
        """One look at the connection that carries these terminals; None where none does, or it cannot be told."""
        return activity.read_line(session, names, read_clock()) if session.origin is Origin.SSH else None

    def read_idle_usec(self, session: Session) -> int | None:
        """For how long a graphical session has been idle by its desktop's own word; None where nothing tells."""
        return self._logind.read_idle_usec(session.session_id) if session.session_id else None

    def read_locked_hint(self, session: Session) -> bool | None:
        """Whether a graphical session is locked by its desktop's own word; None where nothing tells."""
        return self._logind.read_locked_hint(session.session_id) if session.session_id else None

    def lock_obstacle(self, session: Session, names: Collection[str]) -> str:
        """Why a session that has these terminals cannot be locked; "" where it can."""
        if self._distrust.covers(session.uid):
            return "a process of its user's cannot be read"
        return lockability.obstacle(session, names, self.terminal_servers)

    def read_lock(self, session: Session) -> LockState | None:
        """What has become of the lock of a session; None where nothing is told yet, or nothing that can be read."""
        return lock_files.find_state(session.name, lock_files.DIRECTORY)

    def standing_lock(self, session: Session) -> LockOrder | None:
        """The order of the lock that holds a session or is about to, whoever ordered it; None where there is none."""
        return lock_files.find_standing(session, lock_files.DIRECTORY)

    def is_frozen(self, session: Session) -> bool:
        """Whether a lock has stopped what is attached to a session, and has not let it go on."""
        return lock_files.is_frozen(session.scope)

    def is_running(self, process: ProcessId) -> bool:
        """Whether exactly that process still runs."""
        return processes.is_alive(process)

    def read_work(self, session: Session, has_terminal: bool) -> ActivitySample | None:
        """What its connection and processes have done until now; None where that cannot be told."""
        return activity.read_work(session, has_terminal, read_clock().boot_usec)

    def other_ptys(self, names: Container[str]) -> list[str]:
        """The ptys on the host that are not among `names`."""
        return terminals.other_ptys(names)

    def targets(self, session: Session, names: Collection[str], *, whole: bool) -> Targets:
        """Who is on its terminals and channels, who carries its line, and if `whole` all that it holds."""
        return targets.find(session, names, self._strays(session), self.terminal_servers, whole=whole)

    def held_pids(self, session: Session) -> list[int]:
        """The pids of all that a session holds, in its scope and elsewhere."""
        return [*targets.pids(session), *(process.pid for process in self._strays(session))]

    def _strays(self, session: Session) -> list[ProcessId]:
        return strays.find(session, self.sessions(), self._finder.asides.values(), self._homes)

    def is_killed_at_once(self, session: Session) -> bool:
        """Whether all that a session's scope holds can be killed without a list of it."""
        return processes.can_be_killed_at_once(session.scope)

    def everything(self, session: Session) -> list[ProcessId]:
        """All that a session's scope holds, or where it has none what descends from its leader."""
        return targets.members(session)

    def busy_program(self, session: Session, names: Collection[str], patterns: Collection[str]) -> Program | None:
        """A program of such a name that runs in the session, or where that has no scope on its terminals."""
        pids = self.held_pids(session)
        if not session.scope:
            pids += [each.process.pid for each in processes.attached_to(names, pids, procfs.read_stat)]
        return programs.find(programs.candidates(pids, patterns), patterns)

    def freed(self, holding: Holding) -> Usage:
        """What those processes held that have ended since."""
        return targets.freed(holding)

    def read_membership(self, session: Session) -> Membership | None:
        """The groups of a session's user: those that its login recorded, or that its processes have.

        None where neither tells: there is no record, and no process of the user's yet. Asks no name service.
        """
        record = self._record(session)
        recorded = record.membership if record is not None else ()
        if record is not None and record.has_all_groups:
            return recorded
        held = processes.groups_of(session.key.pid, session.uid) if processes.is_alive(session.key) else ()
        return membership.make([*recorded, *((gid, "") for gid in held)]) if held else None

    def _record(self, session: Session) -> LoginRecord | None:
        """The record of a session's login, if there is one that can be read."""
        try:
            return self._records.read(session.key)
        except ReaperError:
            return None

    def ask_groups(self, names: Iterable[str], gids: Iterable[int], *, discard: bool = False) -> None:
        """Has the host's name services asked for the numbers of these groups, and the names of those. Does not wait.

        `discard`: drops the questions asked before.
        """
        self._name_service.ask(names, gids, discard=discard)

    def take_groups(self, patience_sec: float = 0.0) -> GroupsAnswer:
        """What name services have answered since the last call; waits so long for the rest."""
        return self._name_service.take(patience_sec)
