"""The files of /proc/PID: parsed by field, whatever name the process has given itself."""

from __future__ import annotations

import pytest

from reaper.procparse import parse_stat, parse_status

# Fields 3 to 24 of proc_pid_stat(5): the state, then numbers, each of which is its field's own.
REST = b"S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24"
STATUS = b"Name:\tUid:\t0\nUmask:\t0022\nUid:\t1000\t1000\t1000\t1000\n"


@pytest.mark.parametrize("name", [b"a", b"a) S 1 1 1 (b", b"x\ny", b"", b"\xff)"])
def test_stat_is_parsed_after_the_last_parenthesis(name):
    stat = parse_stat(b"123 (" + name + b") " + REST + b"\n")
    assert stat is not None
    assert (stat.pid, stat.state, stat.ppid, stat.pgrp, stat.session, stat.tty_nr) == (123, "S", 4, 5, 6, 7)
    assert (stat.tpgid, stat.flags, stat.threads, stat.starttime, stat.rss_pages) == (8, 9, 20, 22, 24)
    assert (stat.cpu_ticks, stat.reaped_cpu_ticks) == (14 + 15, 16 + 17)


@pytest.mark.parametrize(
    "text", [b"", b"123", b"x (a) " + REST, b"123 (a) S 4 5", b"123 (a) " + REST.replace(b" 7", b" x")]
)
def test_malformed_stat_is_none(text):
    assert parse_stat(text) is None


def test_status_field_is_never_taken_from_the_name():
    assert parse_status(STATUS, "Uid") == b"1000\t1000\t1000\t1000"
    assert parse_status(STATUS, "Name") is None
    assert parse_status(STATUS, "Gid") is None
