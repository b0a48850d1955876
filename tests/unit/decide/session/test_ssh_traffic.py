"""What a connection shows beside the times of the terminals: what counts as input, and what does not."""

from __future__ import annotations

import pytest

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.session.model import NS_PER_SEC, ConnectionSample, ForwardedConnection, Traffic
from reaper.decide.session.ssh_traffic import count_typed, weigh_line

TRAFFIC = Traffic(501, 4711, 1000, 9000, 5_000_000, forwards=(ForwardedConnection(7, 100), ForwardedConnection(8, 100)))
LONG_AGO = 999_000 * NS_PER_SEC
BEFORE = ConnectionSample(5_000_000, 1_000_003 * NS_PER_SEC, TRAFFIC, LONG_AGO, LONG_AGO, 300, 300)
UNCOUNTED = BEFORE._replace(traffic=TRAFFIC._replace(socket=0, forwards=()))


def later(line: ConnectionSample = BEFORE, *, typed: int = 0, printed: int = 0, **fields: int) -> ConnectionSample:
    traffic = line.traffic._replace(typed=line.traffic.typed + typed, printed=line.traffic.printed + printed)
    return line._replace(wall_ns=line.wall_ns + 15 * NS_PER_SEC, traffic=traffic, **fields)


def forwarding(line: ConnectionSample, *forwards: ForwardedConnection) -> ConnectionSample:
    return line._replace(traffic=line.traffic._replace(forwards=forwards))


@pytest.mark.parametrize("printed", [0, 1, 30_000])
def test_keys_count_whatever_is_printed(printed):
    assert weigh_line(BEFORE, later(typed=1, printed=printed, printed_ns=BEFORE.wall_ns), 16) is EvidenceKind.INPUT


@pytest.mark.parametrize("printed", [0, 1, 30_000])
def test_output_alone_does_not_count(printed):
    assert weigh_line(BEFORE, later(printed=printed), 16) is None


def test_transfer_explains_what_the_client_sent_and_hides_no_key():
    upload = later(typed=32768, channel_read=300 + 32768, channel_bytes=300 + 65536)
    assert weigh_line(BEFORE, upload, 16) is EvidenceKind.NETWORK
    assert weigh_line(BEFORE, upload, 65536) is None
    assert weigh_line(BEFORE, upload, None) is None
    with_a_key = later(typed=32769, channel_read=300 + 32768, channel_bytes=300 + 65536)
    assert weigh_line(BEFORE, with_a_key, None) is EvidenceKind.INPUT


def test_reads_of_files_explain_no_traffic():
    assert weigh_line(BEFORE, later(channel_bytes=300 + 65536), 16) is None


def test_keys_beside_a_program_that_reads_files_count():
    """By its counter the program may have read the key, too; that must not hide a user."""
    reading = later(typed=1, printed=1, channel_read=300 + 1_000_000, channel_bytes=300 + 1_000_000)
    assert weigh_line(BEFORE, reading, None) is EvidenceKind.INPUT
    assert weigh_line(BEFORE, reading, 16) is EvidenceKind.INPUT
    assert count_typed(BEFORE, reading) == (0, 1)
    silent = later(channel_read=300 + 1_000_000, channel_bytes=300 + 1_000_000)
    assert weigh_line(BEFORE, silent, None) is None


def test_transfer_that_never_pauses_is_use():
    """While something moves all the time, bytes cannot be counted."""
    moving = later(typed=700, channel_read=300 + 700, channel_bytes=300 + 50_000_000, printed=50_000_000)
    moving = moving._replace(traffic=moving.traffic._replace(is_settled=False))
    assert weigh_line(BEFORE, moving, 16) is EvidenceKind.NETWORK
    assert weigh_line(BEFORE, moving, None) is None
    assert weigh_line(BEFORE, moving, None, is_last=True) is EvidenceKind.INPUT


