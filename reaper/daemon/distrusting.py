"""Handles a process whose /proc files block the reader: logs it, and stops reading the processes of its user."""

from __future__ import annotations

from typing import Callable

from reaper.act import runtime_files
from reaper.act.journal import Journal
from reaper.daemon.supervisor import end_ourselves
from reaper.decide.output.events import Priority
from reaper.decide.session import stuck
from reaper.decide.session.stuck import Stuck
from reaper.sense.host import Host


class Distrusting:
    """Remembers such processes in a file, from one daemon to the next."""

    def __init__(
        self,
        host: Host,
        journal: Journal,
        write: Callable[[str], None] = runtime_files.write_stuck,
        end: Callable[[], None] = end_ourselves,
    ) -> None:
        self._host, self._journal, self._write, self._end = host, journal, write, end

    def restore(self) -> None:
        """Takes over what an earlier daemon noted. Call it before any process is read."""
        known = stuck.decode(self._host.read_state("/run/reaper/stuck"))
        self._host.distrust(known)
        for each in known:
            if not each.is_over:
                self._journal.note(Priority.ERR, _describe(each))

    def give_up(self, path: str) -> None:
        """Notes the process whose read does not end, and ends this daemon.

        The supervisor's thread calls it while the main thread waits in that read.
        """
        found = self._host.blame(path)
        if found is None:  # the process has ended, or the file is of no process: the watchdog handles that
            return
        try:
            self._write(stuck.encode(stuck.add(self._host.distrusted, found)))
        finally:
            self._end()

    def look(self, now_usec: int) -> None:
        """Checks, without waiting, whether a process that could not be read can be read again."""
        over = self._host.probe(now_usec)
        if over is None:
            return
        known = stuck.end(self._host.distrusted, over)
        self._host.distrust(known)
        self._journal.note(Priority.NOTICE, f"{_whose(over)} can be read again")
        try:
            self._write(stuck.encode(known))
        except OSError as error:
            self._journal.note(Priority.ERR, f"cannot write the list of unreadable processes: {error}, ignoring")


def _whose(each: Stuck) -> str:
    return f"the processes of uid {each.uid}" if each.uid else f"process {each.pid}"


def _describe(each: Stuck) -> str:
    if not each.uid:
        return f"process {each.pid} of root cannot be read (reading it blocked the daemon): it is skipped until it can"
    return (
        f"process {each.pid} of uid {each.uid} cannot be read (reading it blocked the daemon, as the process waits for"
        " a file system that does not answer); until all processes of this user can be read, reaper warns and ends the"
        " user's sessions without reading them"
    )
