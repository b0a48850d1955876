"""Which session a process belongs to, also where the scope that it is in is not that session's.

tmux (3.4 and later) has the user's service manager put each pane into a scope below user@UID.service, and so do other
programs for what they start; su(1) gets a session of logind's own there, with another scope. All of it still is what
one login has started. In this order, and None where nothing of it tells:

1. The nearest leader of a session among its ancestors. First, as a session may be within another's scope: that of an
   sshd that somebody started by hand.
2. The scope of a session that it is in: the server of tmux is nobody's child, and has stayed there.
3. The audit session (see procfs.read_login), where exactly one session's leader is of the same: no user can change it.
4. The scope that an ancestor is in, for where no audit session is kept.
5. Where run0(1) or `systemd-run --pty` had it started: what the client that waits for it belongs to.

XDG_SESSION_ID in the environment tells nothing: a user writes there what they like.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Callable, NamedTuple

from reaper import procfs
from reaper.decide.session.model import ProcessId, Session, SessionKey
from reaper.procparse import Stat
from reaper.sense import processes, run0

# How far up to look: deeper than shells in shells go, and soon done.
MOST_ANCESTORS = 64
MOST_RUN0 = 8  # run0 within run0


class NestedSession(NamedTuple):
    """What logind calls a session, and is none: su, sudo or run0 within a login."""

    leader: ProcessId
    scope: str


class Homes:
    """Tells the session of a process. Keeps each leader's audit session, to read it once: 3 us, with 1,000 sessions."""

    def __init__(self) -> None:
        self._logins: dict[SessionKey, int] = {}

    def of(
        self,
        pid: int,
        sessions: Collection[Session],
        list_clients: Callable[[], Sequence[run0.Client]] | None = None,
        most: int = MOST_RUN0,
    ) -> SessionKey | None:
        """Which of the sessions a process belongs to. Raises OSError where it cannot be looked at.

        `list_clients`: what tells the clients of run0, where more than one process is asked about.
        """
        list_clients = list_clients or functools.cache(run0.list_clients)
        leaders = {session.key for session in sessions}
        scopes = {session.scope: session.key for session in sessions if session.scope}
        line = list(ancestors(pid))
        for stat in line:
            key = SessionKey(stat.pid, stat.starttime)
            if key in leaders:
                return key
        home = scopes.get(processes.scope_of(pid)) or self._by_login(procfs.read_login(pid), sessions)
        for stat in line[1:]:
            home = home or scopes.get(processes.scope_of(stat.pid))
        client = run0.find_client(line, list_clients) if home is None and most else None
        return home if client is None else self.of(client, sessions, list_clients, most - 1)

    def _by_login(self, login: int | None, sessions: Collection[Session]) -> SessionKey | None:
        if login is None:
            return None
        found = [key for key, each in self._all(sessions).items() if each == login]
        # More than one where logins get no audit session of their own, as in some containers.
        return found[0] if len(found) == 1 else None

    def _all(self, sessions: Collection[Session]) -> dict[SessionKey, int]:
        """The audit sessions of these sessions, of those that have one."""
        told = {session.key: self._logins.get(session.key) or _read_login(session) for session in sessions}
        self._logins = {key: login for key, login in told.items() if login is not None}
        return self._logins

    def login_of(self, session: Session, sessions: Iterable[Session]) -> int | None:
        """The audit session that is this session's alone, also after its leader has ended; None where none is."""
        login = self._logins.get(session.key) or _read_login(session)
        if login is None:
            return None
        logins = self._all({session.key: session, **{each.key: each for each in sessions}}.values())
        return login if list(logins.values()).count(login) == 1 else None


def _read_login(session: Session) -> int | None:
    """The audit session of a session's leader, or of all in its scope where that has ended."""
    if processes.is_alive(session.key):
        return procfs.read_login(session.key.pid)
    found = {procfs.read_login(pid) for pid in processes.member_pids(session.scope)}
    return found.pop() if len(found) == 1 else None


def ancestors(pid: int) -> Iterator[Stat]:
    """A process and its ancestors, from it upwards, without pid 1."""
    for _ in range(MOST_ANCESTORS):
        stat = procfs.read_stat(pid) if pid > 1 else None
        if stat is None:
            return
        yield stat
        pid = stat.ppid


def is_within_login(pid: int, most: int = MOST_RUN0) -> bool:
    """Whether a process was started within a login, also one that is over by now."""
    if procfs.read_login(pid) is not None:
        return True
    own, line = processes.scope_of(pid), list(ancestors(pid))
    if any(scope not in ("", own) for scope in (processes.scope_of(stat.pid) for stat in line)):
        return True
    client = run0.find_client(line) if most else None
    return client is not None and (bool(processes.scope_of(client)) or is_within_login(client, most - 1))
