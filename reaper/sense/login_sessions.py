"""A session out of what a record, or logind, says of a login."""

from __future__ import annotations

import sys
from collections.abc import Collection

from reaper.decide.policy.match import Origin
from reaper.decide.session.model import ProcessId, Session, SessionKey
from reaper.sense import belonging, connections, possession, processes, terminals
from reaper.sense.belonging import NestedSession
from reaper.sense.clock import read_clock
from reaper.sense.login_records import LoginRecord
from reaper.sense.logind import LogindSession

# The services that change who acts within a login (pam_hook/services.c) and make none. Where they are called outside of
# a session's scope, as in a pane of tmux, logind makes a session of each.
CHANGING = ("doas", "polkit-1", "runuser", "runuser-l", "su", "su-l", "sudo", "sudo-i", "systemd-run0")
PAM_TTY_OF_SSHD = "ssh"
"""OpenSSH sets PAM_TTY to it before there is a terminal, with a PAM service of any name (auth-pam.c)."""
_GRAPHICAL = ("gdm", "lightdm", "sddm", "xdm", "lxdm", "greetd", "ly")
_GRAPHICAL_KINDS = ("x11", "wayland", "mir")


def from_record(record: LoginRecord) -> Session | None:
    """A session out of its record, or None where its leader is dead and nothing of it is left."""
    is_alive = processes.is_alive(record.key)
    scope = processes.own_scope(record.key.pid if is_alive else 0, record.uid, record.session_id)
    claimed = terminals.line_name(record.tty)
    is_ssh = record.tty == PAM_TTY_OF_SSHD or connections.is_monitor(record.key.pid)
    session = Session(
        key=record.key,
        session_id=sys.intern(record.session_id),
        user=sys.intern(record.user),  # a thousand sessions are of few people, from few places
        login=sys.intern(record.login),
        uid=record.uid,
        service=sys.intern(record.service),
        origin=origin_of(record.service, _line_origin(claimed), record.kind, is_ssh=is_ssh),
        remote=sys.intern(record.rhost),
        tty=_own_line(record.key.pid, claimed, record.kind, is_held=record.holds_tty),
        scope=scope,
        opened_usec=record.opened_usec,
        source="pam",
    )
    if is_alive or connections.remains(scope, record.key.pid, record.uid, connections.sshd_names(session)):
        return session
    return None


def find_aside(entry: LogindSession) -> NestedSession | None:
    """What logind calls a session and is none, as it is part of a login; None for all others."""
    if entry.service not in CHANGING or entry.leader <= 0:
        return None
    scope = processes.own_scope(entry.leader, entry.uid, entry.session_id)
    ticks = processes.start_ticks(entry.leader)
    if ticks is None or not scope or processes.scope_of(entry.leader) != scope:
        return None
    return NestedSession(ProcessId(entry.leader, ticks), scope) if belonging.is_within_login(entry.leader) else None


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
        survivors = connections.remains(scope, entry.leader, entry.uid, servers=servers)
        if not survivors:
            return None
        key = SessionKey(*survivors[0])  # what carries the connection, now that its leader does not
    claimed = terminals.line_name(entry.tty)
    is_ssh = connections.is_monitor(key.pid)
    return Session(
        key=key,
        session_id=sys.intern(entry.session_id),
        user=entry.user,  # logind has it by the uid
        login="",
        uid=entry.uid,
        service=entry.service,
        origin=origin_of(entry.service, _line_origin(claimed), entry.kind, is_ssh=is_ssh),
        remote=entry.remote,
        tty=_own_line(key.pid, claimed, entry.kind, is_held=False),
        scope=scope,
        opened_usec=max(0, read_clock().boot_usec - entry.age_usec),
        source="logind",
    )


def _own_line(leader: int, claimed: str, kind: str, *, is_held: bool) -> str:
    """The line of a login: what it calls its terminal, if its leader had that when it was opened, or has it now.

    None of a graphical one, though its display server leaves the console in text mode for a moment.
    """
    if not claimed or (kind in _GRAPHICAL_KINDS and terminals.is_console(claimed)):
        return ""
    return claimed if is_held or (not terminals.is_pty(claimed) and possession.has_now(leader, claimed)) else ""


def _line_origin(name: str) -> Origin | None:
    """Where a person sits who has a terminal of that name; None for no terminal."""
    if not name:
        return None
    if terminals.is_console(name):
        return Origin.CONSOLE
    return Origin.OTHER if terminals.is_pty(name) else Origin.SERIAL


def origin_of(service: str, line: Origin | None, kind: str, *, is_ssh: bool) -> Origin:
    """Where the person sits, by the line, the PAM service, and the kind of session that PAM or logind says it is.

    `is_ssh`: sshd has let them in, whatever it calls its PAM service. A login by a display manager is a graphical one
    as long as it has no terminal: see TrackedSession.origin. A user can have PAM and logind say that their session is
    graphical; on a console that is no more than to start a display server there.
    """
    if is_ssh or service == "sshd":
        return Origin.SSH
    if line in (Origin.SERIAL, Origin.OTHER):
        return line
    if kind in _GRAPHICAL_KINDS or service.partition("-")[0] in _GRAPHICAL:
        return Origin.GRAPHICAL
    return line or Origin.OTHER
