"""Everything that the daemon reads from the host, as the methods of one class.

Composes the other modules of this folder into the daemon's questions: which sessions and terminals exist, what they
show, whom a termination would reach. FakeHost (tests/unit/fakes.py) has the same methods and passes the same tests.
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
    shared_memory,
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
    """Reads this host, and caches nothing except what its parts keep so as not to read it again."""

    def __init__(
        self, records: LoginRecords | None = None, logind: Logind | None = None, elevations: Elevations | None = None
    ) -> None:
        self._records = records if records is not None else LoginRecords()
        self._logind = logind if logind is not None else Logind()
        self.terminal_servers: tuple[str, ...] = ()  # names of users' programs that are treated as terminals
        self.sessions: Callable[[], list[Session]] = list  # the sessions that the daemon knows
        self._homes = Homes()
        self._elevations = elevations if elevations is not None else Elevations(homes=self._homes)
        self._lines = TerminalHandles(terminals.DEV)
        self._finder = SessionFinder(self._records, self._logind)
        self._name_service = NameService()
        self._distrust, self._probe = Distrust(), Probe()

    def clock(self) -> Instant:
        """Returns the time now, on both clocks."""
        return read_clock()

    def worked_usec(self) -> int:
        """Returns how long the daemon has worked in all, including waits for the programs it runs."""
        return read_worked_usec()

    def local_time(self) -> LocalTime:
        """Returns the local time of day now."""
        return read_local_time()

    def local_moment(self, wall_ns: int) -> LocalMoment:
        """Returns the local date and time at a moment of the wall clock."""
        return read_local_moment(wall_ns)

    def boot_id(self) -> str:
        """Returns this boot's id (random(4))."""
        return (kernel_text.read(f"{procfs.PROC}/sys/kernel/random/boot_id") or b"").strip().decode("ascii")

    def read_state(self, path: str = "/run/reaper/state") -> str:
        """Returns what the previous daemon saved; empty where there is no file that only root can have written."""
        return saved_state.read(path)

    @property
    def distrusted(self) -> tuple[Stuck, ...]:
        """The users whose processes are not read, and those of whom that is over."""
        return self._distrust.known

    def distrust(self, known: Iterable[Stuck]) -> None:
        """Stops reading the processes of these users, except those of root's."""
        self._distrust.take(known)
        self._distrust.install()

    def blame(self, path: str) -> Stuck | None:
        """Returns which process keeps a file of /proc from being read; None where none does."""
        return blame(path, read_clock().boot_usec)

    def probe(self, now_usec: int) -> Stuck | None:
        """Returns an entry whose processes can be read again; None where none is known. Does not wait."""
        return self._probe.look(self._distrust.active, now_usec)

    def monitor(self) -> Logind:
        """Returns what becomes readable when logind reports a change."""
        return self._logind

    def discover(self, known: Container[SessionKey], known_ids: Iterable[str]) -> Discovery:
        """Returns the sessions that are not among `known`; each problem is reported once."""
        return self._finder.find(known, known_ids, self.terminal_servers)

    def home_of(self, pid: int) -> SessionKey | None:
        """Returns which of the daemon's sessions a process belongs to; None where none, or where that is unknown."""
        try:
            return self._homes.of(pid, self.sessions())
        except OSError:
            return None

    def is_alive(self, session: Session) -> bool:
        """Returns whether the session's leader runs, or, if it died without closing its PAM session, what it left.

        A closed session has no record any more; a server of the user's that still runs in its scope is no session. A
        terminal server is: the person types on, although the connection that they logged in by is closed.
        """
        if processes.is_alive(session.key) or self._remains(session, (), self.terminal_servers):
            return True
        unclosed = session.source == "logind" or self._records.exists(session.key)
        return unclosed and bool(self._remains(session, connections.sshd_names(session)))

    def elevated(self, sessions: Iterable[Session], now_usec: int, *, has_new_sessions: bool) -> Elevated:
        """Returns the sessions in which root acts; `has_new_sessions` if sessions were added since the last look."""
        return self._elevations.look(sessions, now_usec, has_new_sessions=has_new_sessions)

    def terminal_names(self, session: Session) -> frozenset[str]:
        """Returns the session's outer terminals at this moment."""
        return possession.terminal_names(session, self.terminal_servers)

    def terminal_obstacle(self, session: Session) -> str:
        """Returns why no terminal of a session is known though its login names one; empty where it names none."""
        if session.origin is Origin.GRAPHICAL or not processes.is_alive(session.key):
            return ""
        record = self._record(session)
        return possession.obstacle(session, terminals.line_name(record.tty) if record is not None else "")

    @staticmethod
    def _remains(session: Session, sshd: Collection[str], servers: Collection[str] = ()) -> list[ProcessId]:
        return connections.remains(session.scope, session.key.pid, session.uid, sshd, servers)

    def is_shared(self, session: Session, held: Iterable[int]) -> bool:
        """Returns whether another login's connection is among the pids `held`, by an sshd started in the session."""
        return any(pid != session.key.pid and connections.is_another_login(pid) for pid in held)

    def read_terminals(self, names: Iterable[str]) -> tuple[TerminalSample, ...]:
        """Returns a sample of each terminal that exists; these terminals are kept open until keep_lines()."""
        return terminals.read_all(names, self._lines)

    def keep_lines(self, names: Container[str]) -> None:
        """Keeps only these terminals open, which tells them from later ones of the same names."""
        self._lines.keep(names)

    def glance(self, names: Iterable[str]) -> tuple[TerminalSample, ...]:
        """Returns a sample of each terminal that exists, whoever has it, without keeping it open."""
        return terminals.read_all(names)

    def is_unchanged(self, reading: TerminalSample) -> bool:
        """Returns whether a new sample of the terminal would equal this one; cheaper than taking it."""
        return terminals.is_unchanged(reading)

    def unread(self, name: str) -> int:
        """Returns how many bytes were typed on a terminal and not read yet."""
        return terminals.unread(name)

    def needs_enter(self, session: Session, name: str) -> bool:
        """Returns whether a key pressed on a terminal of the session is noticed only once Enter is pressed."""
        return not activity.counts_keys(session) and terminals.takes_lines(name)

    def read_dev_tty(self) -> TerminalSample | None:
        """Returns a sample of /dev/tty, on kernels that date there what is read through it; else None."""
        return terminals.read_dev_tty()

    def pages_apart(self, session: Session, names: Collection[str]) -> bool:
        """Returns whether a foreground program on one of these terminals of the session reads through /dev/tty."""
        return processes.pages_apart(names, targets.pids(session))

    def read_line(self, session: Session, names: Collection[str]) -> ConnectionSample | None:
        """Returns a sample of the ssh connection that carries these terminals; None where there is none to read."""
        return activity.read_line(session, names, read_clock()) if session.origin is Origin.SSH else None

    def read_idle_usec(self, session: Session) -> int | None:
        """Returns how long a graphical session has been idle according to its desktop; None where that is unknown."""
        return self._logind.read_idle_usec(session.session_id) if session.session_id else None

    def read_locked_hint(self, session: Session) -> bool | None:
        """Returns whether a graphical session is locked according to its desktop; None where that is unknown."""
        return self._logind.read_locked_hint(session.session_id) if session.session_id else None

    def lock_obstacle(self, session: Session, names: Collection[str]) -> str:
        """Returns why a session that has these terminals cannot be locked; empty if it can."""
        if self._distrust.covers(session.uid):
            return "a process of its user's cannot be read"
        return lockability.obstacle(session, names, self.terminal_servers)

    def read_lock(self, session: Session) -> LockState | None:
        """Returns the state of a session's lock; None where there is none, or none that can be read."""
        return lock_files.find_state(session.name, lock_files.DIRECTORY)

    def standing_lock(self, session: Session) -> LockOrder | None:
        """Returns the order of the lock that holds a session or is about to, whoever gave it; None without one."""
        return lock_files.find_standing(session, lock_files.DIRECTORY)

    def is_frozen(self, session: Session) -> bool:
        """Returns whether a lock has frozen processes of a session and not unfrozen them."""
        return lock_files.is_frozen(session.scope)

    def is_running(self, process: ProcessId) -> bool:
        """Returns whether exactly that process still runs."""
        return processes.is_alive(process)

    def read_work(self, session: Session, has_terminal: bool) -> ActivitySample | None:
        """Returns what its connection and processes have done until now; None where that is unknown."""
        return activity.read_work(session, has_terminal, read_clock().boot_usec)

    def other_ptys(self, names: Container[str]) -> list[str]:
        """Returns the ptys on the host that are not among `names`."""
        return terminals.other_ptys(names)

    def targets(self, session: Session, names: Collection[str], *, whole: bool) -> Targets:
        """Returns the processes on its terminals and channels and of its connection; if `whole`, all it holds."""
        return targets.find(session, names, self._strays(session), self.terminal_servers, whole=whole)

    def weigh(self, holding: Holding) -> Holding:
        """Returns the same with shared memory counted in shares, as far as that can be read in a tenth of a second."""
        return shared_memory.weigh(holding)

    def held_pids(self, session: Session) -> list[int]:
        """Returns the pids of all processes of a session, in its scope and elsewhere."""
        return [*targets.pids(session), *(process.pid for process in self._strays(session))]

    def _strays(self, session: Session) -> list[ProcessId]:
        return strays.find(session, self.sessions(), self._finder.nested.values(), self._homes)

    def is_killed_at_once(self, session: Session) -> bool:
        """Returns whether the kernel can kill all of a session's scope without a list of its processes."""
        return processes.can_be_killed_at_once(session.scope)

    def everything(self, session: Session) -> list[ProcessId]:
        """Returns all processes in a session's scope; without a scope, its leader's descendants."""
        return targets.members(session)

    def busy_program(self, session: Session, names: Collection[str], patterns: Collection[str]) -> Program | None:
        """Returns a program of such a name that runs in the session; without a scope, also on its terminals."""
        pids = self.held_pids(session)
        if not session.scope:
            pids += [each.process.pid for each in processes.attached_to(names, pids, procfs.read_stat)]
        return programs.find(programs.candidates(pids, patterns), patterns)

    def freed(self, holding: Holding) -> Usage:
        """Returns the memory and CPU time of those processes that have ended since."""
        return targets.freed(holding)

    def read_membership(self, session: Session) -> Membership | None:
        """Returns the groups of a session's user, as its login recorded them or as its processes have them.

        None if there is neither a record nor a process of the user's yet. Asks no name service.
        """
        record = self._record(session)
        recorded = record.membership if record is not None else ()
        if record is not None and record.has_all_groups:
            return recorded
        held = processes.groups_of(session.key.pid, session.uid) if processes.is_alive(session.key) else ()
        return membership.make([*recorded, *((gid, "") for gid in held)]) if held else None

    def _record(self, session: Session) -> LoginRecord | None:
        """Returns the record of a session's login, if one can be read."""
        try:
            return self._records.read(session.key)
        except ReaperError:
            return None

    def ask_groups(self, names: Iterable[str], gids: Iterable[int], *, discard: bool = False) -> None:
        """Asks name services for the numbers of groups by name and the names by number. Does not wait.

        `discard`: drops the questions asked before.
        """
        self._name_service.ask(names, gids, discard=discard)

    def take_groups(self, patience_sec: float = 0.0) -> GroupsAnswer:
        """Returns what name services have answered since the last call; waits up to `patience_sec` for the rest."""
        return self._name_service.take(patience_sec)
