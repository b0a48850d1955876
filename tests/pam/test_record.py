"""What is in a record, whatever strings went into it, and when it is removed."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

KEYS = ["VERSION", "USER", "UID", "SERVICE", "TTY", "TTY_IS_HELD", "RHOST", "RUSER", "XDG_SESSION_ID"]
KEYS += ["XDG_SESSION_TYPE", "LEADER", "START_TICKS", "OPENED_USEC", "AUTH"]


def without_groups(record: dict[str, str]) -> dict[str, str]:
    """Returns the keys that every record has; test_groups.py tests the others."""
    return {key: value for key, value in record.items() if not key.startswith("GROUP")}


def decode(value: str) -> bytes:
    """The inverse of the format, written from the design and not from the module."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), value.encode("ascii"))


def test_every_key(stack):
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    login = stack.start(
        "item:TTY=ssh", "item:RHOST=2001:db8::7", "item:RUSER=ann", "env:XDG_SESSION_ID=c12",
        "env:XDG_SESSION_TYPE=tty", "open", "pause", "close", service="sshd", user="nobody",
    )  # fmt: skip
    login.until_paused()
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    (name,) = stack.records()
    record = without_groups(stack.record())
    assert name == login.name()
    assert list(record) == KEYS
    assert before <= int(record.pop("OPENED_USEC")) <= after
    assert record == {
        "VERSION": "1",
        "USER": "nobody",
        "UID": "65534",
        "SERVICE": "sshd",
        "TTY": "ssh",
        "TTY_IS_HELD": "0",
        "RHOST": "2001:db8::7",
        "RUSER": "ann",
        "XDG_SESSION_ID": "c12",
        "XDG_SESSION_TYPE": "tty",
        "LEADER": str(login.pid),
        "START_TICKS": login.start_ticks(),
        "AUTH": "",
    }
    assert (stack.directory / name).stat().st_mode & 0o7777 == 0o600
    result = stack.finish(login)
    assert (result.code("open"), result.code("close")) == (0, 0)
    assert stack.records() == {}
    assert result.log == []


def test_login_without_items_has_empty_values(stack):
    stack.run("open")
    record = without_groups(stack.record())
    assert list(record) == KEYS
    assert [record[key] for key in ("TTY", "RHOST", "RUSER", "XDG_SESSION_ID", "AUTH")] == [""] * 5


def test_opened_usec_is_on_the_boot_time_clock(stack):
    """Not the wall clock and not the one that stops during suspend: a time namespace tells them apart."""
    ahead = 1_000_000_000
    stack.build = replace(stack.build, prefix=("unshare", "--time", "--fork", "--boottime", str(ahead)))
    stack.run("open")
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    assert ahead * 1_000_000 <= int(stack.record()["OPENED_USEC"]) <= ahead * 1_000_000 + now


@pytest.mark.parametrize("name", ["a) b (c", ")))) 1 2 3", "x\ny"])
def test_odd_program_name_is_parsed(stack, release, tmp_path, name):
    odd = tmp_path / name
    os.link(release.driver, odd)
    stack.build = replace(release, driver=odd)
    login = stack.start("open", "pause")
    login.until_paused()
    assert stack.record()["START_TICKS"] == login.start_ticks()
    stack.finish(login)


HOSTILE = {
    "newline": b"evil\nUID=0",
    "escape": b"\x1b]0;owned\x07\x1b[2J",
    "eight-bit": b"j\xf6rg \xe2\x98\xa0",
    "backslash": b"\\x41\\",
    "equals": b"a=b==c",
    "delete": b"\x7f",
    "format": b"%s%n%99999d",
    "blanks": b"  \t ",
    "low": bytes(range(1, 32)),
    "high": bytes(range(0xC0, 0x100)),
}


