"""The groups in a record: all numbers, as far as they fit, and the names that can be looked up in time."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest


def decode(value: str) -> bytes:
    """The inverse of the format, written from the design and not from the module."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), value.encode("ascii"))


def write_users(stack, tmp_path, groups: bytes, user: str = "ann", gid: int = 1000) -> str:
    """Makes a user of those groups the only one; returns the shell that does it in the namespace of the login."""
    (tmp_path / "passwd").write_text(f"root:x:0:0::/:/bin/sh\n{user}:x:1000:{gid}::/:/bin/sh\n")
    (tmp_path / "group").write_bytes(groups)
    return f"mount --bind {tmp_path}/passwd /etc/passwd; mount --bind {tmp_path}/group /etc/group"


def by_name_service(stack, name_service, groups: str, delay_ms: int = 0) -> None:
    """Makes these groups known to the name service `lab`, which takes this long for each answer."""
    stack.nsswitch.write_text("passwd: files\ngroup: lab\n")
    (stack.lab / "group").write_text(groups)
    (stack.lab / "asked").touch()
    if delay_ms:
        (stack.lab / "delay").write_text(str(delay_ms))
    stack.build = replace(stack.build, environment={**stack.build.environment, "LD_LIBRARY_PATH": str(name_service)})


def groups_of(record: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in record.items() if key.startswith("GROUP")}


def test_groups_are_recorded_with_number_and_name(stack, tmp_path):
    setup = write_users(
        stack, tmp_path, b"root:x:0:\nann:x:1000:\nops:x:27:bob,ann\nother:x:28:bob\nlab:x:4294967294:ann\n"
    )
    result = stack.run("open", user="ann", setup=setup)
    assert groups_of(stack.record()) == {"GROUPS": "3", "GROUP_1000": "ann", "GROUP_27": "ops",
                                         "GROUP_4294967294": "lab"}  # fmt: skip
    assert list(stack.record())[-4] == "GROUPS"
    assert result.log == []


def test_group_without_a_name_is_a_number(stack, tmp_path):
    setup = write_users(stack, tmp_path, b"ops:x:27:ann\n", gid=4711)
    stack.run("open", user="ann", setup=setup)
    assert groups_of(stack.record()) == {"GROUPS": "2", "GROUP_4711": "", "GROUP_27": "ops"}


@pytest.mark.parametrize("name", [b"Domain Users", b"CORP\\ops", b"j\xf6rg", b"a=b", b"\x1b[2J", b"g" * 300])
def test_hostile_group_names_are_escaped(stack, tmp_path, name):
    setup = write_users(stack, tmp_path, b"ann:x:1000:\n" + name + b":x:27:ann\n")
    stack.run("open", user="ann", setup=setup)
    shown = decode(stack.record()["GROUP_27"])
    assert shown == (name if len(name) <= 256 else name[:253] + b"...")


@pytest.mark.parametrize(
    ("count", "length", "fitting", "least_named"),
    [(100, 16, 101, 101), (250, 30, 251, 30), (250, 200, 251, 4), (700, 30, 300, 0), (3000, 8, 300, 0)],
)
def test_many_groups_are_numbers_before_names(stack, tmp_path, count, length, fitting, least_named):
    """Numbers come before names: the record says how many groups there are, and has all that fit."""
    lines = [f"{i:0{length}d}:x:{4_000_000_000 + i}:ann\n" for i in range(count)]
    setup = write_users(stack, tmp_path, b"ann:x:1000:\n" + "".join(lines).encode())
    huge = "h" * 300
    stack.run(f"item:RHOST={huge}", f"item:RUSER={huge}", "open", user="ann", setup=setup)
    groups = groups_of(stack.record())
    assert int(groups.pop("GROUPS")) == count + 1
    assert fitting <= len(groups) <= count + 1
    named = [name for name in groups.values() if name]
    assert len(named) >= least_named
    assert all(re.fullmatch(r"ann|[0-9]+", name) for name in named)


def test_marks_have_no_groups(stack):
    stack.run("open", service="su")
    assert groups_of(stack.mark()) == {}


def test_slow_name_service_is_asked_for_numbers_only(stack, tmp_path, name_service):
    """A login has just asked for those itself. A user in a hundred groups does not wait a hundred times."""
    setup = write_users(stack, tmp_path, b"")
    by_name_service(stack, name_service, "ann:x:1000:\nops:x:27:ann\n", delay_ms=1100)
    stack.run("open", user="ann", setup=setup)
    assert (stack.lab / "asked").read_text() == "initgroups\n"
    assert groups_of(stack.record()) == {"GROUPS": "2", "GROUP_1000": "", "GROUP_27": ""}


def test_names_are_asked_for_during_one_second(stack, tmp_path, name_service):
    setup = write_users(stack, tmp_path, b"")
    lines = [f"group{number}:x:{2000 + number}:ann\n" for number in range(50)]
    by_name_service(stack, name_service, "".join(lines), delay_ms=150)
    stack.run("open", user="ann", setup=setup)
    named = [name for key, name in groups_of(stack.record()).items() if name and key != "GROUPS"]
    assert 1 <= len(named) <= 7
    assert int(stack.record()["GROUPS"]) == 51


def test_name_service_that_fails_leaves_the_primary_group(stack, tmp_path):
    stack.nsswitch.write_text("passwd: files\ngroup: none-such\n")
    result = stack.run("open", user="ann", setup=write_users(stack, tmp_path, b""))
    assert groups_of(stack.record()) == {"GROUPS": "1", "GROUP_1000": ""}
    assert result.log == []


def test_huge_group_has_no_name_and_fails_no_login(stack, tmp_path):
    """It has more members than a buffer of 1 MiB can hold."""
    members = b",".join(b"user%07d" % number for number in range(120_000))
    setup = write_users(stack, tmp_path, b"ann:x:1000:\nhuge:x:27:ann," + members + b"\n")
    result = stack.run("open", user="ann", setup=setup)
    assert groups_of(stack.record()) == {"GROUPS": "2", "GROUP_1000": "ann", "GROUP_27": ""}
    assert result.log == []
