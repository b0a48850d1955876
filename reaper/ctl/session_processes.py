"""Reads the processes of a session: who would end with it, and what is in the foreground of its terminal.

The tool reads them itself, as the person who runs it may. The daemon says which session it is, and what its rule ends.
Every read ends in time, whatever the users of the processes do.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from reaper import procfs
from reaper.decide.policy.limits import Kill
from reaper.decide.policy.match import Origin
from reaper.decide.session.model import ProcessId, Session, SessionKey
from reaper.decide.text.duration import USEC_PER_SEC
from reaper.sense import process_details, processes, survivors, targets
from reaper.sense.clock import read_clock
from reaper.sense.host import Host
from reaper.sense.in_time import PatientReader
from reaper.sense.process_details import ProcessDetails
from reaper.sense.survivors import ProcessOutcome, SessionProcess

MOST_SHOWN = 40
MOST_IN_JSON = 4096
Answer = Mapping[str, Any]


class ShownProcess(NamedTuple):
    """A process of a session, and how long ago it began; None if nothing could be read of it."""

    pid: int
    since_usec: int | None
    outcome: ProcessOutcome
    details: ProcessDetails


class ShownProcesses(NamedTuple):
    """The first processes of a session, the oldest first, and what becomes of those that are left out."""

    shown: tuple[ShownProcess, ...]
    left_out: tuple[ProcessOutcome, ...] = ()


def read(explanation: Answer, sessions: Iterable[Answer], most: int = MOST_SHOWN) -> ShownProcesses | None:
    """Returns the processes of the session that io.reaper.Explain has answered about.

    `sessions` are all that io.reaper.List has shown to the same person. None if the processes were not read in time.
    """
    reader = PatientReader()
    shown, kill = explanation["session"], _kill(explanation)
    session = _session(shown, explanation.get("leader_ticks", 0), explanation["scope"])
    others = [each for each in sessions if each["session"] != shown["session"]]
    servers = tuple(explanation.get("terminal_servers", ()))
    host = Host()

    def find() -> list[SessionProcess]:
        _prepare(host, session, others, servers)
        return survivors.find(host, session, shown["terminals"], kill)

    found = reader.look(find)
    return _detailed([*found[0], *_unread(session, kill, reader.passed_over)], most) if found else None


def _detailed(found: Sequence[SessionProcess], most: int) -> ShownProcesses:
    details = process_details.read(each.process for each in found[:most])
    there = [each for each in found[:most] if each.process in details]  # the others have ended since
    there.sort(key=lambda each: (not each.process.start_ticks, each.process.start_ticks, each.process.pid))
    boot_usec = read_clock().boot_usec
    rows = (
        ShownProcess(each.process.pid, _age_usec(each.process, boot_usec), each.outcome, details[each.process])
        for each in there
    )
    return ShownProcesses(tuple(rows), tuple(each.outcome for each in found[most:]))


def _age_usec(process: ProcessId, boot_usec: int) -> int | None:
    if not process.start_ticks:
        return None
    return max(0, boot_usec - process.start_ticks * USEC_PER_SEC // procfs.CLOCK_TICKS_PER_SEC)


def _kill(explanation: Answer) -> Kill | None:
    """What the session's rule ends; None if no policy is in force, or the daemon is older than this tool."""
    kill = explanation.get("kill", "none")
    return None if kill == "none" else Kill(kill)


def _session(shown: Answer, start_ticks: int, scope: str) -> Session:
    """The session that an io.reaper.Session describes, as far as the reading of processes needs it."""
    key = SessionKey(shown["leader"], start_ticks)
    return Session(
        key=key,
        session_id="" if shown["session"] == str(key) else shown["session"],
        user=shown["user"],
        login=shown["login"],
        uid=shown["uid"],
        service=shown["service"],
        origin=Origin(shown["origin"]),
        remote=shown["remote"],
        tty="",
        scope=scope,
        opened_usec=0,
        source="",
    )


def _listed(shown: Answer) -> Session:
    """The same, of a session that io.reaper.List shows: its scope and its leader's start time are read."""
    ticks = processes.start_ticks(shown["leader"]) or 0
    return _session(shown, ticks, processes.own_scope(shown["leader"], shown["uid"], shown["session"]))


def _prepare(host: Host, session: Session, others: Iterable[Answer], servers: tuple[str, ...]) -> None:
    """Has a host know what the daemon's knows, so that it finds the same processes: sessions, and what is in them."""
    every = [session, *map(_listed, others)]
    host.sessions, host.terminal_servers = (lambda: every), servers
    host.discover({each.key for each in every}, [each.session_id for each in every if each.session_id])


def _unread(session: Session, kill: Kill | None, passed_over: Collection[int]) -> list[SessionProcess]:
    """The processes of the session's scope that cannot be read: what would be killed with all of the scope, ends."""
    outcome = ProcessOutcome.ENDS if kill is Kill.SESSION else ProcessOutcome.UNKNOWN
    unread = set(passed_over).intersection(processes.member_pids(session.scope))
    return [SessionProcess(ProcessId(pid, 0), outcome) for pid in sorted(unread)]


def read_commands(sessions: Iterable[Answer]) -> list[str | None]:
    """Returns the command in the foreground of each session's first terminal, in their order.

    An empty string if there is none, None if it could not be read, or not in time.
    """
    reader = PatientReader()
    in_front = [reader.look(functools.partial(_in_front, each)) for each in sessions]
    wanted = [process for found in in_front for process in found if process is not None]
    details = process_details.read(wanted, has_shares=False)
    return [_command(found, details) for found in in_front]


def _command(found: Sequence[ProcessId | None], details: Mapping[ProcessId, ProcessDetails]) -> str | None:
    if not found:
        return None
    process = found[0]
    if process is None or process not in details:
        return ""
    return details[process].command


def _in_front(shown: Answer) -> ProcessId | None:
    """The leader of the process group in the foreground of a session's first terminal, or another of the group."""
    held = targets.pids(_listed(shown))
    for group in processes.foreground_groups(shown["terminals"][:1], held):
        members = [pid for pid in held if procfs.read_process_group(pid) == group]
        for pid in sorted(members, key=lambda pid: (pid != group, pid)):
            ticks = processes.start_ticks(pid)
            if ticks is not None:
                return ProcessId(pid, ticks)
    return None