@pytest.mark.parametrize("item", ["RHOST", "RUSER", "TTY"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_items_are_escaped(stack, item, name):
    value = HOSTILE[name]
    result = stack.run(f"item:{item}=".encode() + value, "open")
    record = without_groups(stack.record())
    assert list(record) == KEYS
    assert decode(record[item]) == value
    assert record["UID"] == "0"
    assert result.log == []


def test_hostile_session_id_is_escaped(stack):
    stack.run(b"env:XDG_SESSION_ID=1\nUID=0\x1b", "open", user="nobody")
    assert stack.record()["XDG_SESSION_ID"] == r"1\x0aUID=0\x1b"
    assert stack.record()["UID"] == "65534"


@pytest.mark.parametrize("user", [b"j\xf6rg", b"a\\b", b"x=y", b"two words", b"\x1b[31m", b"u" * 300], ids=range(6))
def test_hostile_user_names_are_escaped(stack, tmp_path, user):
    (tmp_path / "passwd").write_bytes(user + b":x:4711:4711::/:/bin/sh\n")
    setup = f"mount --bind {tmp_path}/passwd /etc/passwd"
    stack.run("open", user=user, setup=setup)
    record = without_groups(stack.record())
    assert record["UID"] == "4711"
    assert decode(record["USER"]) == (user if len(user) < 256 else user[:253] + b"...")


@pytest.mark.parametrize("length", [255, 256])
def test_longest_value_is_whole(stack, length):
    stack.run("item:RHOST=" + "h" * length, "open")
    assert stack.record()["RHOST"] == "h" * length


@pytest.mark.parametrize(
    ("head", "tail"),
    [("h" * 257, 0), ("h" * 100_000, 0), ("", 65), ("", 100_000), ("h" * 252, 2), ("h" * 253, 1)],
    ids=["one-more", "huge", "escaped", "huge-escaped", "between", "at-the-mark"],
)
def test_value_too_long_is_cut_between_escapes(stack, head, tail):
    value = head.encode() + b"\xff" * tail
    stack.run(b"item:RHOST=" + value, "open")
    kept = stack.record()["RHOST"]
    assert 253 <= len(kept) <= 256
    assert kept.endswith("...")
    assert value.startswith(decode(kept[:-3]))


def test_record_fits_with_every_value_too_long(stack, tmp_path):
    huge = b"\xff" * 20_000
    user = b"u" * 1000
    (tmp_path / "passwd").write_bytes(user + b":x:4294967294:0::/:/bin/sh\n")
    steps = [b"item:%s=" % item + huge for item in (b"RHOST", b"RUSER", b"TTY")]
    steps += [b"env:XDG_SESSION_ID=" + huge, b"env:SSH_AUTH_INFO_0=" + huge, b"open"]
    stack.run(*steps, user=user, setup=f"mount --bind {tmp_path}/passwd /etc/passwd", service="s" * 250)
    record = without_groups(stack.record())
    assert list(record) == KEYS
    assert all(record[key].endswith("...") for key in ("USER", "RHOST", "RUSER", "TTY", "XDG_SESSION_ID", "AUTH"))
    assert record["UID"] == "4294967294"


def key_text(blob: bytes) -> tuple[str, str]:
    """Returns a key as sshd passes it to PAM, and the fingerprint that ssh-keygen -l prints of it."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return base64.b64encode(blob).decode(), f"SHA256:{digest}"


BLOB, PRINT = key_text(b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(range(100, 132)))
BLOB2, PRINT2 = key_text(bytes(535))


@pytest.mark.parametrize(
    ("info", "auth"),
    [
        ("password\n", "password"),
        ("keyboard-interactive/pam\n", "keyboard-interactive/pam"),
        (f"publickey ssh-ed25519 {BLOB}\n", f"publickey ssh-ed25519 {PRINT}"),
        (f"publickey ssh-ed25519 {BLOB}", f"publickey ssh-ed25519 {PRINT}"),
        (f"publickey sk-ssh-ed25519@openssh.com {BLOB} signature count = 7\n",
         f"publickey sk-ssh-ed25519@openssh.com {PRINT}"),
        (f"hostbased ssh-rsa {BLOB2} client user \"ann\", client host \"h\"\n", f"hostbased ssh-rsa {PRINT2}"),
        (f"publickey ssh-rsa {BLOB2}\npassword\n", f"publickey ssh-rsa {PRINT2}, password"),
        (f"publickey ssh-ed25519 {BLOB}\npublickey ssh-rsa {BLOB2}\n",
         f"publickey ssh-ed25519 {PRINT}, publickey ssh-rsa {PRINT2}"),
        (f"publickey ssh-ed25519-cert-v01@openssh.com {BLOB}\n", "publickey ssh-ed25519-cert-v01@openssh.com"),
        ("gssapi-with-mic ann@EXAMPLE.ORG\n", "gssapi-with-mic"),
        ("password hunter2 hunter3\n", "password"),
        ("publickey ssh-ed25519 AAAA*AAA\n", "publickey ssh-ed25519"),
        ("publickey ssh-ed25519 AAAAA\n", "publickey ssh-ed25519"),
        ("publickey ssh-ed25519 ====\n", "publickey ssh-ed25519"),
        ("publickey ssh-ed25519\n", "publickey ssh-ed25519"),
        ("publickey\n", "publickey"),
        ("publickey \n", "publickey"),
        ("publickey  \n", "publickey"),
        ("\n", ""),
        ("\x1b[2J\n", r"\x1b[2J"),
    ],
)  # fmt: skip
def test_authentication_methods_are_recorded(stack, info, auth):
    stack.run(f"env:SSH_AUTH_INFO_0={info}", "open")
    assert stack.record()["AUTH"] == auth


def test_fingerprints_at_every_block_boundary(stack):
    lengths = [1, 2, 3, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 127, 128, 129, 4096]
    for length in lengths:
        text, fingerprint = key_text(os.urandom(length))
        stack.run(f"env:SSH_AUTH_INFO_0=publickey k {text}\n", "open")
        (name,) = stack.records()
        assert stack.record()["AUTH"] == f"publickey k {fingerprint}", length
        (stack.directory / name).unlink()


def test_hundred_logins_at_once_are_recorded(stack):
    """On a host where no directory exists yet, so that they race for it too."""
    logins = [stack.start("pause", f"item:RHOST=host{i}", "open", "pause", "close") for i in range(100)]
    for login in logins:
        login.until_paused()
    for login in logins:
        login.resume()
    for login in logins:
        login.until_paused()
    records = stack.records()
    expected = {login.name(): f"host{i}" for i, login in enumerate(logins)}
    seen = {name: dict(line.split("=", 1) for line in raw.decode().splitlines()) for name, raw in records.items()}
    assert {name: record["RHOST"] for name, record in seen.items()} == expected
    assert all(name == f"{record['LEADER']}.{record['START_TICKS']}" for name, record in seen.items())
    for login in logins:
        result = stack.finish(login)
        assert (result.code("open"), result.code("close"), result.log) == (0, 0, [])
    assert stack.records() == {}


def test_opening_twice_makes_one_record(stack):
    """An included file can repeat the line."""
    stack.configure("login", stack.session_line() * 2)
    stack.run("open")
    assert len(stack.records()) == 1
    for name in stack.records():
        (stack.directory / name).unlink()
    assert stack.run("open", "close").log == []
    assert stack.records() == {}


def test_close_from_another_process_removes_the_record(stack):
    result = stack.run("open", "fork-close")
    assert (result.code("fork-close"), result.log, stack.records()) == (0, [], {})


def test_close_through_another_handle_removes_the_record(stack):
    result = stack.run("open", "restart", "close")
    assert (result.code("close"), result.log, stack.records()) == (0, [], {})


def test_close_without_a_record_succeeds(stack):
    result = stack.run("close", "open", "close", "restart", "close")
    assert (result.log, stack.records()) == ([], {})


def test_close_leaves_other_records(stack):
    stack.run("open")
    others = stack.records()
    stack.run("open", "close")
    assert stack.records() == others


@pytest.mark.parametrize("end", ["fork-end", "fork-end-silent"])
def test_end_of_a_copied_handle_keeps_the_record(stack, end):
    """A child of the login program that frees its copy of the handle must not remove the record."""
    login = stack.start("open", end, "pause", "close")
    login.until_paused()
    assert len(stack.records()) == 1
    result = stack.finish(login)
    assert (result.code(end), result.log, stack.records()) == (0, [], {})


def test_pam_silent_changes_nothing(stack):
    result = stack.run("silent-open", "silent-close", options="debug")
    assert (result.code("silent-open"), result.code("silent-close")) == (0, 0)
    assert [priority for priority, _ in result.log] == ["debug", "debug"]


def test_the_compiled_in_directory(stack):
    """As on a host after a boot: /run is empty, and the login program's umask is strict."""
    setup = "umask 077; mount -t tmpfs -o mode=755 run /run"
    login = stack.start("open", "pause", "close", directory=None, setup=setup)
    login.until_paused()
    run = Path(f"/proc/{login.pid}/root/run")
    assert (run / "reaper").stat().st_mode & 0o7777 == 0o755
    assert (run / "reaper/sessions").stat().st_mode & 0o7777 == 0o700
    assert [entry.name for entry in (run / "reaper/sessions").iterdir()] == [login.name()]
    stack.finish(login)


CONTROLLING = ("setsid", "--ctty", "sh", "-c", 'exec "$@" </dev/null', "sh")


@pytest.mark.parametrize(
    ("said", "prefix", "is_held"),
    [
        ("/dev/{}", (), "1"), ("{}", (), "1"), ("/dev/{}", CONTROLLING, "1"), ("/dev/tty9", (), "0"), ("ssh", (), "0"),
        ("", (), "0"), ("/dev/../dev/{}", (), "0"), ("/dev/pts/", (), "0"), ("/dev/pts/ptmx", (), "0"),
        ("/dev/null", (), "0"), ("/dev/" + "x" * 300, (), "0"),
    ],
)  # fmt: skip
def test_tty_is_held_if_it_is_input_or_controlling(stack, said, prefix, is_held):
    """Its standard input, or its controlling terminal; a name alone does not count."""
    master, slave = os.openpty()
    name = os.ttyname(slave)[len("/dev/") :]
    try:
        stack.build = replace(stack.build, prefix=(*prefix, *stack.build.prefix))
        number = os.minor(os.fstat(slave).st_rdev)
        setup = f"mkdir /dev/pts; mknod /dev/{name} c 136 {number}; exec </proc/{os.getpid()}/root/dev/{name}"
        stack.run(f"item:TTY={said.format(name)}", "open", setup=setup)
        assert stack.record()["TTY_IS_HELD"] == is_held
    finally:
        os.close(master)
        os.close(slave)


def ignore_case(stack, name_service, *accounts: str) -> None:
    """Makes these users known to a name service that ignores case."""
    stack.nsswitch.write_text("passwd: lab\ngroup: files\n")
    (stack.lab / "passwd").write_text("".join(f"{each}::/:/bin/sh\n" for each in accounts))
    (stack.lab / "nocase").touch()
    stack.build = replace(stack.build, environment={**stack.build.environment, "LD_LIBRARY_PATH": str(name_service)})


def test_user_is_recorded_by_the_accounts_name(stack, name_service):
    ignore_case(stack, name_service, "ext-ann:x:4711:4711")
    stack.run("open", user="EXT-ANN")
    record = stack.record()
    assert list(without_groups(record)) == [*KEYS, "LOGIN"]
    assert (record["USER"], record["UID"], record["LOGIN"]) == ("ext-ann", "4711", "EXT-ANN")


def test_unchanged_name_is_recorded_once(stack, name_service):
    ignore_case(stack, name_service, "ext-ann:x:4711:4711")
    stack.run("open", user="ext-ann")
    assert list(without_groups(stack.record())) == KEYS


def test_account_with_a_shared_uid_keeps_its_name(stack, name_service):
    ignore_case(stack, name_service, "ann:x:4711:4711", "toor:x:4711:4711")
    stack.run("open", user="toor")
    assert stack.record()["USER"] == "toor"
    assert "LOGIN" not in stack.record()


@pytest.mark.parametrize("name", [b"\x1b[2J", b"A=B\\", b"U" * 300])
def test_hostile_typed_name_is_escaped(stack, name_service, name):
    ignore_case(stack, name_service)
    (stack.lab / "passwd").write_bytes(name.lower() + b":x:4711:4711::/:/bin/sh\n")
    stack.run("open", user=name)
    assert decode(stack.record()["LOGIN"]) == (name if len(name) < 256 else name[:253] + b"...")
