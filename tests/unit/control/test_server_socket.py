"""The socket in its directory: its mode, and that it is bound anew whatever becomes of its place."""

from __future__ import annotations

import os
import socket
import stat

from tests.unit.control.stand import ALL, LIST, Stand


def test_the_socket(stand):
    assert stat.S_IMODE(os.stat(stand.path).st_mode) == 0o666
    assert os.listdir(os.path.dirname(stand.path)) == ["io.reaper"]
    stand.server.close()
    assert os.listdir(os.path.dirname(stand.path)) == []


def test_a_socket_that_was_taken_away_is_bound_again(stand):
    connection = stand.connect()
    os.unlink(stand.path)
    stand.server.ensure_bound()
    stand.send(connection, LIST)
    assert stand.read(connection) == [ALL]
    fresh = stand.connect()
    stand.send(fresh, LIST)
    assert stand.read(fresh) == [ALL]


def test_a_directory_that_was_taken_away_is_made_anew(stand):
    os.unlink(stand.path)
    os.rmdir(os.path.dirname(stand.path))
    stand.server.ensure_bound()
    fresh = stand.connect()
    stand.send(fresh, LIST)
    assert stand.read(fresh) == [ALL]


def test_something_else_in_its_place_is_replaced(stand):
    os.unlink(stand.path)
    with open(stand.path, "w", encoding="ascii") as file:
        file.write("mine")
    stand.server.ensure_bound()
    assert stat.S_ISSOCK(os.lstat(stand.path).st_mode)


def test_it_stays_when_nothing_happened(stand):
    before = os.lstat(stand.path).st_ino
    stand.server.ensure_bound()
    assert os.lstat(stand.path).st_ino == before


def test_leftovers_of_another_daemon_are_replaced(tmp_path):
    """One that was killed leaves its socket, and maybe the one it was about to name so."""
    directory = tmp_path / "run"
    directory.mkdir()
    for name in ("io.reaper", "io.reaper.new"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as leftover:
            leftover.bind(str(directory / name))
    stand = Stand(str(directory / "io.reaper"))
    try:
        connection = stand.connect()
        stand.send(connection, LIST)
        assert stand.read(connection) == [ALL]
        assert os.listdir(directory) == ["io.reaper"]
    finally:
        stand.stop()
