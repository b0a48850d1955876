"""Which processes of a session would end with it, and which would survive, as they are at one moment.

decide/session/recipients.py decides which processes the steps of a termination signal, from the same Targets that the
daemon reads. Other processes may be hung up all the same: a shell sends SIGHUP on to its jobs, except disowned ones,
and a terminal whose master is closed hangs up the processes on it (sudo with use_pty, script(1)). Most programs end at
a hangup. Whether one does cannot be read, except that some ignore SIGHUP.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable
from typing import NamedTuple

from reaper import procfs
from reaper.decide.policy.limits import Kill
from reaper.decide.session import recipients
from reaper.decide.session.model import ProcessId, Session
from reaper.procparse import Stat
from reaper.sense import processes, terminals
from reaper.sense.host import Host

# Of these it is looked up who holds a terminal of a process; more than a person has open, and 20 ms of work.
MOST_HOLDERS = 512
MOST_DESCRIPTORS = 256
# Terminals within terminals: tmux within script within sudo.
MOST_NESTED = 8


class ProcessOutcome(enum.Enum):
    """What becomes of a process at the end of its session."""

    ENDS = "yes"
    SURVIVES = "no"
    HUNG_UP = "hangup"  # by its shell or its terminal
    UNKNOWN = "unknown"


class SessionProcess(NamedTuple):
    """A process of a session, and what becomes of it."""

    process: ProcessId
    outcome: ProcessOutcome


def find(host: Host, session: Session, names: Collection[str], kill: Kill | None) -> list[SessionProcess]:
    """Returns all that a session holds or that is on its terminals `names`, in the order of ProcessOutcome.

    `kill` is None if no policy says. May wait for processes of its user's: see in_time.py.
    """
    targets = host.targets(session, names, whole=True)
    if kill is Kill.SESSION and host.is_shared(session, host.held_pids(session)):
        kill = Kill.TERMINAL
    in_front = [each.process for each in targets.attached if each.in_front]
    behind = [each.process for each in targets.attached if not each.in_front]
    found = dict.fromkeys([*targets.connection, *in_front, *behind, *targets.everything])
    if kill is None:
        return [SessionProcess(process, ProcessOutcome.UNKNOWN) for process in found]
    ending = recipients.of_all_steps(targets, kill)
    known = dict.fromkeys(ending, ProcessOutcome.ENDS)
    left = [process for process in found if process not in ending]
    known.update({process: _at_hangup(process.pid) for process in left if process in behind})
    _add_detached(known, [process for process in left if process not in behind])
    order = list(ProcessOutcome)
    every = sorted(found, key=lambda process: order.index(known[process]))
    return [SessionProcess(process, known[process]) for process in every]


def _at_hangup(pid: int) -> ProcessOutcome:
    return ProcessOutcome.SURVIVES if processes.ignores_hangup(pid) else ProcessOutcome.HUNG_UP


def _add_detached(known: dict[ProcessId, ProcessOutcome], left: list[ProcessId]) -> None:
    """Adds what is neither signalled nor on a terminal of the session's: it survives, unless its own terminal goes."""
    stats = {process: procfs.read_stat(process.pid) for process in left}
    within = {process: stat for process, stat in stats.items() if stat is not None and stat.tty_nr}
    for process in left:
        if process not in within:
            known[process] = ProcessOutcome.UNKNOWN if _may_be_channel(stats[process]) else ProcessOutcome.SURVIVES
    holders = _holders([*known, *within], {stat.tty_nr for stat in within.values()}) if within else {}
    for _ in range(MOST_NESTED):
        for process, stat in list(within.items()):
            outcomes = {known.get(holder) for holder in holders.get(stat.tty_nr, ())}
            if outcomes and None not in outcomes:
                known[process] = _on_terminal_of(outcomes, process.pid)
                del within[process]
    known.update(dict.fromkeys(within, ProcessOutcome.UNKNOWN))


def _on_terminal_of(outcomes: Collection[ProcessOutcome | None], pid: int) -> ProcessOutcome:
    """What becomes of a process on a terminal that is served by processes of which these things become."""
    if ProcessOutcome.SURVIVES in outcomes:
        return ProcessOutcome.SURVIVES
    return ProcessOutcome.UNKNOWN if ProcessOutcome.UNKNOWN in outcomes else _at_hangup(pid)


def _may_be_channel(stat: Stat | None) -> bool:
    """Whether a process may be on a channel of the connection without a terminal, and that cannot be told.

    Who is not root may not see which program sshd's processes run, and so not what sshd started.
    """
    if stat is None:
        return True
    if procfs.read_program(stat.pid) is None:
        return True
    leader = procfs.read_stat(stat.session) if stat.session else None
    return leader is not None and leader.ppid > 1 and procfs.read_program(leader.ppid) is None


def _holders(candidates: Iterable[ProcessId], wanted: Collection[int]) -> dict[int, list[ProcessId]]:
    """The processes that serve each of these terminals, by its number (tty_nr): they hold its master."""
    found: dict[int, list[ProcessId]] = {}
    for process in list(candidates)[:MOST_HOLDERS]:
        for name in terminals.held_ptys(process.pid, MOST_DESCRIPTORS):
            number = terminals.device_number(name)
            if number is not None and number in wanted:
                found.setdefault(number, []).append(process)
    return found
