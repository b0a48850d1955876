"""Rings of io_uring(7), by what the kernel tells of them."""

from __future__ import annotations

import os

import pytest

from reaper.lock import rings

RING = """\
pos:\t0
flags:\t02000002
SqMask:\t0x3f
SqHead:\t{asked}
SqTail:\t{asked}
CachedSqHead:\t{asked}
CqMask:\t0x7f
CqHead:\t0
CqTail:\t{done}
CachedCqTail:\t{done}
UserFiles:\t{count}
{files}UserBufs:\t0
PollList:
{waiting}CqOverflowList:
"""


def ring(asked: int = 3, done: int = 3, files: str = "", waiting: str = "") -> str:
    return RING.format(asked=asked, done=done, files=files, waiting=waiting, count=files.count("\n"))


def ring_bytes(**fields: object) -> bytes:
    return ring(**fields).encode()


@pytest.fixture
def process(tree):
    """A process that has two threads, with one ring each and another file."""

    def add(*texts: str) -> int:
        for tid, text in zip((510, 511), texts):
            task = tree.directory / f"proc/510/task/{tid}"
            for kind in ("fd", "fdinfo"):
                (task / kind).mkdir(parents=True)
            os.symlink("/dev/null", task / "fd/0")
            os.symlink("anon_inode:[io_uring]", task / "fd/4")
            (task / "fdinfo/4").write_text(text)
        return 510

    return add


def test_a_ring_is_settled_when_all_is_done(process):
    assert rings.is_settled(ring_bytes())
    assert not rings.is_settled(ring_bytes(asked=4))
    assert not rings.is_settled(ring_bytes(waiting="  op=6, task_works=0\n"))
    assert not rings.is_busy(process(ring(), ring()))


def test_a_thread_has_one_of_its_own(process):
    assert rings.is_busy(process(ring(), ring(asked=32, done=0)))


def test_no_process(tree):
    assert not rings.is_busy(510)
    assert not rings.reads(510, ["pts/0"], may_wait=True)


@pytest.mark.parametrize(
    ("text", "at_once", "waiting"),
    [
        (ring(), False, False),
        (ring(waiting="  op=6, task_works=0\n"), False, False),
        (ring(waiting="  op=6, task_works=0\n  op=22, task_works=0\n"), False, True),
        (ring(files="    0: /dev/pts/3\n"), False, False),
        (ring(files="    0: /home/a/b\n    1: /dev/pts/0\n"), True, True),
        (ring(files="    0: /dev/tty\n"), True, True),
    ],
)
def test_who_reads(process, text, at_once, waiting):
    """What is registered is known; what it is that a read waits for is not."""
    pid = process(text)
    assert rings.reads(pid, ["pts/0"], may_wait=False) is at_once
    assert rings.reads(pid, ["pts/0"], may_wait=True) is waiting
