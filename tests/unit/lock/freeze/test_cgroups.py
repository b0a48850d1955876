"""Paths of control groups as a user can name them, and files of the kernel's that are set, changed or missing."""

from __future__ import annotations

import pytest

from reaper.lock.freeze import cgroups


@pytest.mark.parametrize("group", ["/", "/user.slice", "/user.slice/a b", "/user.slice/...", "/a/\udcff", "/a/ä"])
def test_path_of_a_group(group):
    assert cgroups.is_path(group)


@pytest.mark.parametrize(
    "group", ["", "user.slice", "/a/../b", "/..", "/a/.", "//", "/a/", "/a//b", "/a\0b", "/\ud800"]
)
def test_text_that_is_no_path_of_a_group(group):
    assert not cgroups.is_path(group)


@pytest.mark.parametrize(("text", "is_set"), [("1\n", True), ("1", True), ("0\n", False), ("", False), ("11\n", False)])
def test_file_is_set_if_it_contains_1(tmp_path, text, is_set):
    (tmp_path / "cgroup.freeze").write_text(text)
    assert cgroups.is_set(str(tmp_path / "cgroup.freeze")) is is_set


def test_missing_file_is_not_set(tmp_path):
    assert not cgroups.is_set(str(tmp_path / "cgroup.freeze"))


def test_write_makes_no_file_and_follows_no_link(tmp_path):
    with pytest.raises(FileNotFoundError):
        cgroups.write(str(tmp_path / "none"), "1")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(OSError, match="symbolic links"):
        cgroups.write(str(tmp_path / "link"), "1")
    assert (tmp_path / "file").read_text() == ""
    assert not (tmp_path / "none").exists()
