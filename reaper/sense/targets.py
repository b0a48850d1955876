"""The processes that ending a session concerns: those on its terminals, of its connection, and all that it holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reaper.decide.policy.match import Origin
from reaper.decide.session.model import Holding, ProcessId, Session, Targets, Usage
from reaper.sense import connections, processes, walk


def find(
    session: Session,
    names: Collection[str],
    strays: Sequence[ProcessId],
    servers: Collection[str],
    *,
    whole: bool,
) -> Targets:
    """Returns them. Reads a bounded number of processes, and asks the kernel session of every process of the host.

    `names` are the session's terminals, `strays` its processes outside of its scope, `servers` the names of users'
    programs that are treated as terminals. Everything that the session holds is listed only if `whole`.
    """
    reader, held = walk.Walk(), pids(session)
    holders = connections.connection_holders(session, servers)
    reader.processes(process.pid for process in holders)  # before a crowd has used the reader up
    attached = processes.attached_to(names, [*held, *(each.pid for each in strays)], reader.stat)
    if session.origin is Origin.SSH:
        attached += connections.on_channels(session, held, reader.stat)
    if not whole:
        return Targets(tuple(attached), tuple(holders), strays=tuple(strays))
    everything = tuple(dict.fromkeys([*reader.processes(held), *strays]))
    named = {*holders, *everything, *(each.process for each in attached)}
    holding = reader.holding(named, held, session.scope)
    return Targets(tuple(attached), tuple(holders), everything, tuple(strays), holding)


def pids(session: Session) -> list[int]:
    """Returns the pids of all processes in a session's scope; without a scope, of its leader's descendants."""
    if session.scope:
        return processes.member_pids(session.scope)
    return [process.pid for process in processes.descendants(ProcessId(*session.key))]


def members(session: Session) -> list[ProcessId]:
    """Returns the same processes with their start times, which tell them from later processes of the same pid."""
    return processes.members(session.scope) if session.scope else processes.descendants(ProcessId(*session.key))


def freed(holding: Holding) -> Usage:
    """Returns the memory and CPU time of those processes that have ended since."""
    ended = [usage for process, usage in holding.each if processes.has_ended(process)]
    if not processes.member_pids(holding.scope):
        ended.append(holding.others)
    return Usage(*map(sum, zip(*ended))) if ended else Usage(0, 0, 0)
