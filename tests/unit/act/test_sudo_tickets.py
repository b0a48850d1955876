"""Tickets of sudo, sudo-rs and doas: all of one user's go, nobody else's do, and nothing is followed on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reaper.act import sudo_tickets

ANN = ("ann", 1000)


def make(root: Path, *paths: str) -> None:
    """Files as the programs make them, in directories that are root's alone."""
    for path in paths:
        above = root
        for part in path.split("/")[:-1]:
            above /= part
            above.mkdir(mode=0o711, exist_ok=True)
        (root / path).touch(0o600)


def left(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def test_all_of_one_users_go_and_nobody_elses(tmp_path):
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


def test_a_host_without_sudo(tmp_path):
    assert sudo_tickets.drop(*ANN, root=str(tmp_path)) == []


def test_a_name_that_is_another_users_number(tmp_path):
    """Since sudo 1.9.15 that file is of whoever has that uid."""
    make(tmp_path, "run/sudo/ts/1001", "run/sudo/ts/1002")
    assert sudo_tickets.drop("1001", 1002, root=str(tmp_path)) == []
    assert left(tmp_path) == {"run/sudo/ts/1001"}


@pytest.mark.parametrize("user", ["", ".", "..", "../lectured/ann", "/etc/passwd", "a\0b", "sub/ann"])
def test_a_name_that_is_no_file_of_that_directory(tmp_path, user):
    make(tmp_path, "run/sudo/ts/sub/ann", "run/sudo/lectured/ann", "run/sudo/ts/1000")
    assert sudo_tickets.drop(user, 1000, root=str(tmp_path)) == []
    assert left(tmp_path) == {"run/sudo/ts/sub/ann", "run/sudo/lectured/ann"}


def test_a_link_goes_and_not_what_it_leads_to(tmp_path):
    make(tmp_path, "run/sudo/ts/1000", "run/victim")
    os.symlink(tmp_path / "run/victim", tmp_path / "run/sudo/ts/ann")
    assert sudo_tickets.drop(*ANN, root=str(tmp_path)) == []
    assert left(tmp_path) == {"run/victim"}


@pytest.mark.parametrize("link", ["run/sudo/ts", "run/sudo"])
def test_a_link_on_the_way_is_not_followed(tmp_path, link):
    make(tmp_path, "elsewhere/ts/ann", "elsewhere/ann", "run/sudo-rs/ts/1000", "run/doas/1-1-1-1-1000")
    (tmp_path / link).parent.mkdir(mode=0o711, exist_ok=True)
    os.symlink(tmp_path / ("elsewhere" if link == "run/sudo" else "elsewhere/ts"), tmp_path / link)
    (problem,) = sudo_tickets.drop(*ANN, root=str(tmp_path))
    assert problem.startswith("/run/sudo/ts: ")
    assert left(tmp_path) - {link} == {"elsewhere/ts/ann", "elsewhere/ann"}


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_a_directory_that_others_may_change(tmp_path, mode):
    make(tmp_path, "run/sudo/ts/ann")
    (tmp_path / "run/sudo").chmod(mode)
    assert sudo_tickets.drop(*ANN, root=str(tmp_path)) == ["/run/sudo/ts: others than root may change sudo"]
    assert left(tmp_path) == {"run/sudo/ts/ann"}


def test_a_directory_of_somebody_else(tmp_path):
    make(tmp_path, "run/sudo/ts/ann")
    os.chown(tmp_path / "run/sudo/ts", 1000, 1000)
    assert sudo_tickets.drop(*ANN, root=str(tmp_path)) == ["/run/sudo/ts: others than root may change ts"]


def test_what_cannot_be_removed_stops_nothing(tmp_path):
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
