"""The daemon's own directory: only root can read the state, dead records are removed, and no link is followed."""

from __future__ import annotations

import os
import stat

import pytest

from reaper.act import runtime_files
from reaper.act.actor import Actor
from reaper.decide.session.model import ProcessId, SessionKey


def test_state_is_whole_and_readable_by_root_only(tmp_path):
    directory = str(tmp_path / "run")
    actor = Actor(directory)
    actor.write_state(["one\n", "and more\n"])
    actor.write_state(iter(["two\n", "lines\n"]))
    path = tmp_path / "run" / "state"
    assert path.read_text() == "two\nlines\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(directory) == ["state"]


def test_missing_directory_is_made_again(tmp_path):
    directory = str(tmp_path / "run")
    Actor(directory).write_state(["one"])
    os.unlink(f"{directory}/state")
    os.rmdir(directory)
    Actor(directory).write_state(["two"])
    assert (tmp_path / "run" / "state").read_text() == "two"


def test_link_in_place_of_the_new_state_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("kept")
    os.symlink(tmp_path / "victim", tmp_path / "state.new")
    with pytest.raises(OSError):
        runtime_files.write_state(["x"], str(tmp_path))
    assert (tmp_path / "victim").read_text() == "kept"


def test_records_are_removed(tmp_path):
    directory = tmp_path / "sessions"
    directory.mkdir()
    (directory / "5.7").write_text("x")
    (directory / "5.8").write_text("x")
    actor = Actor(str(tmp_path))
    actor.remove_record(SessionKey(5, 7))
    actor.remove_record(SessionKey(5, 7))
    assert os.listdir(directory) == ["5.8"]


def test_marks_are_removed(tmp_path):
    directory = tmp_path / "elevated"
    directory.mkdir()
    (directory / "5.7").write_text("x")
    (directory / "5.8").write_text("x")
    actor = Actor(str(tmp_path))
    actor.remove_mark(ProcessId(5, 7))
    actor.remove_mark(ProcessId(5, 7))
    assert os.listdir(directory) == ["5.8"]
