"""A session out of what a record, or logind, says of a login."""

from __future__ import annotations

import sys
from collections.abc import Collection

from reaper.decide.model import Session, SessionKey
from reaper.decide.policy import Origin
from reaper.sense import connections, processes, terminals
from reaper.sense.clock import read_clock
from reaper.sense.logind import LogindSession
from reaper.sense.records import Record

_GRAPHICAL = ("gdm", "lightdm", "sddm", "xdm", "lxdm", "greetd", "ly")


def from_record(record: Record) -> Session | None:
    """A session out of its record, or None where its leader is dead and nothing of it is left."""
    scope = processes.own_scope(record.key.pid if processes.is_alive(record.key) else 0, record.uid, record.session_id)
    tty = terminals.line_name(record.tty)
    session = Session(
        key=record.key,
        session_id=sys.intern(record.session_id),
        user=sys.intern(record.user),  # a thousand sessions are of few people, from few places
        login=sys.intern(record.login),
        uid=record.uid,
        service=sys.intern(record.service),
        origin=origin_of(record.service, tty, ""),
        remote=sys.intern(record.rhost),
        tty=tty,
        scope=scope,
        opened_usec=record.opened_usec,
        source="pam",
    )
    if processes.is_alive(session.key) or connections.remains(scope, record.key.pid, record.uid):
        return session
    return None


def from_logind(entry: LogindSession, servers: Collection[str]) -> Session | None:
    """A session out of logind's words, or None where nothing of it is left that a person could use.

    Such are sshd's processes, and terminal servers by these names.

    logind's leader is a bare pid, which may be another process's by now: one outside the session's scope is not it.
    """
    scope = processes.own_scope(entry.leader, entry.uid, entry.session_id)
    ticks = processes.start_ticks(entry.leader) if entry.leader > 0 else None
    if ticks is not None and scope and processes.scope_of(entry.leader) == scope:
        key = SessionKey(entry.leader, ticks)
    else:
        scope = processes.own_scope(0, entry.uid, entry.session_id)
        survivors = connections.remains(scope, entry.leader, entry.uid, (*connections.SSHD, *servers))
        if not survivors:
            return None
        key = SessionKey(*survivors[0])  # what carries the connection, now that its leader does not
    tty = terminals.line_name(entry.tty)
    return Session(
        key=key,
        session_id=sys.intern(entry.session_id),
        user=entry.user,  # logind has it by the uid
        login="",
        uid=entry.uid,
        service=entry.service,
        origin=origin_of(entry.service, tty, entry.kind),
        remote=entry.remote,
        tty=tty,
        scope=scope,
        opened_usec=max(0, read_clock().boot_usec - entry.age_usec),
        source="logind",
    )


def origin_of(service: str, tty: str, kind: str) -> Origin:
    """Where the person sits, by the PAM service, the line, and the kind of session that logind says it is."""
    if service == "sshd":
        return Origin.SSH
    if kind in ("x11", "wayland", "mir") or service.partition("-")[0] in _GRAPHICAL:
        return Origin.GRAPHICAL
    if terminals.is_console(tty):
        return Origin.CONSOLE
    if terminals.is_serial(tty):
        return Origin.SERIAL
    return Origin.OTHER
