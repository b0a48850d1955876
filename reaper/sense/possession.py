"""The terminals of a login that sshd does not carry: a console, a serial line, or a pty that a root program serves.

A login names its terminal in PAM_TTY, but that is only a name: a service with `PAMName=login` and `TTYPath=/dev/tty9`
may have nothing to do with tty9, where a getty may be waiting for another person. What counts is what the leader has:
the terminal is its controlling one, or that of one of its children (login(1) of util-linux gives its own up and lets
the shell take it), or its standard input.

A user can also make ptys. One is evidence of a person only if its master is held by a program that no user controls: an
ancestor of the leader, as telnetd, a web terminal or an access gateway is, which runs as root, as all of its own
ancestors do, and is in no login session. So neither sudo or su (use_pty), which run as root but were started by a user,
nor machinectl(1), which holds the master as its user, is believed.
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

# The leader of a login has fewer children: login(1) has one.
MOST_CHILDREN = 64
# There are two or three from a leader up to pid 1.
MOST_ANCESTORS = 32
# A user can run more than one terminal server in a session.
MOST_SERVERS = 64


def terminal_names(session: Session, servers: Collection[str]) -> frozenset[str]:
    """Returns the outer terminals of a session now. `servers` are the names of users' programs that serve terminals.

    A graphical session has none: its keys go to the display server, and the times of the console that it was started on
    do not change. It has that console while the console shows text.
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
    """Returns the ptys whose masters the leader holds; none if one is another user's: it serves several then."""
    held = terminals.held_ptys(session.key.pid)
    return held if {terminals.read_owner(name) for name in held} <= {0, session.uid, None} else set()


def has_now(leader: int, name: str) -> bool:
    """Returns whether a leader, or a child of it, has a terminal at this moment."""
    number, path = terminals.device_number(name), f"{terminals.DEV}/{name}"
    return bool(number) and any(  # (0 is no terminal, and no device)
        each.tty_nr == number or procfs.read_link(each.pid, "fd/0") == path for each in _family(leader)
    )


def _family(leader: int) -> Iterator[Stat]:
    """Yields the leader and its children."""
    try:
        children = procfs.read_children(leader)
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        children = []
    stats = map(procfs.read_stat, [leader, *islice(children, MOST_CHILDREN)])
    yield from (stat for stat in stats if stat is not None)


def line_obstacle(session: Session) -> str:
    """Returns why the console or serial line of a session's login does not count as its own now; empty if it does.

    Its user could give it up as a controlling terminal and still read there, so that is not checked again. But a line
    that was hung up goes to the next login: login(1) gives it to the user, and getty(8) to root. A lock gives it to
    root too; then, and for a session of root's own, the login must have the line now.
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
    """Returns the ptys of a session that a root program outside of it serves; none where that is not certain.

    One program can serve many ptys: the session's are those that its login has. The program can also open the PAM
    sessions of many users, and is then no process to end one of them by.
    """
    wanted = _wanted_ptys(session)
    served = wanted & _ptys_of_servers(session) if wanted else set()
    return served if {terminals.read_owner(name) for name in served} <= {0, session.uid} else set()


def _wanted_ptys(session: Session) -> set[str]:
    """Returns the pty that a login had when it was opened, and those that its leader or a child of that have now."""
    leaders = (each for each in _family(session.key.pid) if each.pid in (session.key.pid, each.session))
    indexes = (pty_index(each.tty_nr) for each in leaders)
    wanted = {f"pts/{index}" for index in indexes if index is not None}
    return {*wanted, session.tty} if session.tty else wanted


def _ptys_of_servers(session: Session) -> set[str]:
    """Returns the ptys whose masters the leader's ancestors hold, if all of these run as root."""
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
    """Returns why no terminal of a living session is known; empty where none is expected.

    The text completes "its terminal is not known: ". `claimed` is what its login named as its terminal, empty for
    nothing.
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
