"""Keys that no program reads, told by what crosses the connection: what is believed, and what is not."""

from __future__ import annotations

import pytest

from reaper.decide.evidence import weigh_line
from reaper.decide.model import NS_PER_SEC, Line
from reaper.decide.policy import Activity

QUIET = Line(1_000_003 * NS_PER_SEC, 5000, 5000, 50, 50, 999_000 * NS_PER_SEC, 999_000 * NS_PER_SEC, 0)
KEY = (37, 37, 2, 2)
ASKED, ASKING = (52, 28, 1, 1), (28, 52, 1, 1)  # keepalives: the client's, and ours
OUTPUT = (29, 68, 1, 1)
AGENT = (49, 53, 2, 2)


def after(*traffic: tuple[int, int, int, int], **fields: int) -> Line:
    line = QUIET._replace(wall_ns=QUIET.wall_ns + 15 * NS_PER_SEC, **fields)
    for read, written, reads, writes in traffic:
        line = line._replace(
            read=line.read + read,
            written=line.written + written,
            reads=line.reads + reads,
            writes=line.writes + writes,
        )
    return line


@pytest.mark.parametrize(
    "traffic",
    [
        [KEY],
        [KEY] * 9,
        [KEY, ASKED],
        [KEY, ASKING, ASKED, ASKED],
        [KEY] * 3 + [ASKING] * 40 + [ASKED] * 7,
        [(53, 53, 2, 2)],  # AES with SHA-256: 52 bytes a packet
    ],
)
def test_keys(traffic):
    assert weigh_line(QUIET, after(*traffic), 16) is Activity.INPUT


@pytest.mark.parametrize(
    "traffic",
    [[], [ASKED], [ASKING] * 15, [ASKED] * 15 + [ASKING] * 15, [OUTPUT], [OUTPUT] * 9, [AGENT], [AGENT] * 43],
)
def test_what_is_no_key(traffic):
    assert weigh_line(QUIET, after(*traffic), 16) is None


def test_not_while_something_is_printed():
    assert weigh_line(QUIET, after(KEY, printed_ns=QUIET.wall_ns), 16) is None
    just_now = QUIET._replace(printed_ns=QUIET.wall_ns - 1)
    assert weigh_line(just_now, after(KEY, printed_ns=just_now.printed_ns), 16) is None


def test_not_by_times_that_were_set_by_hand():
    """A robot that prints, and sets the time of that back."""
    assert weigh_line(QUIET, after(KEY, changed_ns=QUIET.wall_ns + 1), 16) is None
    just_now = QUIET._replace(changed_ns=QUIET.wall_ns - 1)
    assert weigh_line(just_now, after(KEY, changed_ns=just_now.changed_ns), 16) is None


def test_a_transfer_beside_the_terminals():
    assert weigh_line(QUIET, after(OUTPUT, channel_bytes=32768), 16) is Activity.NETWORK
    assert weigh_line(QUIET, after(channel_bytes=32768), 65536) is None
