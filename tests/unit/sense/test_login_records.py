"""Login records: each way in which one can be wrong is reported, and only what the module wrote is believed."""

from __future__ import annotations

import os

import pytest

from reaper.decide.session.model import SessionKey
from reaper.errors import ReaperError
from reaper.sense.login_records import LoginRecord, LoginRecords, parse_name, parse_record
from reaper.sense.pam_files import MAX_BYTES

KEY = SessionKey(123, 456)
GOOD = (
    b"VERSION=1\nUSER=alice\nUID=1000\nSERVICE=sshd\nTTY=ssh\nRHOST=192.0.2.7\nRUSER=\nXDG_SESSION_ID=3\n"
    b"LEADER=123\nSTART_TICKS=456\nOPENED_USEC=789\nAUTH=publickey\n"
)


def write(directory, data: bytes = GOOD, name: str = "123.456", mode: int = 0o600) -> str:
    path = directory / name
    path.write_bytes(data)
    path.chmod(mode)
    return str(path)


def test_record_is_parsed(tmp_path):
    write(tmp_path)
    records = LoginRecords(str(tmp_path))
    assert records.list_unknown([]) == {KEY}
    assert records.exists(KEY)
    assert records.read(KEY) == LoginRecord(KEY, "alice", 1000, "sshd", "ssh", "192.0.2.7", "3", 789)


def test_list_follows_the_directory(tmp_path):
    """The list is reused only as long as no name has changed."""
    records = LoginRecords(str(tmp_path))
    assert records.list_unknown([]) == set()
    write(tmp_path)
    assert records.list_unknown([]) == {KEY}
    assert records.list_unknown([]) == {KEY}
    assert records.list_unknown([KEY]) == set()
    write(tmp_path, name="123.457")
    write(tmp_path, name=".124.9.new")
    assert records.list_unknown([]) == {KEY, SessionKey(123, 457)}
    os.rename(tmp_path / "123.456", tmp_path / "123.458")
    assert records.list_unknown([]) == {SessionKey(123, 457), SessionKey(123, 458)}
    for path in list(tmp_path.iterdir()):
        path.unlink()
    assert records.list_unknown([]) == set()


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("0", False), ("", False), ("yes", False)])
def test_held_terminal_is_a_flag(value, expected):
    record = parse_record(KEY, GOOD + f"TTY_IS_HELD={value}\nXDG_SESSION_TYPE=x11\n".encode())
    assert (record.holds_tty, record.kind) == (expected, "x11")


def test_optional_keys_may_be_missing():
    data = b"VERSION=1\nUSER=a\nUID=1\nSERVICE=login\nLEADER=123\nSTART_TICKS=456\nOPENED_USEC=7\n"
    record = parse_record(KEY, data)
    assert (record.tty, record.rhost, record.session_id) == ("", "", "")
    assert (record.holds_tty, record.kind) == (False, "")


def test_unknown_keys_are_ignored():
    assert parse_record(KEY, GOOD + b"COLOUR=blue\n").user == "alice"


@pytest.mark.parametrize(
    ("lines", "membership", "has_all"),
    [
        (b"", (), False),
        (b"GROUPS=0\n", (), False),
        (b"GROUPS=1\nGROUP_1000=alice\n", ((1000, "alice"),), True),
        (b"GROUPS=2\nGROUP_27=ops\nGROUP_1000=\n", ((27, "ops"), (1000, "")), True),
        (b"GROUPS=2\nGROUP_27=ops\n", ((27, "ops"),), False),
        (b"GROUPS=1\nGROUP_7=Domain Users\nGROUP_X=1\nGROUP_=2\nGROUP_99999999999=3\n", ((7, "Domain Users"),), True),
    ],
)
def test_groups_are_parsed_and_counted(lines, membership, has_all):
    record = parse_record(KEY, GOOD + lines)
    assert (record.membership, record.has_all_groups) == (membership, has_all)


