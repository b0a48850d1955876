"""However many clients there are, and whatever they send, at most one call is served before what is due."""

from __future__ import annotations

import contextlib
import socket

import pytest

from reaper.control.server import MAX_CALL_BYTES, MAX_CLIENTS
from reaper.control.subscriptions import MAX_WATCHES, MAX_WATCHES_PER_USER, SPACE_USEC
from tests.unit.control.stand import ALL, LIST, WATCH, Stand

ONEWAY = LIST.replace(b"}", b',"oneway":true}')


def pour(connection: socket.socket, data: bytes) -> int:
    """Sends as much as the socket accepts; returns how much."""
    with contextlib.suppress(BlockingIOError):
        return connection.send(data)
    return 0


def calls_by_turn(stand: Stand) -> list[int]:
    """Returns how many calls were answered in each turn, until there is nothing to do."""
    counts = []
    before = stand.backend.calls
    while stand.step():
        counts.append(stand.backend.calls - before)
        before = stand.backend.calls
    return counts


@pytest.mark.parametrize("call", [LIST, ONEWAY])
def test_one_call_is_answered_per_turn(stand, call):
    """Thousands in one write, on every connection allowed; no reply slows down those that want none."""
    clients = [stand.connect() for _ in range(MAX_CLIENTS // 2)]
    sent = [pour(each, call * 100) for each in clients]
    counts = calls_by_turn(stand)
    assert set(counts) <= {0, 1}
    assert sum(counts) == sum(size // len(call) for size in sent)


def test_turns_of_clients_alternate(stand):
    greedy = [stand.connect() for _ in range(3)]
    modest = stand.connect()
    for each in greedy:
        pour(each, ONEWAY * 300)
    stand.step()
    pour(modest, LIST)
    for _ in range(len(greedy) + 1):
        stand.step()
    assert stand.read(modest)[:1] == [ALL]


def test_pending_calls_wake_the_loop_at_once(stand):
    connection = stand.connect()
    pour(connection, LIST * 2)
    stand.step()
    assert (stand.backend.calls, stand.server.next_wake()) == (1, 0)
    stand.step()
    assert (stand.backend.calls, stand.server.next_wake()) == (2, None)


def test_at_most_one_call_of_a_client_is_stored(stand):
    """However much it sends: the rest stays in the kernel, charged to the client."""
    connection = stand.connect()
    assert pour(connection, ONEWAY * 5000) > 2 * MAX_CALL_BYTES
    (client,) = stand.server._clients.values()
    while stand.step():
        assert len(client.received) <= MAX_CALL_BYTES + 1


def test_longest_call_is_answered_and_a_longer_one_refused(stand):
    connection, other = stand.connect(), stand.connect()
    stand.send(connection, LIST[:-1].ljust(MAX_CALL_BYTES) + b"\0" + LIST)
    assert stand.read(connection) == [ALL, ALL]
    stand.send(other, LIST[:-1].ljust(MAX_CALL_BYTES + 1) + b"\0")
    assert stand.read(other) == [None]


def test_client_that_leaves_with_pending_calls_is_forgotten(stand):
    connection = stand.connect()
    pour(connection, LIST * 300)
    stand.step()
    connection.close()
    stand.pump()
    assert len(stand.selector.get_map()) == 1
    assert stand.server.next_wake() is None


def test_client_that_calls_and_leaves_is_read_once(stand):
    """A call or a few without reply are served, but not everything that fills the kernel's buffer."""
    for calls, most in ((3, 3), (5000, 2 * MAX_CALL_BYTES // len(ONEWAY))):
        connection = stand.connect()
        before = stand.backend.calls
        pour(connection, ONEWAY * calls)
        connection.close()
        stand.pump()
        assert min(calls, MAX_CALL_BYTES // len(ONEWAY)) <= stand.backend.calls - before <= most
    assert len(stand.selector.get_map()) == 1


def test_client_that_shuts_down_sending_is_answered(stand):
    connection = stand.connect()
    pour(connection, LIST * 500)
    connection.shutdown(socket.SHUT_WR)
    replies = []
    while None not in replies:
        replies += stand.read(connection)
        stand.pump()
    assert replies == [ALL] * 500 + [None]


def test_waiting_clients_are_accepted_up_to_the_queues_length(stand):
    """Otherwise clients that come and go could delay the administrator by as many turns."""
    for _ in range(MAX_CLIENTS):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stand.clients.append(connection)
        connection.connect(stand.path)
    stand.step()
    assert len(stand.server._clients) == MAX_CLIENTS


# Clients that watch.


def test_watches_of_one_user_share_one_look(stand):
    connections = [stand.connect() for _ in range(MAX_WATCHES_PER_USER)]
    for each in connections:
        stand.send(each, WATCH)
        stand.read(each)
    before = stand.backend.calls
    stand.backend.padding = "new"
    stand.turn(SPACE_USEC)
    assert stand.backend.calls == before + 1
    assert [[reply["parameters"]["policy"] for reply in stand.read(each)] for each in connections] == [
        ["new"]
    ] * MAX_WATCHES_PER_USER


def test_watches_are_looked_at_once_a_second(stand):
    """Even if nothing has changed: then too the loop needs one wake-up that ends this, and no second one."""
    connection = stand.connect()
    stand.send(connection, WATCH)
    stand.read(connection)
    stand.turn(10 * SPACE_USEC)
    before = stand.backend.calls
    for number in range(1, 100):
        stand.turn(10 * SPACE_USEC + number * SPACE_USEC // 100)
    assert stand.backend.calls == before
    assert stand.server.next_wake() == 11 * SPACE_USEC
    stand.turn(11 * SPACE_USEC)
    assert (stand.backend.calls, stand.server.next_wake()) == (before + 1, None)


def test_watches_begun_at_different_times_share_one_wake(stand):
    for number in range(3):
        connection = stand.connect()
        stand.turn(number * SPACE_USEC // 3)
        stand.send(connection, WATCH)
    wakes = 0
    while stand.server.next_wake() is not None:
        stand.turn(stand.server.next_wake())
        wakes += 1
        assert wakes < MAX_WATCHES
    for _ in range(2):
        stand.turn(stand.now_usec + 10 * SPACE_USEC)
        assert stand.server.next_wake() is None
