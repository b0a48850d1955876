"""Finds the processes to freeze: those attached to a terminal, and any others that could read it.

A process that has left the terminal (setsid(2)) but keeps a descriptor of it reads what is typed as before, whatever
the owner and the mode of the terminal are by now. So does one with a descriptor of /dev/tty: it stays with the terminal
that was the controlling one when it was opened. The same holds for a thread with its own table of descriptors, and for
a process whose first thread has ended. All of them are searched for among the processes of the user and of the session
(see descriptors), and so are those that read by an io_uring (see io_uring).

A process of another user is never frozen for a descriptor, or the user of the session could freeze any service that
takes descriptors by handing it one (unix(7), SCM_RIGHTS). But one that can read the terminal would read the password:
it was started there by su(1) and has left the session, or has the descriptor from a process of this user, or runs as a
subordinate uid of this user outside the user's slice. find_foreign_reader() finds it; the session is then not locked,
or no longer locked: it is warned and ended. That harms only the session's own user, and only a process of that session
can have given the descriptor away. Root is trusted; sudo(8), sshd(8) and agetty(8) have terminals of others open. Two
rules keep another user from preventing locks at will:

1. Only a descriptor that was opened for reading counts, and only one that is known to be the terminal. Members of the
   group tty, and system loggers, open terminals for writing; and any user can make a file with the inode number of a
   terminal on a mount that is hidden.
2. A user with a million descriptors does not prevent the search of the others: each user gets a share of its time, and
   what was not seen then is passed over. Each search begins with another user, and another process.

Not seen: a descriptor in transit in a socket, and what another user reads by an io_uring. The manual says so.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import time
import traceback
from collections.abc import Collection, Iterable
from typing import Callable, NamedTuple

from reaper import procfs
from reaper.decide.session.model import ProcessId, Session
from reaper.lock.bounded import TimeLimit, TooLongError, within
from reaper.lock.freeze import io_uring
from reaper.lock.freeze.descriptors import RING, Descriptor, Node, Search, is_closed, open_descriptors
from reaper.sense import connections, processes
from reaper.sense.terminals import DEV, device_number

# Time limits for the processes of all other users together, and of each user: 2,000 file descriptors take 60 ms.
_FOREIGN_SEC, _FOREIGN_USER_SEC = 2.0, 0.5
# A search may block on one process for as long as its user likes (see apart): it is abandoned, once for each user.
_waiting: dict[int, list[threading.Thread]] = {}
_MOST_WAITING = 8
_MOST_REPORTS = 20  # by one keeper
_reported: set[int] = set()  # the processes whose examination raised, each of them reported once
_CANDIDATES_SEC = 5.0  # to find the user of each process: 0.3 s for 30,000, but the machine may be busy


class _Candidates(NamedTuple):
    """The processes that may have a terminal open: those of the session and its user, and those of each other user but
    root."""

    own: set[ProcessId]
    foreign: dict[int, list[int]]


def holders(
    session: Session, terminals: Collection[str], held: Iterable[ProcessId], *, may_wait: bool = False
) -> list[ProcessId]:
    """Returns every process that reads, or could read, what is typed on these terminals; `held` are the session's.

    With `may_wait` also the user's processes that wait for something to read by a ring: it could be a terminal.

    Never returns the processes that carry the connection, another login's sshd, pid 1, or this process and its
    descendants. Examines every process of the host, and the descriptors of those of the user or the session: 1,600 of
    the former and 46 of the latter cost 53 ms of CPU time. Raises TooLongError if there are too many.
    """
    members = set(held)

    def look(deadline: TimeLimit) -> list[ProcessId]:
        search = _search(terminals)
        if search is None:
            return []
        attached = {each.process for each in processes.attached(terminals, members)}
        found = set(attached)
        for process in _candidates(session, members, deadline).own - found:
            is_held = process in members
            look_at = functools.partial(_is_holder, process, search, deadline, is_held=is_held, may_wait=may_wait)
            # A process whose examination raises may read, for all that is known.
            if _examine(process.pid, look_at, otherwise=True):
                found.add(process)
        excluded = set(connections.connection_holders(session))
        leader = ProcessId(*session.key)
        # With run0(1), machinectl(1) and the like, the leader is the shell itself, and reads. The leaders of sshd and
        # login(1) have no terminal, and are root's.
        if leader in attached and session.uid in procfs.read_uids(leader.pid)[:1]:
            excluded.discard(leader)
        return sorted(each for each in found - excluded if not (_is_ours(each.pid) or _is_another_login(each.pid)))

    return within(look)


def find_foreign_reader(session: Session, terminals: Collection[str], held: Iterable[ProcessId]) -> int | None:
    """Returns a process of another user, but not root, that reads these terminals; None if none is seen.

    Processes that the session holds do not count, whoever they run as: they are frozen. 1,600 processes of another user
    with 8 files each cost 430 ms of CPU time, and a host without users 3 ms.
    """
    members, search = set(held), _search(terminals)
    if search is None:
        return None
    excluded = {each.pid for each in connections.connection_holders(session)}
    foreign = within(lambda deadline: _candidates(session, members, deadline), _CANDIDATES_SEC).foreign
    end = TimeLimit(_FOREIGN_SEC)
    for uid in _rotated(list(foreign)):
        # Neither a user with too many processes nor one on whose processes the search blocks prevents the locks of
        # others.
        with contextlib.suppress(TooLongError):
            end.check()
            pids = _rotated([pid for pid in foreign[uid] if pid not in excluded])
            found = _within_user(uid, functools.partial(_find_reader, pids, search))
            if found is not None:
                return found
    return None


def _within_user(uid: int, look: Callable[[TimeLimit], int | None]) -> int | None:
    """Searches one other user's processes. Raises TooLongError for a user whose last search has not come back."""
    if uid not in _waiting:
        for other in [other for other, threads in _waiting.items() if not any(each.is_alive() for each in threads)]:
            del _waiting[other]
        if len(_waiting) >= _MOST_WAITING:
            raise TooLongError
    return within(look, _FOREIGN_USER_SEC, _FOREIGN_USER_SEC, _waiting.setdefault(uid, []))


