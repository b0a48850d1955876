"""The daemon's own directory: the state is whole and root's alone, dead records go, and no link is followed."""

from __future__ import annotations

import os
import stat

import pytest

from reaper.act import runtime_files
from reaper.act.actor import Actor
from reaper.decide.session.model import ProcessId, SessionKey


def test_the_state_is_whole_and_roots_alone(tmp_path):
    directory = str(tmp_path / "run")
    actor = Actor(directory)
    actor.write_state(["one\n", "and more\n"])
    actor.write_state(iter(["two\n", "lines\n"]))
    path = tmp_path / "run" / "state"
    assert path.read_text() == "two\nlines\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(directory) == ["state"]


def test_a_directory_that_was_taken_away_is_made_anew(tmp_path):
    directory = str(tmp_path / "run")
    Actor(directory).write_state(["one"])
    os.unlink(f"{directory}/state")
    os.rmdir(directory)
    Actor(directory).write_state(["two"])
    assert (tmp_path / "run" / "state").read_text() == "two"


def test_a_link_in_the_place_of_the_new_state_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("kept")
    os.symlink(tmp_path / "victim", tmp_path / "state.new")
    with pytest.raises(OSError):
        runtime_files.write_state(["x"], str(tmp_path))
    assert (tmp_path / "victim").read_text() == "kept"


def test_records_are_cleared_away(tmp_path):
    directory = tmp_path / "sessions"
    directory.mkdir()
    (directory / "5.7").write_text("x")
    (directory / "5.8").write_text("x")
    actor = Actor(str(tmp_path))
    actor.remove_record(SessionKey(5, 7))
    actor.remove_record(SessionKey(5, 7))
    assert os.listdir(directory) == ["5.8"]


def test_marks_are_cleared_away(tmp_path):
    directory = tmp_path / "elevated"
    directory.mkdir()
    (directory / "5.7").write_text("x")
    (directory / "5.8").write_text("x")
    actor = Actor(str(tmp_path))
    actor.remove_mark(ProcessId(5, 7))
    actor.remove_mark(ProcessId(5, 7))
    assert os.listdir(directory) == ["5.8"]
