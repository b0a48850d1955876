"""The sessions in which root acts, by the marks that pam_reaper.so writes for su, sudo and run0.

A mark counts as long as the process that it names runs. It does not count in its first seconds: a command that sudo
runs and that ends at once is no root shell, and a script with many of them would move its session from rule to rule.
Most polls cost one listing of a directory and one poll of an epoll; the session of a mark is looked up once.
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
# Longer than a command takes that only queries or sets something, and far shorter than any limit.
BRIEF_USEC = 5 * USEC_PER_SEC


class Elevated(NamedTuple):
    """The result of one look."""

    sessions: frozenset[SessionKey]  # sessions in which root acts
    dead_marks: list[ProcessId]  # marks whose process has ended
    problems: list[ReaperError]


def parse_mark(process: ProcessId, data: bytes) -> int:
    """Returns when the elevation began, in microseconds since boot. Raises ReaperError for a mark that is broken."""
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
        "the rules apply to its session as if it were not elevated; if this happens again, check that pam_reaper.so and"
        " reaperd are of one version",
    )


class Elevations:
    """The directory of the marks, and the session that each mark belongs to."""

    def __init__(self, directory: str = DIRECTORY, homes: Homes | None = None) -> None:
        self._directory = pam_files.Directory(directory)
        self._processes: ExitWatcher[ProcessId] = ExitWatcher()
        self._unwatched: set[ProcessId] = set()  # as no descriptor was left
        self._broken: set[ProcessId] = set()
        self._young: dict[ProcessId, int] = {}  # with the time from which they count
        self._homes: dict[ProcessId, SessionKey | None] = {}  # of those that count; None: not known
        self._where = homes if homes is not None else Homes()

    def look(self, sessions: Iterable[Session], now_usec: int, *, has_new_sessions: bool) -> Elevated:
        """Returns the sessions in which root acts now; `has_new_sessions` if sessions were added since the last."""
        names = self._directory.list_if_changed()
        dead, problems = self._update(names) if names is not None else ([], [])
        dead += self._processes.ended()
        dead += filter(_has_ended, self._unwatched)
        for process in dead:
            self._drop(process)
        for process, counts_usec in list(self._young.items()):
            if now_usec >= counts_usec:
                del self._young[process]
                self._homes[process] = None
                has_new_sessions = True
        if has_new_sessions and None in self._homes.values():
            problems += self._settle(list(sessions))
        return Elevated(frozenset(home for home in self._homes.values() if home is not None), dead, problems)

    def close(self) -> None:
        """Closes every descriptor."""
        self._processes.close()

    def _update(self, names: Iterable[str]) -> tuple[list[ProcessId], list[ReaperError]]:
        """Takes in a changed listing: forgets removed marks, reads new ones. Returns dead marks and problems."""
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
            except (ReaperError, OSError) as error:  # noqa: PERF203 - one broken mark does not hide the others
                self._broken.add(process)
                problems.append(error if isinstance(error, ReaperError) else _broken(process, str(error)))
        return dead, problems

    def _begin(self, process: ProcessId) -> bool:
        """Takes in a mark. Returns whether its process lives; raises ReaperError or OSError if that is unknown."""
        try:
            data = self._directory.read(_name(process))
        except ValueError as error:
            raise _broken(process, str(error)) from error
        if data is None:  # its PAM session was closed meanwhile
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
        """Finds the sessions of the marks that have none yet. Returns the problems."""
        problems, clients = [], functools.cache(run0.list_clients)
        for process in [process for process, home in self._homes.items() if home is None]:
            try:
                home = self._where.of(process.pid, sessions, clients)
            except OSError as error:  # noqa: PERF203 - one that cannot be read does not hide the others
                self._broken.add(process)
                self._drop(process)
                problems.append(_broken(process, str(error)))
            else:
                self._homes[process] = home
        return problems


def _has_ended(process: ProcessId) -> bool:
    try:
        return not processes.is_alive(process)
    except OSError:  # still no descriptor left: asked again at the next poll
        return False
