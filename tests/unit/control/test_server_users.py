"""Several users on the control socket: each sees only their own sessions, and none takes every place."""

from __future__ import annotations

import json

from reaper.control import server
from reaper.control.server import MAX_CLIENTS, MAX_CLIENTS_PER_USER
from tests.unit.control.stand import ALL, LIST, as_root, ask_as, reachable


@as_root
def test_user_sees_only_their_own_sessions(stand, tmp_path):
    reachable(tmp_path)
    (mine,) = ask_as(stand, 1000, 1)
    assert json.loads(mine)["parameters"]["sessions"] == ["2"]
    (nobodys,) = ask_as(stand, 65534, 1)
    assert json.loads(nobodys)["parameters"]["sessions"] == []


@as_root
def test_one_user_cannot_take_every_place(stand, tmp_path):
    reachable(tmp_path)
    answers = ask_as(stand, 1000, MAX_CLIENTS_PER_USER + 3)
    assert [bool(each) for each in answers] == [True] * MAX_CLIENTS_PER_USER + [False] * 3
    connection = stand.connect()
    stand.send(connection, LIST)
    assert stand.read(connection) == [ALL]


@as_root
def test_some_places_are_reserved_for_root(stand, tmp_path):
    """Users together fill their places, and the administrator is still answered."""
    reachable(tmp_path)
    for _ in range(MAX_CLIENTS - MAX_CLIENTS_PER_USER - 1):
        stand.connect()
    assert [bool(each) for each in ask_as(stand, 1000, 2)] == [True, False]
    stand.connect()
    assert ask_as(stand, 1000, 1) == [b""]
    for _ in range(MAX_CLIENTS_PER_USER):
        connection = stand.connect()
        stand.send(connection, LIST)
        assert stand.read(connection) == [ALL]


def test_limits_leave_room_for_other_users():
    assert server.MAX_CLIENTS_PER_USER * 2 < server.MAX_CLIENTS
