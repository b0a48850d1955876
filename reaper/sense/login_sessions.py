"""Makes a session of a login record, or of what logind says of a login."""

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

# The services that change the user within a login (pam_hook/services.c) and are no login themselves. If they are called
# outside of a session's scope, as in a pane of tmux, logind makes a session for each.
CHANGING = ("doas", "polkit-1", "runuser", "runuser-l", "su", "su-l", "sudo", "sudo-i", "systemd-run0")
PAM_TTY_OF_SSHD = "ssh"
"""OpenSSH sets PAM_TTY to this before there is a terminal, whatever its PAM service is called (auth-pam.c)."""
_GRAPHICAL = ("gdm", "lightdm", "sddm", "xdm", "lxdm", "greetd", "ly")
_GRAPHICAL_KINDS = ("x11", "wayland", "mir")


def from_record(record: LoginRecord) -> Session | None:
    """Makes a session of its record; None where its leader has ended and nothing of the session is left."""
    is_alive = processes.is_alive(record.key)
    scope = processes.own_scope(record.key.pid if is_alive else 0, record.uid, record.session_id)
    claimed = terminals.line_name(record.tty)
    is_ssh = record.tty == PAM_TTY_OF_SSHD or connections.is_monitor(record.key.pid)
    session = Session(
        key=record.key,
        session_id=sys.intern(record.session_id),
        user=sys.intern(record.user),  # a thousand sessions share few users and few remote hosts
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


def find_nested(entry: LogindSession) -> NestedSession | None:
    """Returns a logind session that is part of a login, made by su, sudo or run0; None for all others."""
    if entry.service not in CHANGING or entry.leader <= 0:
        return None
    scope = processes.own_scope(entry.leader, entry.uid, entry.session_id)
    ticks = processes.start_ticks(entry.leader)
    if ticks is None or not scope or processes.scope_of(entry.leader) != scope:
        return None
    return NestedSession(ProcessId(entry.leader, ticks), scope) if belonging.is_within_login(entry.leader) else None


def from_logind(entry: LogindSession, servers: Collection[str]) -> Session | None:
    """Makes a session of what logind says; None where nothing of it is left that a person could use.

    What a person could still use are sshd's processes, and terminal servers named in `servers`.

    logind gives the leader as a bare pid, which may have been reused: a process outside the session's scope is not it.
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
        key = SessionKey(*survivors[0])  # the process that carries the connection after its leader has ended
    claimed = terminals.line_name(entry.tty)
    is_ssh = connections.is_monitor(key.pid)
    return Session(
        key=key,
        session_id=sys.intern(entry.session_id),
        user=entry.user,  # logind looks the name up by the uid
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
    """Returns the terminal that a login names, if its leader had it when the session was opened, or has it now.

    A graphical session has none, although its display server leaves the console in text mode for a moment.
    """
    if not claimed or (kind in _GRAPHICAL_KINDS and terminals.is_console(claimed)):
        return ""
    return claimed if is_held or (not terminals.is_pty(claimed) and possession.has_now(leader, claimed)) else ""


def _line_origin(name: str) -> Origin | None:
    """Returns the origin of a person whose terminal has that name; None for no terminal."""
    if not name:
        return None
    if terminals.is_console(name):
        return Origin.CONSOLE
    return Origin.OTHER if terminals.is_pty(name) else Origin.SERIAL


def origin_of(service: str, line: Origin | None, kind: str, *, is_ssh: bool) -> Origin:
    """Returns where the person sits, by terminal, PAM service, and the session type that PAM or logind reports.

    `is_ssh`: sshd has let the person in, whatever its PAM service is called. A login by a display manager is graphical
    as long as it has no terminal: see TrackedSession.origin. A user can make PAM and logind report a session as
    graphical; on a console that gains no more than starting a display server there would.
    """
    if is_ssh or service == "sshd":
        return Origin.SSH
    if line in (Origin.SERIAL, Origin.OTHER):
        return line
    if kind in _GRAPHICAL_KINDS or service.partition("-")[0] in _GRAPHICAL:
        return Origin.GRAPHICAL
    return line or Origin.OTHER