@pytest.mark.parametrize(
    ("after", "typed"),
    [
        (later(typed=3), (3, 3)),
        (later(), (0, 0)),
        (later(typed=50, channel_read=350), (0, 0)),
        (later(typed=51, channel_read=350), (1, 51)),
        (later(typed=-1), None),
        (UNCOUNTED, None),
        (forwarding(later(typed=50), ForwardedConnection(7, 100)), (50, 50)),
        (forwarding(later(typed=1), *TRAFFIC.forwards, ForwardedConnection(9, 0)), (1, 1)),
    ],
    ids=["keys", "nothing", "a channel's", "a key beside", "went back", "uncounted", "a forward closed", "one opened"],
)
def test_bytes_typed_are_counted(after, typed):
    assert count_typed(BEFORE, after) == typed


def test_program_that_has_ended_explains_nothing():
    assert weigh_line(BEFORE, later(typed=5, channel_read=0, channel_bytes=0), 16) is EvidenceKind.INPUT


def test_bytes_of_forwarded_connections_were_not_typed():
    known = forwarding(later(typed=50, printed=900), ForwardedConnection(7, 150), ForwardedConnection(8, 100))
    assert weigh_line(BEFORE, known, 16) is None
    opened = forwarding(later(typed=50), *TRAFFIC.forwards, ForwardedConnection(9, 50))
    assert weigh_line(BEFORE, opened, 16) is None
    with_a_key = forwarding(later(typed=51), ForwardedConnection(7, 150), ForwardedConnection(8, 100))
    assert weigh_line(BEFORE, with_a_key, 16) is EvidenceKind.INPUT


def test_key_while_a_forwarded_connection_opens_counts():
    opened = forwarding(later(typed=1), *TRAFFIC.forwards, ForwardedConnection(9, 0))
    assert weigh_line(BEFORE, opened, 16) is EvidenceKind.INPUT


def test_bytes_of_a_closed_forwarded_connection_count_as_keys():
    closed = forwarding(later(typed=50), ForwardedConnection(7, 100))
    assert weigh_line(BEFORE, closed, 16) is EvidenceKind.INPUT


@pytest.mark.parametrize("fields", [{"carrier": 502}, {"socket": 4712}, {"typed": 999}])
def test_traffic_that_cannot_be_told_from_keys_counts(fields):
    after = later()
    assert weigh_line(BEFORE, after._replace(traffic=after.traffic._replace(**fields)), 16) is EvidenceKind.INPUT


@pytest.mark.parametrize("is_last", [False, True])
def test_unsettled_counts_matter_only_where_the_session_may_end_by_them(is_last):
    after = later(typed=700)
    after = after._replace(traffic=after.traffic._replace(is_settled=False))
    assert weigh_line(BEFORE, after, 16, is_last=is_last) is (EvidenceKind.INPUT if is_last else None)


def test_uncounted_traffic_counts_while_nothing_is_printed():
    assert weigh_line(UNCOUNTED, later(UNCOUNTED), 16) is None
    assert weigh_line(UNCOUNTED, later(UNCOUNTED, typed=37, printed=37), 16) is EvidenceKind.INPUT
    printing = later(UNCOUNTED, typed=37, printed=37, printed_ns=UNCOUNTED.wall_ns)
    assert weigh_line(UNCOUNTED, printing, 16) is None
    just_now = UNCOUNTED._replace(printed_ns=UNCOUNTED.wall_ns - 1)
    assert weigh_line(just_now, later(just_now, typed=37), 16) is None


def test_uncounted_traffic_does_not_count_by_times_that_were_set_by_hand():
    """A robot prints, and sets the time of that back."""
    assert weigh_line(UNCOUNTED, later(UNCOUNTED, typed=37, changed_ns=UNCOUNTED.wall_ns + 1), 16) is None
    just_now = UNCOUNTED._replace(changed_ns=UNCOUNTED.wall_ns - 1)
    assert weigh_line(just_now, later(just_now, typed=37), 16) is None
