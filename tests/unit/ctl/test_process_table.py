"""The processes of a session as a person and a program see them."""

from __future__ import annotations

import pytest

from reaper.ctl.process_table import NONE_SEEN, NOT_READ, documents_of, lines_of
from reaper.ctl.session_processes import ShownProcess, ShownProcesses
from reaper.ctl.style import ASCII, UTF8, width_of
from reaper.sense.process_details import ProcessDetails
from reaper.sense.survivors import ProcessOutcome
from tests.unit.ctl.shown import HOSTILE
from tests.unit.simulated import MINUTE, SECOND

MIB = 1 << 20
BASH = ShownProcess(4711, 95 * MINUTE, ProcessOutcome.ENDS, ProcessDetails("-bash", 2 * SECOND, 5 * MIB + MIB // 2))
TMUX = ShownProcess(4890, 3 * SECOND, ProcessOutcome.SURVIVES, ProcessDetails("tmux new -d", 0, 3 << 30))
JOB = ShownProcess(10, 0, ProcessOutcome.HUNG_UP, ProcessDetails("sleep 60", 0, 0))
UNREAD = ShownProcess(12, None, ProcessOutcome.UNKNOWN, ProcessDetails())

SURVIVES = "no: logind may end it later (KillUserProcesses, user services without lingering)."


def test_lines():
    assert lines_of(ShownProcesses((BASH, TMUX, JOB, UNREAD)), "terminal", UTF8, None) == [
        "Its 4 processes, and what the end of the session does to each (kill: terminal):",
        "ENDS    PID STARTED CPU  MEMORY COMMAND",
        "yes    4711 1h35min  2s 5.5 MiB -bash",
        "no     4890      3s  0s 3.0 GiB tmux new -d",
        "hangup   10      0s  0s 0.0 MiB sleep 60",
        "?        12       -   -       - -",
        SURVIVES,
        "hangup: usually ends, by the SIGHUP of its shell or its terminal.",
        "?: cannot be told; some can be told by root, some by nobody.",
        "-: could not be read, or not in time.",
    ]


def test_nothing_is_explained_that_is_not_there():
    assert len(lines_of(ShownProcesses((BASH, BASH)), "session", UTF8, 80)) == 4
    assert lines_of(ShownProcesses((BASH, TMUX)), "session", UTF8, 80)[4:] == [SURVIVES]
    assert lines_of(ShownProcesses((BASH,)), "terminal", UTF8, 80)[0].startswith(
        "Its process, and what the end of the session does to it"
    )
    without = ShownProcesses((BASH._replace(outcome=ProcessOutcome.UNKNOWN),))
    assert lines_of(without, "none", UTF8, 80)[0] == "Its process; without a policy nothing ends:"
    assert len(lines_of(without, "none", UTF8, 80)) == 3


def test_what_is_left_out_is_counted():
    left_out = (ProcessOutcome.ENDS,) * 150 + (ProcessOutcome.SURVIVES,) * 10
    lines = lines_of(ShownProcesses((BASH,), left_out), "terminal", UTF8, 80)
    assert lines[0].startswith("Its 161 processes")
    assert lines[-2:] == ["And 160 more (yes: 150, no: 10).", SURVIVES]


def test_nothing_to_show():
    assert lines_of(None, "terminal", UTF8, 80) == [NOT_READ]
    assert lines_of(ShownProcesses(()), "terminal", UTF8, 80) == [NONE_SEEN]


@pytest.mark.parametrize("glyphs", [UTF8, ASCII])
@pytest.mark.parametrize("width", [50, 80, 200])
def test_commands_are_cut_to_the_width_and_never_obeyed(glyphs, width):
    hostile = BASH._replace(details=BASH.details._replace(command=HOSTILE + "\u4e2d" * 200))
    row = lines_of(ShownProcesses((hostile,)), "terminal", glyphs, width)[2]
    assert row.isprintable()
    assert width_of(row) <= width
    assert row.isascii() or glyphs is UTF8


def test_documents():
    assert documents_of(ShownProcesses((BASH, TMUX, JOB, UNREAD)))[0] == {
        "pid": 4711,
        "command": "-bash",
        "since_usec": 95 * MINUTE,
        "cpu_usec": 2 * SECOND,
        "memory_bytes": 5 * MIB + MIB // 2,
        "ends": True,
        "hung_up": False,
    }
    told = documents_of(ShownProcesses((BASH, TMUX, JOB, UNREAD)))
    assert [(each["ends"], each["hung_up"]) for each in told] == [
        (True, False), (False, False), (None, True), (None, False),
    ]  # fmt: skip
    assert [told[3][name] for name in ("command", "since_usec", "cpu_usec", "memory_bytes")] == [None] * 4
