"""Whom an end is about: who is on a session's terminals, who carries its line, and all that it holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reaper.decide.model import ProcessId, Session, Targets
from reaper.decide.policy import Origin
from reaper.sense import connections, processes, walk


def find(
    session: Session,
    names: Collection[str],
    pids: Sequence[int],
    strays: Sequence[ProcessId],
    servers: Collection[str],
    *,
    whole: bool,
) -> Targets:
    """Reads a bounded number of processes, and asks about every process of the host who is on the terminals `names`.

    `pids` are those of the session's scope, `strays` what it holds elsewhere; `servers` are the users' programs that
    are taken for terminals. All that it holds is listed only if `whole`.
    """
    reader = walk.Walk()
    holders = connections.connection_holders(session, servers)
    reader.processes(process.pid for process in holders)  # before a crowd has used the reader up
    attached = processes.attached_to(names, [*pids, *(each.pid for each in strays)], reader.stat)
    if session.origin is Origin.SSH:
        attached += connections.fed(session, pids, reader.stat)
    if not whole:
        return Targets(tuple(attached), tuple(holders), strays=tuple(strays))
    everything = tuple(dict.fromkeys([*reader.processes(pids), *strays]))
    named = {*holders, *everything, *(each.process for each in attached)}
    holding = reader.holding(named, pids, session.scope)
    return Targets(tuple(attached), tuple(holders), everything, tuple(strays), holding)
