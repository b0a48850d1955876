"""Which terminals a login has that no sshd carries: a console, a serial line, or a pty that a root's program serves.

A login says by PAM_TTY which terminal is its own, and that is a name and no more: a service with `PAMName=login` and
`TTYPath=/dev/tty9` may have nothing to do with tty9, and a getty wait there for another person. What counts is what the
leader has: the terminal is its controlling one, or that of a child of its (login(1) of util-linux gives its own up and
lets the shell take it), or its standard input.

And a user can make ptys. One is evidence of a person only if its master is held by a program that no user has to do
with: an ancestor of the leader, as telnetd, a web terminal or an access gateway is, that is root's with all that it
descends from, and is in no login session. So neither sudo or su (use_pty), which are root's and started by a user, nor
machinectl(1), which holds the master as its user, is believed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from reaper import procfs
from reaper.decide.policy.match import Origin
from reaper.decide.session.model import Session
from reaper.procparse import Stat
from reaper.sense import connections, processes, terminals
from reaper.sense.tty_drivers import pty_index

# More than one login has children of its leader's own: login(1) has one.
MOST_CHILDREN = 64
# From a leader up to pid 1 it is two or three.
MOST_ANCESTORS = 32
# A user can run more than one terminal server in a session.
MOST_SERVERS = 64


def terminal_names(session: Session, servers: Collection[str]) -> frozenset[str]:
    """The outer terminals of a session at this moment. `servers` are users' programs that serve terminals, by name.

    A graphical session has none: its person's keys go to the display server, and the times of the console that it was
    started on do not move. It has that console while it shows text.
    """
    is_alive = processes.is_alive(session.key)
    if session.tty and not terminals.is_pty(session.tty):
        is_own = is_alive and not line_obstacle(session)
        return frozenset([session.tty]) if is_own else frozenset()
    if session.origin is Origin.GRAPHICAL:
        return frozenset()
    held = _own_ptys(session) or served_ptys(session) if is_alive else ()
    if held:
        return frozenset(held)
    sshd = () if is_alive else connections.sshd_names(session)
    holders = connections.remains(session.scope, session.key.pid, session.uid, sshd, servers)
    ptys = [terminals.held_ptys(each.pid, connections.MOST_DESCRIPTORS) for each in holders[:MOST_SERVERS]]
    served = frozenset[str]().union(*ptys)
    return frozenset(name for name in served if terminals.read_owner(name) == session.uid)


def _own_ptys(session: Session) -> set[str]:
    """The ptys whose masters the leader holds; none where one is another user's, as it serves several then."""
    held = terminals.held_ptys(session.key.pid)
    return held if {terminals.read_owner(name) for name in held} <= {0, session.uid, None} else set()


def has_now(leader: int, name: str) -> bool:
    """Whether a leader has a terminal at this moment, or a child of its has."""
    number, path = terminals.device_number(name), f"{terminals.DEV}/{name}"
    return bool(number) and any(  # (0 is no terminal, and no device)
        each.tty_nr == number or procfs.read_link(each.pid, "fd/0") == path for each in _family(leader)
    )


def _family(leader: int) -> Iterator[Stat]:
    """The leader and its children."""
    try:
        children = procfs.read_children(leader)
    except OSError:  # a kernel that does not tell
        children = []
    stats = map(procfs.read_stat, [leader, *islice(children, MOST_CHILDREN)])
    yield from (stat for stat in stats if stat is not None)


def line_obstacle(session: Session) -> str:
    """Why the console or serial line that a session's login had is not believed to be its own now; "" where it is.

    Its user could give it up as a controlling terminal and go on reading there, so that is not asked again. But a line
    that was hung up goes to the next: login(1) makes it the user's, and getty(8) root's. A lock makes it root's, too;
    then, and where the session is root's own, its login must have it now.
    """
    name = session.tty
    owner = terminals.read_owner(name)
    if owner is None:
        return f"there is no {name} any more"
    if owner not in (session.uid, 0):
        return f"{name} does not belong to its user"
    if terminals.is_graphical(name):
        return f"{name} shows graphics"
    return "" if owner or has_now(session.key.pid, name) else f"no process of its login has {name}"


def served_ptys(session: Session) -> set[str]:
    """The ptys of a session that a root's program outside of it serves; none where that is not sure.

    One program can serve many: the session's are those that its login has. It can open the PAM sessions of many, too,
    and is then nothing to end one of them by.
    """
    wanted = _wanted_ptys(session)
    served = wanted & _ptys_of_servers(session) if wanted else set()
    return served if {terminals.read_owner(name) for name in served} <= {0, session.uid} else set()


def _wanted_ptys(session: Session) -> set[str]:
    """The ptys that a login had when it was opened, or that its leader or a child of that have now."""
    leaders = (each for each in _family(session.key.pid) if each.pid in (session.key.pid, each.session))
    indexes = (pty_index(each.tty_nr) for each in leaders)
    wanted = {f"pts/{index}" for index in indexes if index is not None}
    return {*wanted, session.tty} if session.tty else wanted


def _ptys_of_servers(session: Session) -> set[str]:
    """The ptys whose masters are held by what the leader descends from, as far as that can be believed."""
    found: list[int] = []
    pid = session.key.pid
    while pid > 1:
        if len(found) > MOST_ANCESTORS or set(procfs.read_uids(pid)) != {0}:
            return set()
        found.append(pid)
        pid = procfs.read_parent(pid) or 0
    if pid != 1:
        return set()
    servers = [pid for pid in found if not processes.scope_of(pid)]
    return set().union(*map(terminals.held_ptys, servers))


def obstacle(session: Session, claimed: str) -> str:
    """Why no terminal of a living session is known, in words that follow "its terminal is not known: ".

    `claimed` is what its login has called its terminal, "" for nothing.
    """
    if session.tty and not terminals.is_pty(session.tty):
        return line_obstacle(session)
    wanted = sorted(_wanted_ptys(session))
    if wanted:
        return (
            f"{wanted[0]} counts only where a program of root's that is in no login session serves it and began the"
            ' login, as a web terminal does (see "terminal" in reaper(7))'
        )
    return f"its login did not have {claimed} when it began" if claimed else ""
