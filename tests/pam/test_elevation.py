"""The mark that su and sudo leave where somebody becomes root: what is in it, and when it is removed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

ELEVATES = ["doas", "polkit-1", "su", "su-l", "sudo", "sudo-i"]
KEYS = ["VERSION", "USER", "UID", "SERVICE", "TTY", "RUSER", "LEADER", "START_TICKS", "OPENED_USEC"]


@pytest.mark.parametrize("service", ELEVATES)
def test_mark_exists_while_root_acts(stack, service):
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    login = stack.start("item:TTY=/dev/pts/3", "item:RUSER=ann", "open", "pause", "close", service=service)
    login.until_paused()
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    (name,) = stack.marks()
    mark = stack.mark()
    assert name == login.name()
    assert list(mark) == KEYS
    assert before <= int(mark.pop("OPENED_USEC")) <= after
    assert mark == {
        "VERSION": "1",
        "USER": "root",
        "UID": "0",
        "SERVICE": service,
        "TTY": "/dev/pts/3",
        "RUSER": "ann",
        "LEADER": str(login.pid),
        "START_TICKS": login.start_ticks(),
    }
    assert (stack.marked / name).stat().st_mode & 0o7777 == 0o600
    assert stack.marked.stat().st_mode & 0o7777 == 0o700
    result = stack.finish(login)
    assert (result.code("open"), result.code("close"), result.log) == (0, 0, [])
    assert stack.marks() == stack.records() == {}


def test_root_is_recognised_by_uid_and_not_by_name(stack, tmp_path):
    (tmp_path / "passwd").write_text("root:x:4711:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n")
    setup = f"mount --bind {tmp_path}/passwd /etc/passwd"
    assert stack.run("open", service="su", setup=setup).log == []
    assert stack.marks() == {}
    stack.run("open", service="su", user="toor", setup=setup)
    mark = stack.mark()
    assert (mark["USER"], mark["UID"]) == ("toor", "0")


@pytest.mark.parametrize("service", ELEVATES)
def test_becoming_another_user_is_not_marked(stack, service):
    result = stack.run("open", "close", service=service, user="nobody", options="require")
    assert (result.code("open"), result.code("close"), result.log) == (0, 0, [])
    assert stack.marks() == stack.records() == {}


def test_hostile_strings_are_escaped(stack):
    stack.run(b"item:TTY=\x1b[2J", b"item:RUSER=ann\nUID=7", "open", service="su")
    mark = stack.mark()
    assert (mark["TTY"], mark["RUSER"], mark["UID"]) == (r"\x1b[2J", r"ann\x0aUID=7", "0")


def test_two_lines_make_one_mark(stack):
    """su-l includes su; on Debian common-session has a line for each kind."""
    stack.configure("su-l", stack.session_line() + stack.session_line("elevations"))
    login = stack.start("open", "pause", "close", service="su-l")
    login.until_paused()
    assert list(stack.marks()) == [login.name()]
    result = stack.finish(login)
    assert (result.code("close"), result.log, stack.marks()) == (0, [], {})


def test_inner_elevation_leaves_the_outer_mark(stack):
    """sudo su -: the end of the inner one leaves the mark of the outer."""
    outer = stack.start("open", "pause", "close", service="sudo")
    outer.until_paused()
    stack.run("open", "close", service="su-l")
    assert list(stack.marks()) == [outer.name()]
    stack.finish(outer)
    assert stack.marks() == {}


def test_option_elevations_records_no_login(stack):
    """For services that nobody logs in through: they get no record, and the others still work."""
    options = "elevations require"
    for service in ("login", "sshd", "samba", "cron"):
        where = "/nonexistent/reaper/sessions"
        result = stack.run("open", "close", service=service, options=options, directory=where)
        assert (result.code("open"), result.code("close"), result.log) == (0, 0, [])
    stack.run("open", service="sudo", options=options)
    assert len(stack.marks()) == 1
    assert stack.records() == {}


def test_skip(stack):
    result = stack.run("open", "close", service="sudo", options="skip=sudo debug")
    assert result.log == [("debug", "pam_reaper(sudo:session): service sudo is passed over")]
    assert stack.marks() == {}


def test_debug(stack):
    result = stack.run("open", "close", service="su", options="debug")
    name = f"{stack.marked}/{result.pid}."
    assert [line.rpartition(".")[0] + "." for _, line in result.log] == [
        f"pam_reaper(su:session): recorded the elevation as {name}",
        f"pam_reaper(su:session): removed the record {name}",
    ]


@pytest.mark.parametrize(
    ("directory", "why"),
    [
        ("sessions", "open the directory: Invalid argument"),
        ("/" + "d" * 300 + "/sessions", "open the directory: File name too long"),
        ("/d" * 240 + "/sessions", "create the directory: No such file or directory"),
    ],
)
def test_missing_directory_is_logged_and_ignored(stack, directory, why):
    result = stack.run("open", "close", service="su", directory=directory)
    assert (result.code("open"), result.code("close")) == (0, 0)
    marked = f"{directory[: -len('sessions')]}elevated"
    text = f"cannot record the elevation of  in {marked}, failed to {why}, ignoring"
    assert result.log == [("err", f"pam_reaper(su:session): {text}")]


def test_close_without_permission_is_logged(stack):
    result = stack.run("open", "seteuid:65534", "close", service="su")
    text = f"cannot remove the record of this elevation from {stack.marked}: Permission denied, ignoring"
    assert result.log == [("err", f"pam_reaper(su:session): {text}")]
    assert result.code("close") == 0
    assert len(stack.marks()) == 1


def test_the_compiled_in_directory(stack):
    setup = "umask 077; mount -t tmpfs -o mode=755 run /run"
    login = stack.start("open", "pause", "close", service="sudo-i", directory=None, setup=setup)
    login.until_paused()
    run = Path(f"/proc/{login.pid}/root/run")
    assert (run / "reaper").stat().st_mode & 0o7777 == 0o755
    assert (run / "reaper/elevated").stat().st_mode & 0o7777 == 0o700
    assert [entry.name for entry in (run / "reaper/elevated").iterdir()] == [login.name()]
    stack.finish(login)
