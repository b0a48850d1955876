"""What a user may set before calling su or sudo, and pam_limits before a session begins.

The mark is written nevertheless.
"""

from __future__ import annotations

import os

import pytest

from tests.pam.conftest import parse

FILE_SIZES = [0, 100, 8191]


def written(stack, service: str) -> dict[str, str]:
    """Returns the only mark or record there is, which is the target of a link."""
    directory = stack.directory if service == "login" else stack.marked
    (name,) = os.listdir(directory)
    path = os.path.join(directory, name)
    assert os.path.islink(path)
    return parse(os.readlink(os.fsencode(path)))


@pytest.mark.parametrize("service", ["su", "sudo", "login"])
@pytest.mark.parametrize("size", FILE_SIZES)
def test_file_size_limit_prevents_no_mark(stack, service, size):
    """Without the right to raise it, and with the signal's default action: the end of the process."""
    login = stack.start(f"fsize:{size}", "open", "pause", "close", service=service)
    login.until_paused()
    assert written(stack, service)["LEADER"] == str(login.pid)
    result = stack.finish(login)
    assert (result.status, result.code("open"), result.code("close"), result.log) == (0, 0, 0, [])
    assert stack.marks() == stack.records() == {}


def test_sufficient_file_size_limit_changes_nothing(stack):
    stack.run("fsize:8192", "open")
    assert stack.record()["USER"] == "root"


def test_longest_record_fits_into_a_link(stack, tmp_path):
    """4095 bytes at most: groups are left out."""
    (tmp_path / "passwd").write_text("ann:x:1000:1000::/:/bin/sh\n")
    (tmp_path / "group").write_text("".join(f"{i:030}:x:{4_000_000_000 + i}:ann\n" for i in range(600)))
    setup = f"mount --bind {tmp_path}/passwd /etc/passwd; mount --bind {tmp_path}/group /etc/group"
    items = [f"item:{name}={'h' * 300}" for name in ("RHOST", "RUSER", "TTY")]
    result = stack.run(*items, "fsize:0", "open", user="ann", setup=setup)
    record = written(stack, "login")
    assert (result.log, record["GROUPS"], record["RHOST"][-3:]) == ([], "601", "...")
    assert 50 < len([key for key in record if key.startswith("GROUP_")]) < 601


@pytest.mark.parametrize("service", ["su", "login"])
@pytest.mark.parametrize(
    "setup",
    ["umask 0777", "umask 0", "mkdir $D.gone; cd $D.gone; rmdir $D.gone", "exec <&- 2>&-", "trap '' XFSZ HUP TERM"],
    ids=["mask-of-all", "mask-of-none", "directory-gone", "closed-descriptors", "signals-ignored"],
)
def test_environment_of_the_caller_prevents_no_mark(stack, service, setup):
    result = stack.finish(stack.start("block", "open", service=service, setup=f"mkdir -p ${{D%/*}}; {setup}"))
    assert (result.status, result.code("open")) == (0, 0)
    found = stack.records() if service == "login" else stack.marks()
    assert [text.endswith(b"\n") for text in found.values()] == [True]
