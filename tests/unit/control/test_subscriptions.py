"""Clients that watch: each is sent every change, no change twice, and the daemon waits for none of them."""

from __future__ import annotations

import json
import os
from typing import Any

from reaper.control import subscriptions
from reaper.control.server import MAX_CALL_BYTES, PATIENCE_USEC
from reaper.control.subscriptions import MAX_WATCHES, MAX_WATCHES_PER_USER, SPACE_USEC
from tests.unit.control.stand import ALL, LIST, WATCH, Stand, as_root, ask_as, reachable

FIRST = {**ALL, "continues": True}


def changed(policy: str) -> dict[str, Any]:
    return {"parameters": {**ALL["parameters"], "policy": policy}, "continues": True}


def test_first_reply_comes_at_once(stand):
    connection = stand.connect()
    stand.send(connection, WATCH)
    assert stand.read(connection) == [FIRST]


def test_watch_without_more_gets_one_reply(stand):
    connection = stand.connect()
    stand.send(connection, WATCH.replace(b"true", b"false") + LIST)
    assert stand.read(connection) == [ALL, ALL]
    stand.backend.padding = "new"
    stand.turn(10 * SPACE_USEC)
    assert stand.read(connection) == []


def test_more_on_another_method_gets_one_reply(stand):
    connection = stand.connect()
    stand.send(connection, LIST.replace(b"}", b',"more":true}'))
    assert stand.read(connection) == [ALL]


def test_oneway_watch_gets_no_reply(stand):
    connection = stand.connect()
    stand.send(connection, WATCH.replace(b"}", b',"oneway":true}') + LIST)
    assert stand.read(connection) == [ALL]


def test_change_is_sent_once(stand):
    connection = stand.connect()
    stand.send(connection, WATCH)
    stand.read(connection)
    stand.turn(SPACE_USEC)
    assert stand.read(connection) == []
    stand.backend.padding = "new"
    stand.turn(2 * SPACE_USEC)
    stand.turn(4 * SPACE_USEC)
    assert stand.read(connection) == [changed("new")]


def test_changes_are_sent_at_most_once_a_second(stand):
    """A change that comes too early wakes the loop when it is due, and is sent in its newest state."""
    connection = stand.connect()
    stand.send(connection, WATCH)
    stand.read(connection)
    for number in range(5):
        stand.backend.padding = str(number)
        stand.turn(SPACE_USEC // 10 * (number + 1))
    assert stand.read(connection) == []
    assert stand.server.next_wake() == SPACE_USEC
    stand.turn(SPACE_USEC)
    assert stand.read(connection) == [changed("4")]
    assert stand.server.next_wake() is None


def test_nothing_is_computed_while_nobody_watches(stand):
    connection = stand.connect()
    stand.turn(SPACE_USEC)
    assert (stand.server.next_wake(), stand.backend.calls) == (None, 0)
    stand.send(connection, WATCH)
    assert stand.server.next_wake() is None
    connection.close()
    stand.pump()
    calls = stand.backend.calls
    stand.turn(3 * SPACE_USEC)
    assert (stand.server.next_wake(), stand.backend.calls) == (None, calls)


def test_slow_client_gets_only_the_newest_state(stand):
    """One reply is stored, and no other made, until the client has read it."""
    slow = stand.connect()
    stand.backend.padding = "x" * 3_000_000
    stand.send(slow, WATCH)
    calls = stand.backend.calls
    for number in range(1, 6):
        stand.backend.padding = str(number)
        stand.turn(number * SPACE_USEC)
    assert stand.backend.calls == calls
    assert [len(each["parameters"]["policy"]) for each in stand.read(slow)] == [3_000_000]
    stand.turn(7 * SPACE_USEC)
    assert stand.read(slow) == [changed("5")]


def test_client_that_does_not_read_is_disconnected(stand):
    slow = stand.connect()
    stand.send(slow, WATCH)
    stand.read(slow)
    began = 10 * PATIENCE_USEC
    stand.backend.padding = "x" * 3_000_000
    stand.turn(began)
    stand.turn(began + PATIENCE_USEC)
    assert len(stand.selector.get_map()) == 2
    stand.turn(began + PATIENCE_USEC + 1)
    assert len(stand.selector.get_map()) == 1


def test_watching_client_may_be_silent(stand):
    connection = stand.connect()
    stand.send(connection, WATCH)
    assert stand.read(connection) == [FIRST]
    stand.turn(100 * PATIENCE_USEC)
    assert stand.read(connection) == []
    stand.backend.padding = "new"
    stand.turn(101 * PATIENCE_USEC)
    assert stand.read(connection) == [changed("new")]


def test_watching_client_gets_no_other_call_answered(stand):
    connection = stand.connect()
    stand.send(connection, WATCH + LIST)
    assert stand.read(connection) == [FIRST]
    stand.send(connection, b"\0" * (MAX_CALL_BYTES + 1))
    stand.pump()
    assert stand.read(connection)[-1:] == [None]


def test_internal_error_in_a_later_reply_ends_that_watch_only(stand):
    connection, other = stand.connect(), stand.connect()
    stand.send(connection, WATCH)
    stand.read(connection)
    stand.backend.mistake = RuntimeError("a mistake of ours")
    stand.turn(SPACE_USEC)
    assert stand.read(connection) == [None]
    stand.backend.mistake = None
    stand.send(other, LIST)
    assert stand.read(other) == [ALL]
    (noted,) = stand.errors
    assert (noted[0], repr(noted[1])) == (f"at a call of uid {os.geteuid()}", "RuntimeError('a mistake of ours')")


def watch(stand: Stand) -> list[Any]:
    connection = stand.connect()
    stand.send(connection, WATCH)
    return stand.read(connection)


def test_watches_beyond_the_limit_are_refused(stand):
    most = MAX_WATCHES if os.geteuid() == 0 else MAX_WATCHES_PER_USER
    assert [watch(stand) for _ in range(most)] == [[FIRST]] * most
    (refused,) = watch(stand)
    assert refused == {"error": "io.reaper.NotAllowed", "parameters": {"why": "too many watch already"}}
    stand.clients[0].close()
    stand.pump()
    assert watch(stand) == [FIRST]


def test_refused_watcher_may_still_call(stand):
    for _ in range(MAX_WATCHES):
        watch(stand)
    connection = stand.connect()
    stand.send(connection, WATCH + LIST)
    assert stand.read(connection)[1:] == [ALL]


@as_root
def test_users_have_few_watches_and_root_reserved_ones(stand, tmp_path):
    reachable(tmp_path)
    answers = ask_as(stand, 1000, MAX_WATCHES_PER_USER + 2, WATCH)
    assert ["error" in json.loads(each) for each in answers] == [False] * MAX_WATCHES_PER_USER + [True] * 2
    for _ in range(MAX_WATCHES - MAX_WATCHES_PER_USER):
        assert watch(stand) == [FIRST]
    (refused,) = ask_as(stand, 1000, 1, WATCH)
    assert b"NotAllowed" in refused
    assert watch(stand) == [FIRST]


@as_root
def test_user_watches_only_their_own_sessions(stand, tmp_path):
    reachable(tmp_path)
    (mine,) = ask_as(stand, 1000, 1, WATCH)
    assert json.loads(mine)["parameters"]["sessions"] == ["2"]


def test_shares_of_users_leave_room():
    assert subscriptions.MAX_WATCHES_PER_USER * 2 < subscriptions.MAX_WATCHES
