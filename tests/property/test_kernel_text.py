"""Whatever names users choose, no field of the kernel's text reads otherwise for it, and nothing raises.

Names are what users choose: of threads, mount points, control groups and files. Every end of a line that Python or the
C library knows is in them, parentheses, names of fields, and nothing at all; and files of 16 MiB.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reaper import kernel_text, procfs
from reaper.procparse import IoCounters, Signals, Stat, parse_stat
from reaper.sense.executables import MountKind, find_mount

LINE_ENDS = [end.encode() for end in "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029\0"] + [b"\x85"]
FIELDS = [b"Tgid:", b"Uid:", b"SigIgn:", b"rchar: ", b"0::/", b"tty-index:\t", b" - tmpfs", b"mnt_id:\t", b"frozen 1"]
PIECES = st.one_of(
    st.sampled_from([*LINE_ENDS, *FIELDS, b")", b"(", b" ", b"\t", b"\\n", b"zz", b"-1", b"1_0", b"\xc2\xb2"]),
    st.binary(max_size=8).map(lambda data: data.replace(b"\n", b"")),
)
NAMES = st.lists(PIECES, max_size=6).map(b"".join)
SIZES = st.integers(-(2**63), 2**64 - 1)


@pytest.fixture(autouse=True, scope="module")
def nothing_is_read() -> Iterator[None]:
    """Fails a test that reads the real files."""
    with mock.patch.object(kernel_text, "read", side_effect=AssertionError):
        yield


def told(text: bytes | None) -> mock._patch[mock.MagicMock]:
    """Has every file of the kernel's contain that."""
    return mock.patch.object(kernel_text, "read", return_value=text)


SIGNALS = b"".join(b"Sig%s:\t%016x\n" % each for each in [(b"Pnd", 1), (b"Blk", 4), (b"Ign", 5), (b"Cgt", 6)])
SIGNALS = b"ShdPnd:\t%016x\n" % 2 + SIGNALS


def status(name: bytes) -> bytes:
    """Returns a whole /proc/PID/status, with the process's own name as proc_task_name() escapes it."""
    shown = name.replace(b"\\", b"\\\\")
    return b"Name:\t%s\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t42\nUid:\t1\t2\t3\t4\n" % shown + SIGNALS


@given(NAMES)
@example(b"\rTgid:30")
@example(b"\rUid:zz")
@example(b"\rSigIgn:zz")
@example(b"")
@example(b"Uid:\t0\t0\t0\t0")
def test_thread_name_changes_no_field_of_its_status(name):
    with told(status(name)):
        assert procfs.read_tgid(42) == 42
        assert procfs.read_uids(42) == (1, 2, 3, 4)
        assert procfs.read_ignored_signals(42) == 5
        assert procfs.read_signals(42) == Signals(pending=3, blocked=4, ignored=5, caught=6)


@given(NAMES, st.lists(SIZES, min_size=49, max_size=49), st.sampled_from("RSDZTtXI"))
@example(b"a) R 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", [7] * 49, "S")
@example(b"sshd (", [7] * 49, "Z")
@example(b") S 1", [7] * 49, "S")
@example(b"a\n) S 1\n", [7] * 49, "S")
def test_thread_name_changes_no_field_of_its_stat(name, numbers, state):
    """Line feeds included: the kernel escapes none here."""
    stat = parse_stat(b"42 (%s) %s %s\n" % (name, state.encode(), b" ".join(b"%d" % each for each in numbers)))
    assert stat == Stat(
        pid=42, state=state, ppid=numbers[0], pgrp=numbers[1], session=numbers[2], tty_nr=numbers[3],
        tpgid=numbers[4], cpu_ticks=numbers[10] + numbers[11], reaped_cpu_ticks=numbers[12] + numbers[13],
        threads=numbers[16], starttime=numbers[18], rss_pages=numbers[20],
        flags=numbers[5],
    )  # fmt: skip


@given(NAMES)
@example(b"a\r0::/system.slice/cron.service")
@example(b" blanks ")
def test_group_is_read_whole_and_alone(name):
    path = b"/user.slice/user-1.slice/user@1.service/" + name
    with told(b"12:cpuset:/\n1:name=systemd:/else\n0::%s\n" % path):
        assert os.fsencode(procfs.read_group(42) or "") == path


@given(NAMES, NAMES)
@example(b"\r9 8 0:7 / / rw - devpts", b"")
def test_mount_point_makes_no_mount(point, source):
    """The kernel escapes a blank, a tab, a line feed and a backslash in both (proc_pid_mountinfo(5))."""
    shown = [name.replace(b"\\", b"\\134").replace(b" ", b"\\040").replace(b"\t", b"\\011") for name in (point, source)]
    text = b"36 35 98:5 / /%s rw,noatime master:1 - ext4 %s rw\n37 35 0:21 / /dev/pts rw - devpts x rw\n" % tuple(shown)
    assert [find_mount(text, number) for number in (36, 37)] == [
        MountKind(b"ext4", (b"rw",)),
        MountKind(b"devpts", (b"rw",)),
    ]


@given(NAMES)
def test_text_that_a_driver_adds_to_fdinfo_changes_no_field(name):
    """A dma-buf's name stands there as its user gave it, line feeds included (DMA_BUF_SET_NAME)."""
    with told(b"pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t7\nname:\ta\nmnt_id:\t1\nino:\t2\n%s\n" % name):
        assert procfs.read_descriptor(42, 3) == (15, 7)


@given(st.one_of(st.none(), st.binary(max_size=200), st.lists(PIECES | st.just(b"\n"), max_size=30).map(b"".join)))
@example(b"6 5 0:5 / / rw - ext4 x\n6 5\n")
def test_any_bytes_are_read_or_passed_over(data):
    with told(data):
        assert procfs.read_tgid(1) is None or isinstance(procfs.read_tgid(1), int)
        assert len(procfs.read_uids(1)) in (0, 4)
        assert procfs.read_ignored_signals(1) is None or isinstance(procfs.read_ignored_signals(1), int)
        assert procfs.read_signals(1) is None or isinstance(procfs.read_signals(1), Signals)
        assert procfs.read_group(1) is None or isinstance(procfs.read_group(1), str)
        assert procfs.read_io(1) is None or isinstance(procfs.read_io(1), IoCounters)
        assert procfs.read_descriptor(1, 1) is None or len(procfs.read_descriptor(1, 1) or ()) == 2
        assert procfs.read_tty_index(1, 1) is None or isinstance(procfs.read_tty_index(1, 1), int)
        assert procfs.read_stat(1) is None or isinstance(procfs.read_stat(1), Stat)
    for line in kernel_text.lines(data or b""):
        assert b"\n" not in line
        found = find_mount(line, 6)
        assert found is None or line.startswith(b"6 ")
    assert all(isinstance(each, int) for each in kernel_text.numbers(data or b""))


@given(st.binary(max_size=30))
@example(b"1_0")
@example(b" 1")
@example(b"+1")
@example("\u0661".encode())
@example(b"\xb2")
@example(b"9" * 5000)
@example(b"1\n")
def test_number_is_digits_alone(data):
    value = kernel_text.number(data)
    assert value is None or (data.lstrip(b"-").isdigit() and value == int(data) and len(data) <= 21)
    value = kernel_text.hexadecimal(data)
    assert value is None or b"%x" % value == (data.lower().lstrip(b"0") or b"0")


@given(st.lists(st.binary(max_size=10).map(lambda data: data.replace(b"\n", b"")), max_size=8))
def test_lines_end_at_line_feeds_alone(lines):
    assert kernel_text.lines(b"".join(line + b"\n" for line in lines)) == lines
