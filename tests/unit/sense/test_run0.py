"""The client that ordered what run0 runs: it holds the master of its terminal, or has the same pipes."""

from __future__ import annotations

import os

import pytest

from reaper.sense import run0
from reaper.sense.belonging import ancestors
from tests.unit.sense.trees import Tree

SCOPE = "/user.slice/user-0.slice/session-c9.scope"
PTS_7 = (136 << 8) | 7


@pytest.fixture
def devpts(tree) -> int:
    """The number of a mount of devpts that every process sees."""
    (tree.directory / "mountinfo").write_text(
        "31 25 0:26 / /dev/pts rw,nosuid shared:3 - devpts devpts rw,gid=5\n25 1 0:25 / /dev rw - tmpfs tmpfs rw\n"
        "40 25 0:44 / /home/x rw - fuse.x x rw,user_id=1000\n"
    )
    return 31


def client(tree: Tree, pid: int, exe: str = "systemd-run", **more: object) -> int:
    tree.add(pid, 1, exe, **more)  # type: ignore[arg-type]
    (tree.directory / "proc" / str(pid) / "mountinfo").symlink_to(tree.directory / "mountinfo")
    return pid


def shell(tree: Tree, pid: int = 90, ppid: int = 1, tty_nr: int = PTS_7) -> int:
    tree.add(pid, ppid, "bash", tree.scope("c9", 0), tty_nr=tty_nr, uid=0)
    return pid


def find(pid: int) -> int | None:
    return run0.find_client(list(ancestors(pid)))


@pytest.mark.parametrize(("tty_nr", "index"), [(PTS_7, 7), (0, None), (0x400 | 1, None), ((136 << 8) | 0x100000, 256)])
def test_pty_index_of_a_tty_nr(tty_nr, index):
    assert run0.pty_index(tty_nr) == index


def test_client_holds_the_master_of_the_terminal(tree, devpts):
    tree.open_master(client(tree, 50), 5, 7, devpts)
    tree.open_master(client(tree, 51), 5, 8, devpts)
    assert find(shell(tree)) == 50


def test_client_is_found_from_descendants_and_user_services(tree, devpts):
    """sudo makes a pty of its own within that of `systemd-run --user --pty`."""
    tree.open_master(client(tree, 50), 5, 7, devpts)
    tree.add(60, 1, "systemd")
    shell(tree, ppid=60)
    assert find(90) == 50
    assert find(shell(tree, 91, 90, PTS_7 + 1)) == 50
    assert find(9999) is None


def test_pipes_count_only_for_children_of_pid_1_outside_logins(tree, devpts):
    """A service of the host's does not belong to the user who gave it a pipe."""
    tree.open_pipe(client(tree, 50), 1, 815)
    for pid, ppid, login, scope in ((70, 71, None, SCOPE), (72, 1, 9, SCOPE), (73, 1, None, "")):
        tree.add(pid, ppid, "bash", scope and tree.scope("c9", 0), uid=0)
        tree.open_pipe(pid, 0, 815)
        if login is not None:
            tree.log_in(pid, login)
        assert find(pid) is None


def test_other_program_with_the_master_is_no_client(tree, devpts):
    tree.open_master(client(tree, 50, "tmux"), 5, 7, devpts)
    assert find(shell(tree)) is None


def test_copy_of_run0_is_no_client(tree, devpts):
    tree.open_master(client(tree, 50), 5, 7, devpts)
    os.chown(tree.directory / "sbin" / "systemd-run", 1000, 1000)
    assert find(shell(tree)) is None


def test_program_in_a_user_namespace_is_no_client(tree, devpts):
    tree.open_master(client(tree, 50), 5, 7, devpts)
    namespaces = tree.directory / "proc" / "50" / "ns"
    namespaces.unlink()
    namespaces.mkdir()
    (namespaces / "user").symlink_to("user:[4711]")
    assert find(shell(tree)) is None


@pytest.mark.parametrize("mount", [40, 4711])
def test_master_through_a_foreign_mount_does_not_count(tree, devpts, mount):
    """A user makes a devpts in a namespace of their own, whose ptys have any number, and hands a master out."""
    tree.open_master(client(tree, 50), 5, 7, mount)
    assert find(shell(tree)) is None


@pytest.mark.parametrize(("uid", "found"), [(1001, None), (1000, 50)])
def test_ambiguous_clients_count_only_if_of_one_user(tree, devpts, uid, found):
    tree.open_master(client(tree, 50), 5, 7, devpts)
    tree.open_master(client(tree, 51, uid=uid), 9, 7, devpts)
    assert find(shell(tree)) == found


def test_number_of_clients_of_one_user_is_bounded(tree, devpts, monkeypatch):
    monkeypatch.setattr(run0, "MOST_CLIENTS", 2)
    for pid in range(40, 45):
        client(tree, pid)
    tree.open_master(client(tree, 51, uid=1001), 9, 7, devpts)
    assert [each.pid for each in run0.list_clients()] == [40, 41, 51]
    assert find(shell(tree)) == 51


def test_client_without_a_terminal_is_found_by_its_pipes(tree, devpts):
    tree.open_pipe(client(tree, 50), 1, 815)
    tree.open_pipe(client(tree, 51), 1, 816)
    tree.open_pipe(shell(tree, tty_nr=0), 2, 815)
    assert find(90) == 50


def test_client_without_terminal_and_pipes_is_unknown(tree, devpts):
    (tree.directory / "proc" / str(client(tree, 50)) / "fd").mkdir()
    (tree.directory / "proc" / "50" / "fd" / "0").symlink_to("/dev/null")
    pid = shell(tree, tty_nr=0)
    (tree.directory / "proc" / str(pid) / "fd").mkdir()
    (tree.directory / "proc" / str(pid) / "fd" / "0").symlink_to("/dev/null")
    assert find(pid) is None