def test_strings_keep_hostile_characters():
    data = GOOD.replace(b"USER=alice", rb"USER=a\x0aLEADER=1\xc3\xa9\x5cx41\xff")
    assert parse_record(KEY, data).user == "a\nLEADER=1é\\x41\\xff"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "its last line is cut off"),
        (GOOD[:-1], "its last line is cut off"),
        (GOOD[:40] + b"\n", "LEADER is missing"),
        (GOOD.replace(b"VERSION=1", b"VERSION=2"), "VERSION is '2', not 1"),
        (GOOD.replace(b"VERSION=1\n", b""), "VERSION is 'missing', not 1"),
        (GOOD.replace(b"UID=1000", b"UID=root"), "'root'"),
        (GOOD.replace(b"UID=1000", b"UID="), "''"),
        (GOOD.replace(b"UID=1000", b"UID=-1"), "'-1' is not a number"),
        (GOOD.replace(b"UID=1000", b"UID=1_000"), "'1_000' is not a number"),
        (GOOD.replace(b"UID=1000", b"UID= 1000"), "' 1000' is not a number"),
        (GOOD.replace(b"UID=1000", b"UID=" + b"9" * 5000), "is not a number"),
        (GOOD.replace(b"OPENED_USEC=789\n", b""), "OPENED_USEC is missing"),
        (GOOD + b"GROUPS=x\nGROUP_1=a\n", "'x' is not a number"),
        (GOOD.replace(b"LEADER=123", b"LEADER=1"), "it is about 1.456"),
        (GOOD.replace(b"START_TICKS=456", b"START_TICKS=457"), "it is about 123.457"),
        (GOOD + b"no equals sign\n", "'no equals sign' is no KEY=value"),
        (GOOD + b"key=small\n", "'key=small' is no KEY=value"),
        (GOOD + b"\n", "'' is no KEY=value"),
        (GOOD + b"=\n", "'=' is no KEY=value"),
        (GOOD + b"\xff=1\n", "it is not plain ASCII"),
        (GOOD + b"A=\xc3\xa9\n", "it is not plain ASCII"),
        (GOOD + b"A=" + b"x" * MAX_BYTES + b"\n", f"it is longer than {MAX_BYTES} bytes"),
        (b"\0" * 100 + b"\n", "is no KEY=value"),
    ],
)
def test_broken_record_is_reported_with_its_fault(data, why):
    with pytest.raises(ReaperError) as caught:
        parse_record(KEY, data)
    assert caught.value.problem == "record-broken"
    assert caught.value.message.startswith("login record 123.456 cannot be read: ")
    assert why in caught.value.message
    assert "logind" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["", ".", "..", "1", "1.", ".1", "0.1", "01.1", "1.1.new", "1.-1", "-1.1", "1.1 ", "a.b"]
)
def test_foreign_file_names_are_ignored(tmp_path, name):
    assert parse_name(name) is None
    if name not in ("", ".", ".."):
        write(tmp_path, GOOD, name)
        assert LoginRecords(str(tmp_path)).list_unknown([]) == set()


def test_missing_directory_has_no_records(tmp_path):
    assert LoginRecords(str(tmp_path / "none")).list_unknown([]) == set()
    assert LoginRecords(str(tmp_path / "none")).read(KEY) is None
    assert not LoginRecords(str(tmp_path / "none")).exists(KEY)
    write(tmp_path, name="file")
    assert LoginRecords(str(tmp_path / "file")).list_unknown([]) == set()


def test_recreated_directory_is_found(tmp_path):
    directory = tmp_path / "sessions"
    records = LoginRecords(str(directory))
    for _ in range(2):
        directory.mkdir()
        path = write(directory)
        assert records.list_unknown([]) == {KEY}
        os.unlink(path)
        directory.rmdir()
        assert records.list_unknown([]) == set()


def refused(directory) -> str:
    with pytest.raises(ReaperError) as caught:
        LoginRecords(str(directory)).read(KEY)
    assert caught.value.problem == "record-broken"
    return caught.value.message


def test_link_is_not_followed(tmp_path):
    write(tmp_path, name="victim")
    os.symlink(tmp_path / "victim", tmp_path / "123.456")
    assert "its last line is cut off" in refused(tmp_path)  # its target is taken for a record


def test_link_target_can_be_the_record(tmp_path):
    os.symlink(GOOD, os.fsencode(tmp_path / "123.456"))
    assert LoginRecords(str(tmp_path)).read(KEY) == parse_record(KEY, GOOD)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a link away, which only root can")
def test_link_of_another_owner_is_refused(tmp_path):
    os.symlink(GOOD, os.fsencode(tmp_path / "123.456"))
    os.chown(tmp_path / "123.456", 65534, 0, follow_symlinks=False)
    assert "it does not belong to root" in refused(tmp_path)


def test_directory_and_fifo_are_refused(tmp_path):
    (tmp_path / "123.456").mkdir()
    assert "it is not a regular file" in refused(tmp_path)
    (tmp_path / "123.456").rmdir()
    os.mkfifo(tmp_path / "123.456")
    assert "it is not a regular file" in refused(tmp_path)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_file_that_others_could_write_is_refused(tmp_path, mode):
    write(tmp_path, mode=mode)
    assert "other users than root can write it" in refused(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file away, which only root can")
def test_file_of_another_owner_is_refused(tmp_path):
    os.chown(write(tmp_path), 65534, 0)
    assert "it does not belong to root" in refused(tmp_path)


def test_huge_file_is_refused(tmp_path):
    path = write(tmp_path, b"")
    os.truncate(path, 1 << 40)
    assert "it is longer than" in refused(tmp_path)


def test_typed_name_is_kept_if_it_differs():
    record = parse_record(KEY, GOOD + b"LOGIN=EXT\\x0aANN\n")
    assert (record.user, record.login) == ("alice", "EXT\nANN")
    assert parse_record(KEY, GOOD).login == ""
