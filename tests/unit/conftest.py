"""Where the unit tests keep their files: in memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = "/dev/shm"
# Some tests make device files, and some run programs that they have put there.
UNFIT = os.ST_NODEV | os.ST_NOEXEC


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Returns a directory of the test's own, in memory if possible.

    These tests make tens of thousands of small files, and on a disk that takes several times as long as all else they
    do. Other users may enter the directory, for the tests that become other users.
    """
    if not os.access(MEMORY, os.W_OK) or os.statvfs(MEMORY).f_flag & UNFIT:
        yield tmp_path_factory.mktemp("unit")
        return
    with tempfile.TemporaryDirectory(prefix="reaper-", dir=MEMORY) as name:
        os.chmod(name, 0o711)
        yield Path(name)
