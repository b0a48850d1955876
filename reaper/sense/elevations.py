"""Where root acts within a session: the marks that pam_reaper.so leaves of su, sudo and run0, and whose they are.

A mark counts for as long as the process that it names runs. What began a moment ago does not count yet: a command that
sudo runs and that is over at once is no root's shell, and a script with many of them would move its session from rule
to rule. At most polls it is one listing of a directory, and one question to an epoll; whose session a mark is in is
looked for once.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

from reaper.decide.session.model import ProcessId, Session, SessionKey
from reaper.decide.text.duration import USEC_PER_SEC
from reaper.errors import ReaperError
from reaper.sense import pam_files, processes, run0
from reaper.sense.belonging import Homes
from reaper.sense.exit_watcher import ExitWatcher

DIRECTORY = "/run/reaper/elevated"
# Longer than a command takes that only asks or sets something, and far below any limit.
BRIEF_USEC = 5 * USEC_PER_SEC


class Elevated(NamedTuple):
    """What a look brought."""

    sessions: frozenset[SessionKey]  # in which root acts
    dead_marks: list[ProcessId]  # those whose process is gone
    problems: list[ReaperError]


def parse_mark(process: ProcessId, data: bytes) -> int:
    """When the elevation began, in microseconds since boot. Raises ReaperError for what is not the module's."""
    try:
        values = pam_files.parse_values(process, data)
        if pam_files.parse_number(values["UID"]) != 0:
            raise ValueError(f"UID is {values['UID']}, not root's")
        return pam_files.parse_number(values["OPENED_USEC"])
    except KeyError as error:
        raise _broken(process, f"{error.args[0]} is missing") from None
    except ValueError as error:
        raise _broken(process, str(error)) from None


def _name(process: ProcessId) -> str:
    return f"{process.pid}.{process.start_ticks}"


def _broken(process: ProcessId, why: str) -> ReaperError:
    return ReaperError(
        "mark-broken",
        f"mark of elevation {_name(process)} cannot be read: {why}",
        "its session is under the rules that it would have without; if this comes back, check that pam_reaper.so and"
        " reaperd are of one version",
    )


class Elevations:
    """The directory of the marks, and where each mark that is there belongs."""

    def __init__(self, directory: str = DIRECTORY, homes: Homes | None = None) -> None:
        self._directory = pam_files.Directory(directory)
        self._processes: ExitWatcher[ProcessId] = ExitWatcher()
        self._unwatched: set[ProcessId] = set()  # for want of descriptors
        self._broken: set[ProcessId] = set()
        self._young: dict[ProcessId, int] = {}  # with the moment from which on they count
        self._homes: dict[ProcessId, SessionKey | None] = {}  # of those that count; None is in no session that we know
        self._where = homes if homes is not None else Homes()

    def look(self, sessions: Iterable[Session], now_usec: int, *, anew: bool) -> Elevated:
        """In which of the sessions root acts now; `anew` where there are some that were not there at the last look."""
        names = self._directory.list_if_changed()
        dead, problems = self._take_in(names) if names is not None else ([], [])
        dead += self._processes.ended()
        dead += filter(_has_ended, self._unwatched)
        for process in dead:
            self._drop(process)
        for process, counts_usec in list(self._young.items()):
            if now_usec >= counts_usec:
                del self._young[process]
                self._homes[process] = None
                anew = True
        if anew and None in self._homes.values():
            problems += self._settle(list(sessions))
        return Elevated(frozenset(home for home in self._homes.values() if home is not None), dead, problems)

    def close(self) -> None:
        """Gives every descriptor back."""
        self._processes.close()

    def _take_in(self, names: Iterable[str]) -> tuple[list[ProcessId], list[ReaperError]]:
        """The listing has changed: forgets what is gone, and reads what is new. Returns the dead and the problems."""
        there = {ProcessId(*pair) for pair in map(pam_files.parse_name, names) if pair is not None}
        for process in {*self._young, *self._homes} - there:
            self._processes.unwatch(process)
            self._drop(process)
        self._broken &= there
        dead, problems = [], []
        for process in sorted(there - self._young.keys() - self._homes.keys() - self._broken):
            try:
                if not self._begin(process):
                    dead.append(process)
            except (ReaperError, OSError) as error:  # noqa: PERF203 - one does not hide the others
                self._broken.add(process)
                problems.append(error if isinstance(error, ReaperError) else _broken(process, str(error)))
        return dead, problems

    def _begin(self, process: ProcessId) -> bool:
        """Takes in a mark; whether its process lives. Raises ReaperError or OSError where that cannot be told."""
        try:
            data = self._directory.read(_name(process))
        except ValueError as error:
            raise _broken(process, str(error)) from error
        if data is None:  # closed meanwhile
            return True
        counts_usec = parse_mark(process, data) + BRIEF_USEC
        if not self._processes.watch(process):
            if not processes.is_alive(process):
                return False
            self._unwatched.add(process)
        self._young[process] = counts_usec
        return True

    def _drop(self, process: ProcessId) -> None:
        self._unwatched.discard(process)
        self._young.pop(process, None)
        self._homes.pop(process, None)

    def _settle(self, sessions: list[Session]) -> list[ReaperError]:
        """Finds out for the marks of no session whose they are. Returns the problems."""
        problems, clients = [], functools.cache(run0.list_clients)
        for process in [process for process, home in self._homes.items() if home is None]:
            try:
                home = self._where.of(process.pid, sessions, clients)
            except OSError as error:  # noqa: PERF203 - one that cannot be looked at does not hide the others
                self._broken.add(process)
                self._drop(process)
                problems.append(_broken(process, str(error)))
            else:
                self._homes[process] = home
        return problems


def _has_ended(process: ProcessId) -> bool:
    try:
        return not processes.is_alive(process)
    except OSError:  # still for want of descriptors: asked again at the next poll
        return False
