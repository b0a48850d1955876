"""Notes the daemon's own problems in the journal: each kind in full once a minute, further ones as a number.

A user may have found a call, a process or a name that makes the daemon fail again and again. Each failure costs a
traceback of about 2 KiB: 24 MB of journal in 40 s, measured with one client of the socket. So the first failure of a
kind is noted with its traceback, and those of the minute after it are counted, and the count is noted. Of problems with
something outside the daemon several are noted: each names another record, mark or session.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Callable

from reaper.act.journal import Journal
from reaper.decide.output.events import Priority
from reaper.decide.text.duration import USEC_PER_MIN
from reaper.errors import ReaperError

# So many kinds are distinguished; any others count as one kind. A daemon with so many faults at once is better examined
# through the users for whom it fails.
MOST_KINDS = 20
MOST_PROBLEMS = 10  # per kind and minute
_OTHERS = "others"


@dataclass
class _TroubleKind:
    heading: str
    priority: Priority
    since_usec: int
    noted: int = 1
    more: int = 0


class Trouble:
    """Notes problems; `clock` is the boot-time clock, in microseconds."""

    def __init__(self, journal: Journal, clock: Callable[[], int]) -> None:
        self._journal, self._clock = journal, clock
        self._kinds: dict[Hashable, _TroubleKind] = {}

    def note_error(self, where: str) -> None:
        """Notes the exception that is being handled, an internal error; `where` says during what it happened.

        Errors are of one kind if they are of one type and were raised on one line, for whichever user or session.
        """
        kind, error, trace = sys.exc_info()
        frames = traceback.extract_tb(trace)
        place = (frames[-1].filename, frames[-1].lineno) if frames else None
        heading = f"internal error {where}: {kind.__name__ if kind else error}"
        if self._is_noted((kind, place), Priority.ERR, heading, most=1):
            self._journal.note(Priority.ERR, f"internal error {where}:\n{traceback.format_exc()}")

    def note_problem(self, problem: ReaperError) -> None:
        """Notes a problem with something outside the daemon, which the daemon ignores."""
        text = str(problem)
        if self._is_noted(problem.problem, Priority.WARNING, text.partition("\n")[0], most=MOST_PROBLEMS):
            self._journal.note(Priority.WARNING, f"{text}, ignoring")

    def _is_noted(self, key: Hashable, priority: Priority, heading: str, most: int) -> bool:
        """Returns whether to note a problem in full, as one of its kind's first `most` in a minute; else counts it."""
        self.flush()
        if key not in self._kinds and len(self._kinds) >= MOST_KINDS:
            key, heading = _OTHERS, "trouble of other kinds"
        known = self._kinds.get(key)
        if known is None:
            self._kinds[key] = _TroubleKind(heading, priority, self._clock())
            return True
        if known.noted < most and key != _OTHERS:
            known.noted += 1
            return True
        known.more += 1
        return False

    def flush(self) -> None:
        """Notes how many more problems there were of each kind that was noted a minute ago."""
        now_usec = self._clock()
        for key, kind in list(self._kinds.items()):
            if now_usec - kind.since_usec >= USEC_PER_MIN:
                del self._kinds[key]
                if kind.more:
                    self._journal.note(kind.priority, f"{kind.more} more of these in the last minute: {kind.heading}")
