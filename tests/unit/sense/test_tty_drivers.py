"""Which devices are terminals that a person can use, by the text of /proc/tty/drivers."""

from __future__ import annotations

import os

import pytest

from reaper import procfs
from reaper.sense import terminals, tty_drivers
from reaper.sense.tty_drivers import Driver, is_line, parse_drivers, pty_index

# As the kernels of an x86 server, an i.MX board, a gadget, a hypervisor's guest and a mainframe print it
# (fs/proc/proc_tty.c: show_tty_range); the lines of all in one text.
TEXT = b"""\
/dev/tty             /dev/tty        5       0 system:/dev/tty
/dev/console         /dev/console    5       1 system:console
/dev/ptmx            /dev/ptmx       5       2 system
/dev/vc/0            /dev/vc/0       4       0 system:vtmaster
ttyprintk            /dev/ttyprintk   5       3 console
serial               /dev/ttyS       4 64-95 serial
IMX-uart             /dev/ttymxc   207 16-23 serial
g_serial             /dev/ttyGS    243 0-7 serial
hvc                  /dev/hvc      229 0-7 system
sclp_line            /dev/sclp_line  4      64 system:/dev/tty
dcc_tty driver       /dev/ttyDCC   240       0 type:5.0
pty_slave            /dev/pts      136 0-1048575 pty:slave
pty_master           /dev/ptm      128 0-1048575 pty:master
unknown              /dev/tty        4 1-63 console
"""
DRIVERS = parse_drivers(TEXT)


def test_all_drivers_are_parsed():
    assert len(DRIVERS) == len(TEXT.splitlines())
    assert Driver(207, 16, 23, b"serial") in DRIVERS
    assert Driver(4, 0, 0, b"system:vtmaster") in DRIVERS
    assert Driver(240, 0, 0, b"type:5.0") in DRIVERS


@pytest.mark.parametrize("text", [b"", b"\n", b"garbage\n", b"a b c d e\n", b"a /dev/a 4 1- serial\n", b"\xff" * 100])
def test_other_lines_are_skipped(text):
    assert parse_drivers(text) == []


@pytest.mark.parametrize(
    ("major", "minor", "expected"),
    [
        (4, 64, True), (207, 16, True), (243, 7, True), (229, 0, True), (240, 0, True), (4, 1, True), (4, 63, True),
        (136, 5, True), (5, 0, False), (5, 1, False), (5, 2, False), (5, 3, False), (4, 0, False), (128, 3, False),
        (207, 24, False), (1, 3, False), (10, 200, False),
    ],
)  # fmt: skip
def test_line_is_recognised_by_its_driver(major, minor, expected):
    """A pty too, if it is mounted under another name, as in containers."""
    assert is_line(os.makedev(major, minor), DRIVERS) is expected


def test_no_line_is_recognised_without_a_driver_list(tmp_path, monkeypatch):
    monkeypatch.setattr(procfs, "PROC", str(tmp_path))
    assert tty_drivers.read_drivers() == []
    assert not is_line(os.makedev(4, 64), [])


@pytest.mark.parametrize("name", ["ttyS0", "ttymxc0", "ttyGS0", "hvc0", "ttyLP3", "sclp_line0"])
def test_serial_line_of_any_name_is_recognised(tmp_path, monkeypatch, name):
    (tmp_path / "tty").mkdir()
    (tmp_path / "tty" / "drivers").write_bytes(TEXT)
    monkeypatch.setattr(procfs, "PROC", str(tmp_path))
    monkeypatch.setattr(terminals, "read_device", {name: os.makedev(207, 17)}.get)
    assert terminals.is_serial(name)
    assert terminals.line_name(f"/dev/{name}") == name
    assert not terminals.is_serial("ttymxc9"), "there is none"
    monkeypatch.setattr(terminals, "read_device", {name: os.makedev(1, 3)}.get)
    assert not terminals.is_serial(name), "a device that is no terminal"


@pytest.mark.parametrize(
    "name", ["", "ssh", "cron", ":0", "../tty1", "shm/tty1", "tty1/x", "ttyS0\n", "pts/", "pts/x", "ptmx"]
)
def test_other_names_are_no_terminal(name):
    assert terminals.line_name(name) == ""


def test_drivers_of_this_host_are_read():
    """A container has no console, but the kernel's drivers are listed; none of these devices is a line."""
    for name in ("null", "ptmx", "tty", "zero"):
        assert not terminals.is_serial(name)
    assert all(each.first <= each.last for each in tty_drivers.read_drivers())


def test_pty_index_of_a_tty_nr():
    assert pty_index(136 << 8 | 5) == 5
    assert pty_index((136 << 8) | 0x2C | (1 << 20)) == 300
    assert pty_index(4 << 8 | 1) is None
    assert pty_index(0) is None
