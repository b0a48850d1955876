"""The state file of an earlier daemon: read only if nobody but root can have written it."""

from __future__ import annotations

import os

import pytest

from reaper.sense import saved_state


@pytest.fixture
def path(tmp_path) -> str:
    path = tmp_path / "state"
    path.write_text("text\n")
    path.chmod(0o600)
    return str(path)


def test_text_of_the_file_is_returned(path):
    assert saved_state.read(path) == "text\n"


def test_missing_file_is_empty(tmp_path):
    assert saved_state.read(str(tmp_path / "state")) == ""


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_file_that_others_could_write_is_empty(path, mode):
    os.chmod(path, mode)
    assert saved_state.read(path) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user, which only root can")
def test_file_of_another_owner_is_empty(path):
    os.chown(path, 1000, 1000)
    assert saved_state.read(path) == ""


def test_link_is_not_followed(path):
    os.symlink(path, f"{path}.link")
    assert saved_state.read(f"{path}.link") == ""


def test_bytes_that_are_not_utf_8_are_replaced(path):
    with open(path, "wb") as file:
        file.write(b"a\xffb")
    assert saved_state.read(path) == "a\N{REPLACEMENT CHARACTER}b"


def test_file_larger_than_the_limit_is_cut(path, monkeypatch):
    monkeypatch.setattr(saved_state, "MAX_STATE_BYTES", 2)
    assert saved_state.read(path) == "te"
