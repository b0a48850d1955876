"""Traffic of ssh connections: a key counts whatever else is sent, and what can be told from keys does not count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.session.model import NS_PER_SEC, ConnectionSample, ForwardedConnection, Traffic
from reaper.decide.session.ssh_traffic import weigh_line

COUNTS = st.integers(0, 1 << 40)
FLOORS = st.none() | st.integers(1, 1 << 30)
SUMS = Traffic(501, 4711, 10**6, 10**6, 0, forwards=(ForwardedConnection(7, 0),))
BEFORE = ConnectionSample(0, 1_000_003 * NS_PER_SEC, SUMS, 0, 0, 10**6, 10**6)


def after(keys: int, printed: int, forwarded: list[int], transferred: int, fetched: int) -> ConnectionSample:
    """Returns the same connection later. `forwarded`: bytes of each forwarded connection; the first is an old one."""
    sums = BEFORE.traffic
    forwards = tuple(ForwardedConnection(7 + index, sent) for index, sent in enumerate(forwarded))
    traffic = sums._replace(
        typed=sums.typed + keys + sum(forwarded) + transferred,
        printed=sums.printed + printed + fetched,
        forwards=forwards,
    )
    return BEFORE._replace(
        traffic=traffic,
        channel_read=BEFORE.channel_read + transferred,
        channel_bytes=BEFORE.channel_bytes + transferred + fetched,
    )


@given(st.integers(1, 10_000), COUNTS, st.lists(COUNTS, max_size=5), COUNTS, COUNTS, FLOORS)
def test_key_counts_whatever_else_is_sent(keys, printed, forwarded, transferred, fetched, floor):
    assert weigh_line(BEFORE, after(keys, printed, forwarded, transferred, fetched), floor) is EvidenceKind.INPUT


@given(COUNTS, st.lists(COUNTS, max_size=5))
def test_output_and_forwarded_connections_are_no_keys(printed, forwarded):
    assert weigh_line(BEFORE, after(0, printed, forwarded, 0, 0), 1) is None


@given(COUNTS, COUNTS, st.integers(1, 1 << 30))
def test_transfer_above_the_floor_is_use(transferred, fetched, floor):
    found = weigh_line(BEFORE, after(0, 0, [], transferred, fetched), floor)
    assert found is (EvidenceKind.NETWORK if transferred + fetched >= floor else None)
