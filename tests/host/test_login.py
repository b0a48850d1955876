"""Logins as the PAM module records them: one record a session, gone with it, and none for what is no session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .lab import Host
from .people import RECORDS, records

KEYS = [
    "VERSION",
    "USER",
    "UID",
    "SERVICE",
    "TTY",
    "TTY_IS_HELD",
    "RHOST",
    "RUSER",
    "XDG_SESSION_ID",
    "XDG_SESSION_TYPE",
    "LEADER",
    "START_TICKS",
    "OPENED_USEC",
    "AUTH",
    "GROUPS",
]


def start_ticks(host: Host, pid: str) -> str:
    return host.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[19]


def boot_usec(host: Host) -> int:
    clock = "import time; print(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)"
    return int(host.output(["python3", "-c", clock]))


def test_ssh_login_is_recorded_until_logout(host: Host, person: str) -> None:
    before = boot_usec(host)
    with host.ssh(person) as terminal:
        terminal.prompt()
        (record,) = records(host, person)
        path = record.pop("path")
        groups = [key for key in record if key.startswith("GROUP_")]
        assert list(record) == [*KEYS, *groups]
        ids = host.output(["id", "-G", person]).split()
        assert (record["GROUPS"], sorted(groups)) == (str(len(ids)), sorted(f"GROUP_{gid}" for gid in ids))
        assert record["VERSION"] == "1"
        assert record["UID"] == host.output(["id", "-u", person])
        assert record["SERVICE"] == "sshd"
        assert (record["TTY"], record["TTY_IS_HELD"]) == ("ssh", "0")
        assert record["RHOST"] == "127.0.0.1"
        assert record["RUSER"] == ""
        assert record["XDG_SESSION_ID"] == terminal.command("echo $XDG_SESSION_ID")
        assert before <= int(record["OPENED_USEC"]) <= boot_usec(host)

        # The leader is the process that logind names too, and it is still the same one.
        leader = record["LEADER"]
        assert leader == host.output(["loginctl", "show-session", record["XDG_SESSION_ID"], "-P", "Leader"])
        assert record["START_TICKS"] == start_ticks(host, leader)
        assert path == f"{RECORDS}/{leader}.{record['START_TICKS']}"

        terminal.send("exit\n")
        assert terminal.wait() == 0
    host.wait_end(int(leader))
    assert records(host, person) == []


def test_record_tells_which_key_was_used(host: Host, person: str) -> None:
    with host.ssh(person) as terminal:
        terminal.prompt()
        fingerprint = terminal.command("ssh-keygen -lf ~/.ssh/authorized_keys").split()[1]
        (record,) = records(host, person)
    assert record["AUTH"] == f"publickey ssh-ed25519 {fingerprint}"


def test_records_are_for_root_alone(host: Host, person: str) -> None:
    with host.ssh(person) as terminal:
        terminal.prompt()
        assert "Permission denied" in terminal.command(f"ls {RECORDS}")
        (record,) = records(host, person)
        modes = host.output(["stat", "--format=%a %U %G", RECORDS, record["path"]])
    assert modes.splitlines() == ["700 root root", "600 root root"]


def test_lost_line_ends_the_record(host: Host, person: str) -> None:
    with host.ssh(person) as terminal:
        terminal.prompt()
        (record,) = records(host, person)
    host.wait_end(int(record["LEADER"]))
    assert records(host, person) == []


def test_one_connection_is_one_session_however_many_terminals(host: Host, person: str, tmp_path: Path) -> None:
    control = str(tmp_path / "control")
    with host.ssh(person, control=control) as first:
        first.prompt()
        with host.ssh(person, control=control) as second:
            second.prompt()
            assert first.command("tty") != second.command("tty")
            assert len(records(host, person)) == 1
            second.send("exit\n")
            assert second.wait() == 0
        assert len(records(host, person)) == 1


def test_two_connections_are_two_sessions(host: Host, person: str) -> None:
    with host.ssh(person) as first, host.ssh(person) as second:
        first.prompt()
        second.prompt()
        assert len({record["LEADER"] for record in records(host, person)}) == 2


def test_command_without_a_terminal_is_a_session_too(host: Host, person: str) -> None:
    with host.ssh(person, command=["echo ready; read line"]) as terminal:
        terminal.expect("ready")
        (record,) = records(host, person)
        assert record["TTY"] == "ssh"
        terminal.send("\n")
        terminal.wait()


def test_login_on_a_line_is_recorded_until_logout(host: Host, person: str) -> None:
    with host.terminal(["login", "-f", person]) as terminal:
        terminal.prompt()
        (record,) = records(host, person)
        assert record["SERVICE"] == "login"
        assert record["TTY"] in {terminal.command("tty"), terminal.command("tty").replace("/dev/", "")}
        assert record["RHOST"] == ""
        assert record["AUTH"] == ""
        terminal.send("exit\n")
        terminal.wait()
    host.wait_end(int(record["LEADER"]))
    assert records(host, person) == []


@pytest.fixture
def may_be_root(host: Host, person: str) -> Iterator[str]:
    """The root password, for su; sudo asks for none."""
    host.write(f"/etc/sudoers.d/{person}", f"{person} ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
    host.run(["chpasswd"], input="root:secret\n")
    yield "secret"
    host.run(["usermod", "--password", "*", "root"])
    host.run(["rm", f"/etc/sudoers.d/{person}"])


@pytest.mark.parametrize("command", ["su", "su -", "sudo -n -s", "sudo -n -i"])
def test_becoming_root_makes_no_session_of_its_own(host: Host, person: str, may_be_root: str, command: str) -> None:
    with host.ssh(person) as terminal:
        terminal.prompt()
        before, own = records(host), records(host, person)

        def check() -> None:
            """A login before may still be closing its record: what is gone is not looked at."""
            assert [record for record in records(host) if record not in before] == []
            assert records(host, person) == own

        terminal.send(f"{command}\n")
        if not command.startswith("sudo"):
            terminal.expect("Password: ")
            terminal.send(f"{may_be_root}\n")
        terminal.expect("# ")
        check()
        terminal.send("exit\n")
        terminal.prompt()
        check()


@pytest.mark.parametrize("service", ["cron", "systemd-user"])
def test_services_without_a_person_make_no_session(host: Host, person: str, service: str) -> None:
    # The service's own stack, opened by systemd for a unit that runs as the user, as it does for user@.service.
    words = ["systemd-run", "--quiet", "--collect", "--wait", "--pipe", f"--property=PAMName={service}"]
    # "+": as root, systemd.service(5), to be able to look.
    look = f'+/bin/sh -c "echo looked; ls {RECORDS} 2>/dev/null || true"'
    shown = host.output([*words, f"--property=User={person}", f"--property=ExecStartPre={look}", "true"])
    assert shown == "looked"


def test_a_user_manager_alone_is_no_session(host: Host, person: str) -> None:
    with host.ssh(person) as terminal:
        terminal.prompt()
        uid = host.output(["id", "-u", person])
        assert host.output(["systemctl", "is-active", f"user@{uid}.service"]) == "active"
        assert len(records(host, person)) == 1
