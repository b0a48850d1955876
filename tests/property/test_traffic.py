"""What crosses a connection by ssh: keepalives are nobody, in any number and cipher; keys are somebody."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from reaper.decide.evidence import weigh_line, weigh_work
from reaper.decide.model import NS_PER_SEC, Line, Work
from reaper.decide.policy import Activity
from tests.unit.fakes import make_limits

SECOND = 1_000_000
NETWORK = (Activity.NETWORK,)
START = Line(1_000_003 * NS_PER_SEC, 5000, 5000, 50, 50, 999_000 * NS_PER_SEC, 999_000 * NS_PER_SEC, 0)

# (block, bytes of the MAC or tag, whether the length stands outside of what is encrypted): ssh's own ciphers.
CIPHERS = st.sampled_from(
    [(8, 16, True), (16, 16, True), (16, 32, True), (16, 64, True), (16, 20, False), (16, 32, False)]
)


def packet(payload: int, cipher: tuple[int, int, bool]) -> int:
    """RFC 4253, 6, written as the text has it."""
    block, mac, is_length_apart = cipher
    length = 1 + payload
    padding = 4
    while (length + padding + (0 if is_length_apart else 4)) % block:
        padding += 1
    return 4 + length + padding + mac


def add(line: Line, read: int, written: int, calls: int) -> Line:
    return line._replace(
        read=line.read + read, written=line.written + written, reads=line.reads + calls, writes=line.writes + calls
    )


def keepalives(line: Line, cipher: tuple[int, int, bool], theirs: int, ours: int) -> Line:
    request, answer = packet(27, cipher), packet(1, cipher)
    return add(line, theirs * request + ours * answer, theirs * answer + ours * request, theirs + ours)


def keys(line: Line, cipher: tuple[int, int, bool], count: int) -> Line:
    """Each is read as a packet and written to the terminal, and its echo the other way round."""
    each = packet(10, cipher) + 1
    return add(line, count * each, count * each, 2 * count)


def work(line: Line, boot_usec: int) -> Work:
    return Work(boot_usec, line.read, line.written, line.reads, line.writes, 0)


@given(CIPHERS, st.integers(0, 500), st.integers(0, 500), st.integers(1, 4000))
def test_keepalives_are_nobody(cipher, theirs, ours, seconds):
    after = keepalives(START, cipher, theirs, ours)
    limits = make_limits(network_floor_bytes=1)
    assert weigh_work(work(START, 0), work(after, seconds * SECOND), NETWORK, limits) is None
    assert weigh_line(START, after._replace(wall_ns=START.wall_ns + seconds * NS_PER_SEC), 1) is None


@given(CIPHERS, st.integers(0, 100), st.integers(0, 100), st.integers(1, 200))
def test_keys_are_somebody(cipher, theirs, ours, count):
    after = keys(keepalives(START, cipher, theirs, ours), cipher, count)._replace(wall_ns=START.wall_ns + NS_PER_SEC)
    # Not where it has the numbers of keepalives in another cipher.
    assume(weigh_work(work(START, 0), work(after, SECOND), NETWORK, make_limits(network_floor_bytes=1)))
    assert weigh_line(START, after, 1) is Activity.INPUT
    printed = after._replace(printed_ns=START.wall_ns)
    assert weigh_line(START, printed, 1) is None, "what was printed makes traffic, too"
    forged = after._replace(changed_ns=START.wall_ns + 1)
    assert weigh_line(START, forged, 1) is None, "and its time can be set back"


@given(CIPHERS, st.integers(1, 30_000), st.booleans())
def test_a_message_is_work(cipher, size, is_inbound):
    """To a program or from one: what is in a packet is less than the packet."""
    outer = packet(9 + size, cipher)
    after = add(START, outer, size, 1) if is_inbound else add(START, size, outer, 1)
    limits = make_limits(network_floor_bytes=16)
    found = weigh_work(work(START, 0), work(after, 15 * SECOND), NETWORK, limits)
    assert found is Activity.NETWORK


@given(CIPHERS, st.integers(0, 50), st.integers(0, 50), st.booleans())
def test_a_keepalive_on_its_way_is_nobody(cipher, theirs, ours, is_answer):
    """The look comes between a keepalive of ours and its answer."""
    line = keepalives(START, cipher, theirs, ours)
    if is_answer:  # to one that was sent before
        after = line._replace(read=line.read + packet(1, cipher), reads=line.reads + 1)
    else:
        after = line._replace(written=line.written + packet(27, cipher), writes=line.writes + 1)
    assert weigh_work(work(START, 0), work(after, 15 * SECOND), NETWORK, make_limits(network_floor_bytes=1)) is None
