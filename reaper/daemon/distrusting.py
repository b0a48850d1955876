"""What the daemon makes of a process that it cannot read: it says so, and reads its user's processes no more."""

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
    """What is remembered of such processes from one daemon to the next, in a file of its own."""

    def __init__(
        self,
        host: Host,
        journal: Journal,
        write: Callable[[str], None] = runtime_files.write_stuck,
        end: Callable[[], None] = end_ourselves,
    ) -> None:
        self._host, self._journal, self._write, self._end = host, journal, write, end

    def restore(self) -> None:
        """Goes on where another daemon left off. To be called before anything is read of any process."""
        known = stuck.decode(self._host.read_state("/run/reaper/stuck"))
        self._host.distrust(known)
        for each in known:
            if not each.is_over:
                self._journal.note(Priority.ERR, _describe(each))

    def give_up(self, path: str) -> None:
        """A read does not end, and so this daemon must. Called by the supervisor's thread, while the other waits."""
        found = self._host.blame(path)
        if found is None:  # it has ended, or it is no process: the watchdog sees to that
            return
        try:
            self._write(stuck.encode(stuck.add(self._host.distrusted, found)))
        finally:
            self._end()

    def look(self, now_usec: int) -> None:
        """Finds out whether what could not be read can be read again. Waits for nothing."""
        over = self._host.probe(now_usec)
        if over is None:
            return
        known = stuck.end(self._host.distrusted, over)
        self._host.distrust(known)
        self._journal.note(Priority.NOTICE, f"{_whose(over)} can be read again")
        try:
            self._write(stuck.encode(known))
        except OSError as error:
            self._journal.note(Priority.ERR, f"cannot write what processes can be read: {error}, ignoring")


def _whose(each: Stuck) -> str:
    return f"the processes of uid {each.uid}" if each.uid else f"process {each.pid}"


def _describe(each: Stuck) -> str:
    if not each.uid:
        return f"process {each.pid} of root's cannot be read (it made the daemon wait), and is passed over until it can"
    return (
        f"process {each.pid} of uid {each.uid} cannot be read (it made the daemon wait, as it waits itself for a file"
        " system that does not answer); the sessions of that user are warned and ended without a look at their"
        " processes until all of them can be read"
    )
