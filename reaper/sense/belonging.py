"""Finds the session that a process belongs to, also where the process is not in that session's scope.

tmux (3.4 and later) has the user's service manager put each pane into a scope below user@UID.service, and other
programs do the same for what they start; logind makes a session of its own, with its own scope, for a su(1) that is
called there. All of that still belongs to the login that started it. It is found in this order; None where no step
finds a session:

1. The nearest session leader among the ancestors. This comes first, as a session may be within another's scope: that of
   an sshd which somebody started by hand.
2. The session scope that the process is in: the tmux server has no parent in the session any more, but stays there.
3. The audit session (see procfs.read_login), if exactly one session's leader has the same: no user can change it.
4. The scope that an ancestor is in, for hosts on which no audit session is kept.
5. If run0(1) or `systemd-run --pty` started it: the session of the client that waits for it.

XDG_SESSION_ID in the environment proves nothing: a user can set it to anything.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Callable, NamedTuple

from reaper import procfs
from reaper.decide.session.model import ProcessId, Session, SessionKey
from reaper.procparse import Stat
from reaper.sense import processes, run0

# How many ancestors are looked at: more than nested shells ever have, and still fast.
MOST_ANCESTORS = 64
MOST_RUN0 = 8  # nested calls of run0


class NestedSession(NamedTuple):
    """A session of logind's that is part of another login: su, sudo or run0 was called there."""

    leader: ProcessId
    scope: str


class Homes:
    """Finds the session of a process. Keeps each leader's audit session to read it once: 3 us, with 1,000 sessions."""

    def __init__(self) -> None:
        self._logins: dict[SessionKey, int] = {}

    def of(
        self,
        pid: int,
        sessions: Collection[Session],
        list_clients: Callable[[], Sequence[run0.Client]] | None = None,
        most: int = MOST_RUN0,
    ) -> SessionKey | None:
        """Returns which of the sessions a process belongs to. Raises OSError where the process cannot be looked at.

        `list_clients` lists the clients of run0; pass a cached one where several processes are asked about.
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
        # There are several where logins get no audit session of their own, as in some containers.
        return found[0] if len(found) == 1 else None

    def _all(self, sessions: Collection[Session]) -> dict[SessionKey, int]:
        """Returns the audit sessions of those sessions that have one."""
        known = {session.key: self._logins.get(session.key) or _read_login(session) for session in sessions}
        self._logins = {key: login for key, login in known.items() if login is not None}
        return self._logins

    def login_of(self, session: Session, sessions: Iterable[Session]) -> int | None:
        """Returns the audit session that only this session has, even after its leader has ended; None without one."""
        login = self._logins.get(session.key) or _read_login(session)
        if login is None:
            return None
        logins = self._all({session.key: session, **{each.key: each for each in sessions}}.values())
        return login if list(logins.values()).count(login) == 1 else None


def _read_login(session: Session) -> int | None:
    """Returns the audit session of a session's leader; once that has ended, the only one that its scope still has."""
    if processes.is_alive(session.key):
        return procfs.read_login(session.key.pid)
    found = {procfs.read_login(pid) for pid in processes.member_pids(session.scope)}
    return found.pop() if len(found) == 1 else None


def ancestors(pid: int) -> Iterator[Stat]:
    """Yields a process and its ancestors, from the process upwards, without pid 1."""
    for _ in range(MOST_ANCESTORS):
        stat = procfs.read_stat(pid) if pid > 1 else None
        if stat is None:
            return
        yield stat
        pid = stat.ppid


def is_within_login(pid: int, most: int = MOST_RUN0) -> bool:
    """Returns whether a process was started within a login, even if that login is over by now."""
    if procfs.read_login(pid) is not None:
        return True
    own, line = processes.scope_of(pid), list(ancestors(pid))
    if any(scope not in ("", own) for scope in (processes.scope_of(stat.pid) for stat in line)):
        return True
    client = run0.find_client(line) if most else None
    return client is not None and (bool(processes.scope_of(client)) or is_within_login(client, most - 1))
