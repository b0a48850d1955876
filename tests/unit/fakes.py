"""FakeHost, FakeActor and FakeJournal: the daemon's surroundings without a host, under a clock that the test advances.

They pass the same contract tests as the real ones (sense/test_host.py, act/test_actor.py,
act/test_journal.py), so what the daemon does with them it does with a host.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Container, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Callable

from reaper.act.terminal_output import Delivery
from reaper.decide.output.events import Event, Priority
from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.limits import Kill, Limits
from reaper.decide.policy.match import Origin
from reaper.decide.policy.rules import Policy
from reaper.decide.session.model import (
    ActivitySample,
    AttachedProcess,
    ConnectionSample,
    Holding,
    Instant,
    ProcessId,
    Program,
    Session,
    SessionKey,
    Targets,
    TerminalSample,
    Traffic,
    Usage,
)
from reaper.decide.session.state import TerminationStep
from reaper.errors import ReaperError
from reaper.sense.discovery import Discovery
from tests.unit.grouped import FakeGroups
from tests.unit.locked import FakeLocker, FakeLocks
from tests.unit.logins import CONT, HUP, KILL, TERM, FakeLogin, FakeProcess
from tests.unit.simulated import SECOND, FakeTty
from tests.unit.surroundings import FakeSurroundings


def refuse_as_path(name: str) -> None:
    """Raises what stat(2) raises for a name that no file can have."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.lstat(f"{name}/none")


def make_session(pid: int = 100, **fields: object) -> Session:
    """Returns a session of Alice's over ssh, whose leader is `pid`."""
    session = Session(
        key=SessionKey(pid, 7 * pid),
        session_id=str(pid),
        user="alice",
        login="",
        uid=1000,
        service="sshd",
        origin=Origin.SSH,
        remote="192.0.2.7",
        tty="",
        scope=f"/user.slice/user-1000.slice/session-{pid}.scope",
        opened_usec=1000 * SECOND,
        source="pam",
    )
    return replace(session, **fields)  # type: ignore[arg-type]


def make_limits(**fields: object) -> Limits:
    """Returns short limits: idle 60 s, warnings 20 s and 10 s before the end, 5 s of grace."""
    limits = replace(
        BUILT_IN.environments["standard"],
        idle_usec=60 * SECOND,
        warn_usec=(20 * SECOND, 10 * SECOND),
        grace_usec=5 * SECOND,
    )
    return replace(limits, **fields)  # type: ignore[arg-type]


def make_policy(limits: Limits | None = None, **fields: object) -> Policy:
    """Returns a policy with these limits in its environment `standard`, and a poll of 5 s."""
    environments = {**BUILT_IN.environments, "standard": limits if limits is not None else make_limits()}
    return replace(BUILT_IN, environments=environments, poll_usec=5 * SECOND, **fields)  # type: ignore[arg-type]


