"""Targets for files of /proc and control groups, in which users choose names of threads, mount points and files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from reaper import kernel_text, procfs
from reaper.doctor.checks import kernel
from reaper.procparse import parse_stat
from reaper.sense.executables import find_mount
from reaper.sense.tty_drivers import is_line, parse_drivers

from .engine import target


@contextmanager
def every_file_is(text: bytes) -> Iterator[None]:
    """Gives every file of the kernel this content."""
    before = kernel_text.read
    kernel_text.read = lambda *_: text
    try:
        yield
    finally:
        kernel_text.read = before


def number(text: bytes) -> int | None:
    """A slow reference for reading a number: digits, perhaps after a minus; None for anything else."""
    digits = text[1:] if text[:1] == b"-" else text
    return int(text) if 0 < len(digits) <= 20 and all(0x30 <= byte <= 0x39 for byte in digits) else None


@target(longest=4096)
def stat(data: bytes) -> None:
    """/proc/PID/stat: read as a slow reference reads it, from the last parenthesis on."""
    read = parse_stat(data)
    close = max((at for at in range(len(data)) if data[at : at + 1] == b")"), default=None)
    if close is None:
        assert read is None
        return
    fields = data[close + 1 :].rstrip(b"\n").split(b" ")
    numbers = [number(each) for each in fields[2:23]]
    if read is not None:
        assert (read.state.encode("latin-1"), read.ppid, read.starttime, read.rss_pages) == (
            fields[1], numbers[0], numbers[18], numbers[20])  # fmt: skip
        assert None not in numbers


@target(longest=4096)
def status(data: bytes) -> None:
    """Fields of status, io, fdinfo and cgroup: the first line with a name counts, but never the thread's name."""
    lines = data.split(b"\n")
    with every_file_is(data):
        for name, read in ((b"Tgid:", procfs.read_tgid(1)), (b"mnt_id:", (procfs.read_descriptor(1, 1) or (None,))[0]),
                           (b"tty-index:", procfs.read_tty_index(1, 1))):  # fmt: skip
            where = lines[1:] if name == b"Tgid:" else lines
            first = next((line[len(name) :].strip(b" \t") for line in where if line.startswith(name)), b"")
            assert read == number(first), name
        assert len(procfs.read_uids(1)) in (0, 4)
        ignored = procfs.read_ignored_signals(1)
        assert ignored is None or ignored >= 0
        group = next((line[3:] for line in lines if line.startswith(b"0::")), None)
        assert procfs.read_group(1) == (None if group is None else os.fsdecode(group))
        procfs.read_io(1)
        procfs.read_stat(1)


@target(longest=4096)
def tty_drivers(data: bytes) -> None:
    """/proc/tty/drivers: each driver comes from a line of the text, and no device is a terminal without a driver."""
    found = parse_drivers(data)
    assert len(found) <= data.count(b"\n") + 1
    assert all(each.kind in data and b" " not in each.kind for each in found)
    for each in found[:16]:
        if 0 <= each.major < 1 << 12 and 0 <= each.first < 1 << 20:
            assert is_line(os.makedev(each.major, each.first), found) in (True, False)
    assert not is_line(os.makedev(5, 0), found)


@target(longest=16384)
def mountinfo(data: bytes) -> None:
    """Lines of mountinfo, as a lock reads them and as the doctor reads them."""
    for line in kernel_text.lines(data):
        number = kernel_text.number(line.partition(b" ")[0])
        found = None if number is None else find_mount(line, number)
        assert found is None or isinstance(found.is_asking, bool)
    read = kernel.parse_mounts("6.1.0", data.decode("utf-8", "replace"))
    assert read.cgroup in ("v1", "v2", "hybrid")
    kernel.parse_release(data.decode("utf-8", "replace"))


@target(longest=4096)
def pid_list(data: bytes) -> None:
    """cgroup.procs and children."""
    assert all(isinstance(each, int) for each in kernel_text.numbers(data))
    assert kernel_text.number(data) == number(data)
