"""Which of pytest-xdist's processes runs which tests, and in which order.

The tests of one file and suite are a unit: one process runs them one after the other, on a host that it has booted. A
file that takes very long is several units. The longest units come first, so that none is left over for the end. A
process stays with a suite as long as there are units of it, so that most processes boot one host. The first process
takes the tests without a host before all others: they compute while the other processes wait.

pytest-xdist's own grouping does not do. Its version 3.8 writes the group of an `xdist_group` mark to an attribute that
pytest 9.2 does not read any more: under these two every test is a unit of its own, and nothing says so. And it begins
with the units that have the most tests, which are not those that take longest.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from .lab import SUITES

SUITE = re.compile(rf"\b(?:{'|'.join(SUITES)})\b")
UNKNOWN_SECONDS = 100
LONGEST_SECONDS = 240  # of a unit; a fifteenth of what all of them take

# What a file of tests/host takes for one suite. It matters only which one takes longest: a new file, or one whose time
# has changed by half, needs no new figure.
SECONDS = {
    "test_busy.py": 190,
    "test_bystanders.py": 110,
    "test_clients.py": 95,
    "test_cockpit.py": 65,
    "test_crowd.py": 80,
    "test_desktop.py": 56,
    "test_doctor.py": 66,
    "test_elevated.py": 130,
    "test_evidence.py": 180,
    "test_filesystems.py": 90,
    "test_forged.py": 68,
    "test_holds.py": 150,
    "test_hostile_names.py": 35,
    "test_lab.py": 47,
    "test_lines.py": 170,
    "test_lock.py": 130,
    "test_lock_attacks.py": 140,
    "test_lock_back.py": 60,
    "test_lock_ends.py": 25,
    "test_lock_failing.py": 40,
    "test_lock_freezing.py": 15,
    "test_lock_held.py": 50,
    "test_lock_readers.py": 70,
    "test_lock_screens.py": 190,
    "test_lock_trouble.py": 220,
    "test_session.py": 620,
}


def parts_of(path: str) -> int:
    """How many units a file is for each suite."""
    return -(-SECONDS.get(path.rpartition("/")[2], UNKNOWN_SECONDS) // LONGEST_SECONDS)


def unit_of(test: str) -> str:
    """The unit of a test: its file, and the suite among its parameters."""
    path, _, name = test.partition("::")
    suite = SUITE.search(name.partition("[")[2])
    if not suite:
        return path
    part = zlib.crc32(name.partition("[")[0].encode()) % parts_of(path)
    return f"{path} {suite[0]} {part}"


def suite_of(unit: str) -> str:
    """The suite whose host the unit needs; empty if it needs none."""
    return f"{unit} ".split(" ")[1]


def seconds_of(unit: str) -> int:
    """About how long a unit takes. Those without a host take seconds."""
    path = unit.partition(" ")[0]
    return SECONDS.get(path.rpartition("/")[2], UNKNOWN_SECONDS) // parts_of(path) if suite_of(unit) else 0


def next_unit(left: Iterable[str], suite: str) -> str:
    """The unit that is best begun now, by a process that has last run one of this suite (empty: one without a host)."""
    return max(left, key=lambda unit: (suite_of(unit) == suite, seconds_of(unit)))


class Scheduler(LoadScopeScheduling):
    """Gives the processes their units."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        units = list(self.assigned_work.get(node, {}))
        first = "" if node.gateway.id == "gw0" else "any"
        suite = suite_of(units[-1]) if units else first
        # The base class takes the first one.
        self.workqueue.move_to_end(next_unit(self.workqueue, suite), last=False)
        super()._assign_work_unit(node)
