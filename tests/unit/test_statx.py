"""statx(2) on real files: it returns what stat(2) does, and raises its errors."""

from __future__ import annotations

import os

import pytest

from reaper.statx import AT_EMPTY_PATH, MODE, TYPE, UID, statx


@pytest.mark.parametrize("path", ["/dev/null", os.path.dirname(__file__), __file__])
def test_result_is_that_of_stat(path):
    found, expected = statx(os.fsencode(path), TYPE | MODE | UID), os.stat(path)
    assert found.mask & (TYPE | MODE | UID) == TYPE | MODE | UID
    assert (found.uid, found.mode, found.inode) == (expected.st_uid, expected.st_mode, expected.st_ino)
    assert (found.rdev, found.device) == (expected.st_rdev, expected.st_dev)


def test_open_file_is_read_by_its_descriptor():
    fd = os.open(__file__, os.O_PATH | os.O_CLOEXEC)
    try:
        assert statx(b"", directory=fd, flags=AT_EMPTY_PATH).inode == os.fstat(fd).st_ino
    finally:
        os.close(fd)


def test_missing_file_raises(tmp_path):
    with pytest.raises(FileNotFoundError):
        statx(os.fsencode(tmp_path / "missing"))
