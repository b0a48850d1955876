"""Rings of io_uring(7), by what the kernel reports of them."""

from __future__ import annotations

import os

import pytest

from reaper import kernel_text
from reaper.lock.freeze import io_uring
from reaper.lock.freeze.io_uring import Ring, find_busy, may_read, parse
from tests.unit.sense.trees import Tree

RING = """\
pos:\t0
flags:\t02000002
mnt_id:\t17
ino:\t{inode}
SqMask:\t0x3f
SqHead:\t{asked}
SqTail:\t{asked}
CachedSqHead:\t{asked}
CqMask:\t0x7f
CqHead:\t0
CqTail:\t{asked}
CachedCqTail:\t{asked}
SqThread:\t{thread}
UserFiles:\t{count}
{files}UserBufs:\t0
PollList:
{waiting}CqOverflowList:
"""
OLD = "pos:\t0\nflags:\t02000002\nmnt_id:\t17\nSqThread:\t-1\nUserFiles:\t0\nUserBufs:\t0\nPollList:\n"
SILENT = "pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t7\n"
READING, POLLING = "  op=22, task_works=0\n", "  op=6, task_works=0\n"


def ring(asked: int = 0, files: str = "", waiting: str = "", thread: int = -1, inode: int = 7, count: int = 0) -> str:
    return RING.format(
        asked=asked, files=files, waiting=waiting, thread=thread, inode=inode, count=files.count("\n") or count
    )


class Process:
    """A process with two threads, each with a ring, and nothing else."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.pid = tree.add(510).pid
        self._flags(510, 0x400100)

    def open(self, *texts: str) -> int:
        for tid, text in zip((510, 511), texts):
            task = self.tree.directory / f"proc/510/task/{tid}"
            for kind in ("fd", "fdinfo"):
                (task / kind).mkdir(parents=True)
            os.symlink("/dev/null", task / "fd/0")
            os.symlink("anon_inode:[io_uring]", task / "fd/4")
            (task / "fdinfo/4").write_text(text)
        return self.pid

    def map(self, *lines: str) -> int:
        self.tree.write(510, "maps", "".join(f"{line}\n" for line in lines))
        return self.pid

    def add_worker(self, flags: int = 0x404050) -> int:
        (self.tree.directory / "proc/510/task/511").mkdir(exist_ok=True)
        self._flags(511, flags)
        return self.pid

    def _flags(self, tid: int, flags: int) -> None:
        numbers = [1, 1, 1, 0, -1, flags, *[0] * 10, 2, 0, 50, *[0] * 30]
        text = f"{tid} (java) S {' '.join(map(str, numbers))}\n"
        (self.tree.directory / f"proc/510/task/{tid}/stat").write_text(text)

    def may_read(self, *, may_wait: bool = False) -> bool:
        texts = (self.tree.directory / "proc/510/task").glob("*/fdinfo/4")
        return may_read(510, [parse(text.read_bytes()) for text in texts], may_wait=may_wait)


@pytest.fixture
def process(tree) -> Process:
    return Process(tree)


def test_ring_that_never_got_a_request_is_idle(process):
    """No other ring is: it may give more answers than it got requests, so comparing the counts proves nothing."""
    assert find_busy([process.open(ring(), ring())]) is None


@pytest.mark.parametrize("text", [ring(asked=4), ring(thread=23), ring(waiting=POLLING), OLD, SILENT, ""])
def test_ring_that_the_kernel_may_serve_is_busy(process, text):
    """It got a request, polls by itself, has a pending request, or is not reported. In any thread."""
    assert find_busy([4711, process.open(ring(), text)]) == 510


def test_process_that_is_gone_is_not_busy(tree):
    assert find_busy([510]) is None
    assert not may_read(510, [], may_wait=True)


@pytest.mark.parametrize(
    ("text", "at_once", "waiting"),
    [
        (ring(asked=9), False, False),
        (ring(waiting=POLLING), False, False),
        (ring(waiting=POLLING + READING), False, True),
        (ring(waiting="  op=60, task_works=0\n"), False, True),
        (ring(waiting="  op=27, task_works=0\n"), False, False),
        (ring(waiting="  op=99, task_works=0\n"), False, True),
        (ring(files="    0: /dev/pts/0\n"), True, True),
        (ring(files="    0: /home/a/\r/x\n"), True, True),
        (ring(count=64), True, True),
        (SILENT, False, True),
        (OLD, True, True),
    ],
)
def test_process_may_read_by_its_rings(process, text, at_once, waiting):
    """A process that has registered a file, under any name. What a pending read waits for is unknown."""
    process.open(text)
    assert process.may_read() is at_once
    assert process.may_read(may_wait=True) is waiting


def test_file_names_are_not_parsed_as_fields():
    """The kernel escapes line feeds in them."""
    names = "    0: /a\rPollList:\r  op=22, b\n    1: /UserFiles:\t0\rCachedSqHead:\t0\n"
    assert parse(ring(asked=3, files=names).encode()) == Ring(7, 2, 3, -1, waits_to_read=False, waits=False)


def line(name: str, inode: int = 7) -> str:
    return f"7fd1f4e2a000-7fd1f4e2b000 rw-s 10000000 00:10 {inode}                     {name}"


def test_ring_that_is_mapped_but_not_open_is_busy(process):
    process.map(line("/lib/libc.so"), line("[heap]", 0), line("anon_inode:[io_uring]"))
    assert process.may_read()
    assert find_busy([510]) == 510


def test_ring_that_is_mapped_and_open_is_recognized(process):
    """It is recognized by its inode; another one that is mapped is not open."""
    process.open(ring())
    process.map(line("anon_inode:[io_uring]"))
    assert not process.may_read()
    assert find_busy([510]) is None
    process.map(line("anon_inode:[io_uring]"), line("anon_inode:[io_uring]", 8))
    assert process.may_read()
    assert find_busy([510]) == 510


def test_files_named_like_a_ring_do_not_count(process):
    process.map(
        line("/home/a/anon_inode:[io_uring]"),
        line("/anon_inode:[io_uring]\\012"),
        line("/tmp/\ranon_inode:[io_uring]"),
        line("/a 00:10 7                 anon_inode:[io_uring]"),
        line("anon_inode:[io_uring] (deleted)"),
    )
    assert not process.may_read()


def test_truncated_mappings_count_as_busy(process, monkeypatch):
    """The part that is cut off may have a ring."""
    monkeypatch.setattr(kernel_text, "MOST_BYTES", 1 << 17)
    process.map(*[line("[stack]")] * 1000)
    assert process.may_read()
    assert find_busy([510]) == 510


def test_worker_thread_of_the_kernel_is_recognized(process):
    """It is recognized under any name, as the user can choose it. A ring that is open shows more."""
    process.add_worker(flags=0x400040)
    assert not process.may_read()
    process.add_worker()
    assert process.may_read()
    assert find_busy([510]) == 510
    process.open(ring())
    assert not process.may_read()
    assert find_busy([510]) == 510


def test_ring_that_is_in_use_is_read_again(process, monkeypatch):
    """Its fdinfo is empty meanwhile."""
    path = process.tree.directory / "proc/510/task/510/fdinfo/4"
    process.open(SILENT)
    monkeypatch.setattr(io_uring.time, "sleep", lambda seconds: path.write_text(ring()))
    assert find_busy([510]) is None
