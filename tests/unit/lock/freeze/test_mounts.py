"""Mounts are found by number in tables of any size, and no table is read that is not needed."""

from __future__ import annotations

import pytest

from reaper import kernel_text
from reaper.lock.freeze.mounts import Mounts
from reaper.sense.executables import MountKind, find_mount

LINE = b"%d 1 0:%d / /home/a rw,nosuid shared:1 - %s none rw\n"


def table(*mounts: tuple[int, int, bytes]) -> bytes:
    return b"".join(LINE % each for each in mounts)


def test_mount_is_found_anywhere_in_a_table():
    found = table((22, 5, b"ext4"), (221, 6, b"devpts"), (23, 7, b"tmpfs"))
    assert find_mount(found, 22) == MountKind(b"ext4", (b"rw",))
    assert find_mount(found, 221) == MountKind(b"devpts", (b"rw",))
    assert find_mount(found[:-1], 23) == MountKind(b"tmpfs", (b"rw",))
    for number in (2, 21, 1, 0, -1):
        assert find_mount(found, number) is None
    assert find_mount(b"", 22) is None


@pytest.mark.parametrize("name", [b"/a\r23 1 0:9 / / rw - devpts none rw", b"/\\01223 1 0:9", b"/23 1 0:9 /"])
def test_text_in_names_is_not_taken_for_a_mount(name):
    found = b"22 1 0:5 / %s rw - fuse none rw\n" % name
    assert find_mount(found, 23) is None


class Reader:
    """Returns the tables of the test, and records whose are read."""

    def __init__(self, **tables: bytes) -> None:
        self.tables = tables
        self.asked: list[str] = []

    def read(self, path: str) -> bytes | None:
        who = path.split("/")[-2]
        self.asked.append(who)
        if who == "66":
            raise PermissionError
        return self.tables.get(f"of_{who}")


@pytest.fixture
def reader(monkeypatch) -> Reader:
    reader = Reader(of_self=table((22, 5, b"ext4")), of_7=table((30, 6, b"fuse")), of_8=table((31, 7, b"tmpfs")))
    monkeypatch.setattr(kernel_text, "read", reader.read)
    return reader


def test_tables_are_read_once_and_only_if_needed(reader):
    """Our own table once, and that of a process with a mount we do not have, once for all of its descriptors."""
    mounts = Mounts()
    assert mounts.find(None, 7) is None
    assert reader.asked == []
    for _ in range(2):
        assert mounts.find(22, 7) is not None
    assert reader.asked == ["self"]
    for _ in range(2):
        assert mounts.find(30, 7) == MountKind(b"fuse", (b"rw",))
        assert mounts.find(99, 7) is None
    assert reader.asked == ["self", "7"]
    assert mounts.find(31, 8) is not None
    assert mounts.find(99, 66) is None
    assert mounts.find(99, 67) is None
    assert reader.asked == ["self", "7", "8", "66", "67"]