def _find_reader(pids: list[int], search: Search, deadline: TimeLimit) -> int | None:
    for pid in pids:
        # A process whose examination raises does not count: it could be anybody's, and would prevent the locks of
        # others.
        reads = functools.partial(_reads, pid, search, deadline)
        if _examine(pid, reads, otherwise=False) and not _is_another_login(pid):
            return pid
    return None


def _examine(pid: int, look: Callable[[], bool], *, otherwise: bool) -> bool:
    """The barrier around one process: returns the result of `look`, or `otherwise` if that raises anything.

    So no process prevents the examination of the others. It is reported once. TooLongError is left to the caller.
    """
    try:
        return look()
    except TooLongError:
        raise
    except Exception:
        if pid not in _reported and len(_reported) < _MOST_REPORTS:
            _reported.add(pid)
            what = "taken for a reader of the terminal" if otherwise else "passed over"
            print(f"process {pid} is {what}, as it cannot be looked at:", file=sys.stderr)
            traceback.print_exc()
        return otherwise


def _rotated(values: list[int]) -> list[int]:
    """Returns the values rotated, so that each call begins at another place."""
    place = time.monotonic_ns() // 1000 % len(values) if values else 0
    return values[place:] + values[:place]


def _search(terminals: Iterable[str]) -> Search | None:
    """Returns the nodes to search for: every devpts has a pts/0 with the same number. None if there is no terminal."""
    nodes: dict[Node, int] = {}
    for name in terminals:
        number = device_number(name)
        if number is not None:
            status = os.stat(f"{DEV}/{name}", follow_symlinks=False)
            nodes[status.st_dev, status.st_ino] = number
    return Search(nodes) if nodes else None


def _candidates(session: Session, held: set[ProcessId], deadline: TimeLimit) -> _Candidates:
    """Returns the processes of the session and all of its user, wherever they run, and those of other users.

    All in the user's slice are the user's, whoever they run as: those in the user's own user namespace run as another
    user. If the user is root, root's other processes do not count: they are the system. Only its status shows all users
    a process runs as (real, effective, saved): /proc/PID belongs to its effective user, whoever started it.
    """
    candidates = _Candidates(held | set(processes.members(f"/user.slice/user-{session.uid}.slice")), {})
    known = {process.pid for process in candidates.own}
    for pid in procfs.list_pids():
        if pid in known:
            continue
        deadline.check()
        uids = procfs.read_uids(pid)
        if session.uid and session.uid in uids:
            ticks = processes.start_ticks(pid)
            if ticks is not None:
                candidates.own.add(ProcessId(pid, ticks))
        elif any(uids):
            candidates.foreign.setdefault(next(filter(None, uids)), []).append(pid)
    return candidates


def _is_holder(process: ProcessId, search: Search, deadline: TimeLimit, *, is_held: bool, may_wait: bool) -> bool:
    """Whether a process has one of the terminals open, or a ring by which it may read one."""
    found = []

    def look(each: Descriptor) -> bool:
        if each.link == RING:
            found.append(io_uring.read(each))
            return False
        is_one = search.is_terminal(each)
        # Before Linux 6.9 a thread's /dev/tty is never resolved: the terminal of its process does not show where it
        # leads.
        return is_one or (is_one is None and (is_held or each.tid != each.pid or not _has_terminal(process.pid)))

    return _any(process.pid, look, deadline) or io_uring.may_read(process.pid, found, may_wait=may_wait)


def _reads(pid: int, search: Search, deadline: TimeLimit) -> bool:
    """Whether a process is known to have one of the terminals open for reading."""
    return _any(pid, lambda each: each.link != RING and bool(search.is_terminal(each)) and each.can_read, deadline)


def _any(pid: int, look: Callable[[Descriptor], bool], deadline: TimeLimit) -> bool:
    """Whether `look` is true of any descriptor of a process.

    A descriptor that cannot be examined hides no other; if none is a match, it raises OSError. A closed one is ignored.
    """
    failed: OSError | None = None
    for each in open_descriptors(pid, deadline):
        try:
            if look(each):
                return True
        except OSError as error:  # noqa: PERF203 - each descriptor for itself
            failed = failed if is_closed(error) else error
    if failed is not None:
        raise failed
    return False


def _has_terminal(pid: int) -> bool:
    status = procfs.read_stat(pid)
    return status is not None and status.tty_nr != 0


def _is_ours(pid: int) -> bool:
    """Whether a process is pid 1, this process, or one of its descendants."""
    while pid > 1 and pid != os.getpid():
        status = procfs.read_stat(pid)
        if status is None or not status.ppid:
            return False
        if status.ppid == 1:
            return pid == os.getpid()
        pid = status.ppid
    return True


def _is_another_login(pid: int) -> bool:
    """Whether a process is another login's sshd.

    One that an administrator started by hand has their terminal open, and so have those of the users it lets in.
    """
    status = procfs.read_stat(pid)
    return status is not None and connections.is_sshd(pid) and connections.is_another_login(status.session)
