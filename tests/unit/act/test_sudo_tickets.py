"""Tickets of sudo, sudo-rs and doas: all of one user's are removed, nobody else's, and no link is followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reaper.act import sudo_tickets

ANN = ("ann", 1000)


def make(root: Path, *paths: str) -> None:
    """Makes files as the programs do, in directories that only root can change."""
    for path in paths:
        above = root
        for part in path.split("/")[:-1]:
            above /= part
            above.mkdir(mode=0o711, exist_ok=True)
        (root / path).touch(0o600)


def left(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def test_all_tickets_of_one_user_are_removed(tmp_path):
    own = [
        "run/sudo/ts/ann",
        "run/sudo/ts/1000",
        "run/sudo-rs/ts/1000",
        "run/sudo-rs/ts/ann",
        "run/doas/417-417-34816-92811-1000",
        "run/doas/418-418--1-92811-1000",
    ]
    others = [
        "run/sudo/ts/anna",
        "run/sudo/ts/1001",
        "run/sudo/ts/10000",
        "run/sudo/ts/an",
        "run/sudo/lectured/ann",
        "run/sudo-rs/ts/0",
        "run/doas/417-417-34816-1000-1001",
        "run/doas/1000-1000-1000-1000-10001",
        "run/doas/notes-1000",
        "run/doas/1000",
        "run/ann",
    ]
    make(tmp_path, *own, *others)
    assert sudo_tickets.drop(*ANN, root=str(tmp_path)) == []
    assert left(tmp_path) == set(others)
    assert sudo_tickets.drop(*ANN, root=str(tmp_path)) == []


def test_host_without_sudo_is_no_error(tmp_path):
    assert sudo_tickets.drop(*ANN, root=str(tmp_path)) == []


def test_name_that_is_another_users_uid_is_skipped(tmp_path):
    """Since sudo 1.9.15 that file belongs to the user with that uid."""
    make(tmp_path, "run/sudo/ts/1001", "run/sudo/ts/1002")
    assert sudo_tickets.drop("1001", 1002, root=str(tmp_path)) == []
    assert left(tmp_path) == {"run/sudo/ts/1001"}


@pytest.mark.parametrize("user", ["", ".", "..", "../lectured/ann", "/etc/passwd", "a\0b", "sub/ann"])
def test_name_that_is_no_file_name_is_skipped(tmp_path, user):
    make(tmp_path, "run/sudo/ts/sub/ann", "run/sudo/lectured/ann", "run/sudo/ts/1000")
    assert sudo_tickets.drop(user, 1000, root=str(tmp_path)) == []
    assert left(tmp_path) == {"run/sudo/ts/sub/ann", "run/sudo/lectured/ann"}


def test_link_is_removed_and_not_its_target(tmp_path):
    make(tmp_path, "run/sudo/ts/1000", "run/victim")
    os.symlink(tmp_path / "run/victim", tmp_path / "run/sudo/ts/ann")
    assert sudo_tickets.drop(*ANN, root=str(tmp_path)) == []
    assert left(tmp_path) == {"run/victim"}


@pytest.mark.parametrize("link", ["run/sudo/ts", "run/sudo"])
def test_link_in_the_path_is_not_followed(tmp_path, link):
    make(tmp_path, "elsewhere/ts/ann", "elsewhere/ann", "run/sudo-rs/ts/1000", "run/doas/1-1-1-1-1000")
    (tmp_path / link).parent.mkdir(mode=0o711, exist_ok=True)
    os.symlink(tmp_path / ("elsewhere" if link == "run/sudo" else "elsewhere/ts"), tmp_path / link)
    (problem,) = sudo_tickets.drop(*ANN, root=str(tmp_path))
    assert problem.startswith("/run/sudo/ts: ")
    assert left(tmp_path) - {link} == {"elsewhere/ts/ann", "elsewhere/ann"}


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_directory_that_others_may_change_is_refused(tmp_path, mode):
    make(tmp_path, "run/sudo/ts/ann")
    (tmp_path / "run/sudo").chmod(mode)
    assert sudo_tickets.drop(*ANN, root=str(tmp_path)) == ["/run/sudo/ts: others than root may change sudo"]
    assert left(tmp_path) == {"run/sudo/ts/ann"}


def test_directory_of_another_owner_is_refused(tmp_path):
    make(tmp_path, "run/sudo/ts/ann")
    os.chown(tmp_path / "run/sudo/ts", 1000, 1000)
    assert sudo_tickets.drop(*ANN, root=str(tmp_path)) == ["/run/sudo/ts: others than root may change ts"]


def test_ticket_that_cannot_be_removed_is_reported(tmp_path):
    make(tmp_path, "run/sudo/ts/1000/x", "run/sudo/ts/ann", "run/doas/1-1-1-1-1000")
    (problem,) = sudo_tickets.drop(*ANN, root=str(tmp_path))
    assert problem.startswith("/run/sudo/ts/1000: ")
    assert left(tmp_path) == {"run/sudo/ts/1000/x"}


def test_no_descriptor_stays_open(tmp_path):
    make(tmp_path, "run/sudo/ts/ann", "run/sudo-rs/ts/1000", "run/doas/1-1-1-1-1000")
    (tmp_path / "run/sudo-rs").chmod(0o777)
    before = os.listdir("/proc/self/fd")
    sudo_tickets.drop(*ANN, root=str(tmp_path))
    assert os.listdir("/proc/self/fd") == before