class FakeHost(FakeSurroundings, FakeLocks, FakeGroups):
    """A host with as many logins as a test makes."""

    def __init__(self) -> None:
        FakeSurroundings.__init__(self)
        FakeLocks.__init__(self)
        FakeGroups.__init__(self)
        self.logins: dict[SessionKey, FakeLogin] = {}
        self.strangers: dict[str, FakeTty] = {}  # inner ptys: tmux's, screen's
        self.graphical: set[str] = set()  # consoles that a display server has taken over
        self.dead_records: list[SessionKey] = []
        self.problems: list[ReaperError] = []
        self.trouble: dict[str, Exception] = {}  # what a look at a terminal, or at a user's groups, raises
        self.state = ""
        self.looks = 0
        self.terminal_servers: tuple[str, ...] = ()
        self.hidden: set[str] = set()  # terminals that the host does not let be found
        self.dev_tty: FakeTty | None = None  # on a kernel that dates apart what is read through it
        self.searches = 0
        self.sessions: Callable[[], list[Session]] = list  # those that the daemon knows
        self.kept: set[str] = set()  # terminals that can be told from others by their names

    # What a test does to the host.

    def login(self, pid: int = 100, *terminals: str, **fields: object) -> FakeLogin:
        """Logs a user in at this moment."""
        session = make_session(pid, **{"opened_usec": self.time.boot_usec, **fields})
        leader = FakeProcess(ProcessId(*session.key), ends_on=frozenset([TERM, KILL]))
        login = FakeLogin(session, leader)
        self.groups.setdefault(session.user, frozenset())
        self.logins[session.key] = login
        for number, name in enumerate(terminals):
            login.ttys[name] = FakeTty(name, self.time, session.uid)
            login.processes.append(FakeProcess(ProcessId(pid + 1 + number, 7 * pid + 1), tty=name))
        return login

    def start(self, login: FakeLogin, program: str, tty: str = "pts/1") -> FakeProcess:
        """Starts a program in a session."""
        process = FakeProcess(ProcessId(9000 + len(login.processes), 8), tty=tty, program=program)
        login.processes.append(process)
        return process

    def leave(self, login: FakeLogin) -> None:
        """Logs the user out."""
        for process in login.everything:
            process.is_alive = False
        login.ttys.clear()
        login.has_record = False

    @property
    def ttys(self) -> dict[str, FakeTty]:
        found = dict(self.strangers)
        for login in self.logins.values():
            found.update(login.ttys)
        return found

    # What the daemon asks of the host: the methods of sense.host.Host.

    def clock(self) -> Instant:
        return self.time.now()

    def boot_id(self) -> str:
        return "b00t"

    def read_state(self, path: str = "") -> str:
        return self.state

    def discover(self, known: Container[SessionKey], known_ids: Iterable[str]) -> Discovery:
        sessions = [
            login.session for key, login in self.logins.items() if key not in known and self.is_alive(login.session)
        ]
        problems, self.problems = self.problems, []
        return Discovery(sessions, self.dead_records, problems)

    def home_of(self, pid: int) -> SessionKey | None:
        known = {session.key for session in self.sessions()}
        of_pid = (key for key, login in self.logins.items() if any(each.id.pid == pid for each in login.everything))
        return next((key for key in of_pid if key in known), None)

    def is_alive(self, session: Session) -> bool:
        login = self.logins.get(session.key)
        if login is None:
            return False
        unclosed = session.source == "logind" or login.has_record
        return login.leader.is_alive or (unclosed and any(each.is_alive for each in login.survivors))

    def terminal_names(self, session: Session) -> frozenset[str]:
        login = self.logins.get(session.key)
        is_desktop = session.origin is Origin.GRAPHICAL and not session.tty
        if login is None or not self.is_alive(session) or is_desktop:
            return frozenset()
        if session.tty and not login.leader.is_alive:
            return frozenset()
        return frozenset(login.ttys) - self.graphical - self.hidden

    def terminal_obstacle(self, session: Session) -> str:
        return ""

    def is_unchanged(self, reading: TerminalSample) -> bool:
        if reading.is_fresh or reading.is_ahead or reading.name in self.trouble:
            return False
        tty = self.ttys.get(reading.name)
        return tty is not None and tty.read()._replace(line=reading.line) == reading

    def keep_lines(self, names: Container[str]) -> None:
        self.kept = {name for name in self.kept if name in names}

    def glance(self, names: Iterable[str]) -> tuple[TerminalSample, ...]:
        ttys = self.ttys
        return tuple(ttys[name].read()._replace(line=0) for name in sorted(names) if name in ttys)

    def unread(self, name: str) -> int:
        tty = self.ttys.get(name)
        return tty.unread if tty else 0

    def needs_enter(self, session: Session, name: str) -> bool:
        login, tty = self.logins.get(session.key), self.ttys.get(name)
        is_counted = session.origin is Origin.SSH and login is not None and login.leader.is_alive
        return not is_counted and (tty is None or tty.takes_lines)

    def read_dev_tty(self) -> TerminalSample | None:
        return self.dev_tty.read() if self.dev_tty else None

    def pages_apart(self, session: Session, names: Collection[str]) -> bool:
        return any(process.pages_apart and process.in_front for process in self.logins[session.key].processes)

    def is_shared(self, session: Session, held: Iterable[int]) -> bool:
        return self.logins[session.key].is_shared

    def read_line(self, session: Session, names: Iterable[str]) -> ConnectionSample | None:
        login = self.logins[session.key]
        if login.typed is None:
            return login.line
        wall_ns = self.time.now().wall_ns
        traffic = Traffic(501, 4711, login.typed, 0, login.heard_usec, is_settled=not login.is_moving)
        return ConnectionSample(self.time.boot_usec, wall_ns, traffic, wall_ns, wall_ns, 0, 0)

    def read_idle_usec(self, session: Session) -> int | None:
        return self.logins[session.key].idle_usec

    def read_work(self, session: Session, has_terminal: bool) -> ActivitySample | None:
        login = self.logins[session.key]
        if not self.is_alive(session) or (not has_terminal and login.ttys):
            return None
        return login.work._replace(boot_usec=self.time.boot_usec)

    def read_terminals(self, names: Iterable[str]) -> tuple[TerminalSample, ...]:
        self.looks += 1
        names = sorted(names)
        self.kept.update(names)
        for name in names:
            refuse_as_path(name)
            if name in self.trouble:
                raise self.trouble[name]
        ttys = self.ttys
        return tuple(ttys[name].read() for name in names if name in ttys)

    def other_ptys(self, names: Container[str]) -> list[str]:
        return [name for name in self.ttys if name.startswith("pts/") and name not in names]

    def weigh(self, holding: Holding) -> Holding:
        return holding

    def targets(self, session: Session, names: Collection[str], *, whole: bool) -> Targets:
        login = self.logins.get(session.key)
        if login is None:
            return Targets((), ())
        self.work(login.effort_usec)
        on = [process for other in self.logins.values() for process in other.everything if process.tty in set(names)]
        line = [process for process in (login.leader, *login.survivors) if process.is_alive]
        attached = tuple(AttachedProcess(process.id, process.in_front) for process in on if process.tty)
        connection = tuple(process.id for process in line)
        strays = tuple(process.id for process in login.everything if process.is_stray)
        everything = tuple(process.id for process in login.everything) if whole else ()
        named = {*everything, *connection, *(each.process for each in attached)} if whole else ()
        holding = Holding(tuple((each, self._usage(each)) for each in named))
        return Targets(attached, connection, everything, strays, holding)

    def everything(self, session: Session) -> list[ProcessId]:
        login = self.logins.get(session.key)
        return [process.id for process in login.everything if not process.is_stray] if login else []

    def held_pids(self, session: Session) -> list[int]:
        login = self.logins.get(session.key)
        return [process.id.pid for process in login.everything] if login else []

    def busy_program(self, session: Session, names: Collection[str], patterns: Collection[str]) -> Program | None:
        self.searches += 1
        login = self.logins.get(session.key)
        running = [Program(each.program, each.id.pid) for each in (login.everything if login else [])]
        return next((each for each in running if any(fnmatchcase(each.name, pattern) for pattern in patterns)), None)

    def _usage(self, wanted: ProcessId) -> Usage:
        process = self.process(wanted)
        return process.usage if process else Usage(0, 0, 0)

    def is_running(self, process: ProcessId) -> bool:
        return process in self.running or self.process(process) is not None

    def process(self, wanted: ProcessId) -> FakeProcess | None:
        """Returns the process with that pid and start time, if it runs."""
        for login in self.logins.values():
            for process in login.everything:
                if process.id == wanted:
                    return process
        return None

    def freed(self, holding: Holding) -> Usage:
        ended = [usage for process, usage in holding.each if self.process(process) is None]
        return Usage(*map(sum, zip(*ended))) if ended else Usage(0, 0, 0)


