"""The socket in its directory: its mode, and that it is bound again whatever becomes of its path."""

from __future__ import annotations

import os
import socket
import stat

from tests.unit.control.stand import ALL, LIST, Stand


def test_socket_is_for_everybody_and_removed_on_close(stand):
    assert stat.S_IMODE(os.stat(stand.path).st_mode) == 0o666
    assert os.listdir(os.path.dirname(stand.path)) == ["io.reaper"]
    stand.server.close()
    assert os.listdir(os.path.dirname(stand.path)) == []


def test_removed_socket_is_bound_again(stand):
    connection = stand.connect()
    os.unlink(stand.path)
    stand.server.ensure_bound()
    stand.send(connection, LIST)
    assert stand.read(connection) == [ALL]
    fresh = stand.connect()
    stand.send(fresh, LIST)
    assert stand.read(fresh) == [ALL]


def test_removed_directory_is_made_again(stand):
    os.unlink(stand.path)
    os.rmdir(os.path.dirname(stand.path))
    stand.server.ensure_bound()
    fresh = stand.connect()
    stand.send(fresh, LIST)
    assert stand.read(fresh) == [ALL]


def test_foreign_file_in_its_place_is_replaced(stand):
    os.unlink(stand.path)
    with open(stand.path, "w", encoding="ascii") as file:
        file.write("mine")
    stand.server.ensure_bound()
    assert stat.S_ISSOCK(os.lstat(stand.path).st_mode)


def test_intact_socket_is_kept(stand):
    before = os.lstat(stand.path).st_ino
    stand.server.ensure_bound()
    assert os.lstat(stand.path).st_ino == before


def test_sockets_of_a_killed_daemon_are_replaced(tmp_path):
    """A killed daemon leaves its socket, and perhaps the one that it was about to rename."""
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