class FakeActor(FakeLocker):
    """Acts on a FakeHost, and keeps a list of each kind of act."""

    def __init__(self, host: FakeHost) -> None:
        super().__init__(host)
        self._host = host
        self.escalations: list[tuple[TerminationStep, Kill, str]] = []
        self.removed: list[SessionKey] = []
        self.removed_marks: list[ProcessId] = []
        self.states: list[tuple[str, int]] = []  # each with how many rungs had been escalated by then
        self.state_trouble: OSError | None = None
        self.dropped: list[tuple[str, int, int]] = []  # whose tickets, and how many rungs had been escalated by then
        self.ticket_trouble: list[str] = []
        self.is_kill_refused = False  # cgroup.kill cannot be written, though it seemed so

    def write_message(self, terminal: str, text: str, uid: int) -> Delivery:
        tty = self._host.ttys.get(terminal)
        if tty is None or tty.uid != uid:
            return Delivery.GONE
        if tty.is_refused or tty.is_blocked:
            return Delivery.REFUSED if tty.is_refused else Delivery.BLOCKED
        tty.shown.append(text)
        for login in self._host.logins.values():
            if terminal in login.ttys:  # it crosses the connection, with a carriage return before each line feed
                crossing = len(text.encode()) + text.count("\n")
                login.work = login.work._replace(printed=login.work.printed + crossing)
        return Delivery.DELIVERED

    def drop_tickets(self, user: str, uid: int) -> list[str]:
        self.dropped.append((user, uid, len(self.escalations)))
        return self.ticket_trouble

    def escalate(self, targets: Targets, step: TerminationStep, kill: Kill, scope: str) -> bool:
        self.escalations.append((step, kill, scope))
        is_all = True
        attached = [each.process for each in targets.attached]
        in_front = [each.process for each in targets.attached if each.in_front]
        if step is TerminationStep.HANGUP:
            self._send(in_front, HUP, CONT)
        elif step is TerminationStep.TERM:
            self._send(targets.everything if kill is Kill.SESSION else targets.connection[:1], TERM, CONT)
            self._send(in_front, HUP, CONT)
        elif kill is Kill.SESSION:
            is_all = self._host.kills_at_once and not self.is_kill_refused and bool(scope)
            logins = self._host.logins.values() if is_all else ()
            held = [each for login in logins if login.session.scope == scope for each in login.everything]
            killed = [each.id for each in held if not each.is_stray] or targets.everything
            self._send([*killed, *targets.connection, *attached, *targets.strays], KILL)
        else:
            self._send([*targets.connection, *in_front], KILL)
        return is_all

    def _send(self, processes: Iterable[ProcessId], *numbers: signal.Signals) -> None:
        for wanted in processes:
            for number in numbers:
                process = self._host.process(wanted)
                if process is not None:
                    process.take(number)

    def remove_record(self, key: SessionKey) -> None:
        self.removed.append(key)

    def remove_mark(self, process: ProcessId) -> None:
        self.removed_marks.append(process)

    def write_state(self, lines: Iterable[str]) -> None:
        if self.state_trouble is not None:
            raise self.state_trouble
        text = "".join(lines)
        self.states.append((text, len(self.escalations)))
        self._host.state = text


class FakeJournal:
    """Keeps every event and note."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.notes: list[tuple[Priority, str]] = []
        self.lost = self.lost_notes = 0

    @property
    def waiting(self) -> int:
        return 0

    def send(self, event: Event) -> None:
        self.events.append(event)

    def note(self, priority: Priority, message: str) -> None:
        self.notes.append((priority, message))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass
