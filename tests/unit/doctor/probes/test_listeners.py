"""What is read of a host's servers, consoles, sudo and sessions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reaper.doctor.checks.sudo import Sudo
from reaper.doctor.diagnose import examine
from reaper.doctor.probes import listeners, sudo_files
from reaper.doctor.probes.reader import list_processes
from reaper.doctor.probes.surroundings import look
from tests.unit.doctor.facts import ids
from tests.unit.doctor.probes.test_probes import FakeHost, healthy_host


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return healthy_host(tmp_path)


def found(fake: FakeHost) -> list[tuple[str, str]]:
    facts = replace(look(fake.host(), "1"), missing_modules=())
    return ids(examine(facts).findings)


def unit(name: str, command: str, **more: str) -> str:
    """A block of what `systemctl show` prints."""
    values = {"Id": name, "ActiveState": "active", "Restart": "always", **more}
    start = f"ExecStart={{ path=x ; argv[]={command} ; ignore_errors=no ; pid=0 }}\n"
    return "".join(f"{key}={value}\n" for key, value in values.items()) + start


DROPBEAR = unit("dropbear.service", "/usr/sbin/dropbear -F")
AUTOLOGIN = "/sbin/agetty --autologin root tty9"


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        (DROPBEAR, [("error", "server-unseen")]),
        (unit("dropbear.service", "/usr/sbin/dropbear -F", ActiveState="inactive"), []),
        (unit("getty@tty1.service", AUTOLOGIN), [("warning", "console-autologin")]),
        (unit("getty@tty1.service", AUTOLOGIN, Restart="no"), []),
        (unit("dbus.service", "/usr/sbin/dropbear -i", ActiveState="inactive"), [("error", "server-unseen")]),
        (None, [("note", "unchecked")]),
    ],
)
def test_services(fake: FakeHost, services: str | None, expected: Any) -> None:
    fake.answers["systemctl show *.service"] = services
    assert found(fake) == expected


def test_service_that_each_connection_starts(fake: FakeHost) -> None:
    instance = "tinysshd@reaperctl-doctor.service"
    fake.answers["systemctl show *.socket"] = "Id=tinysshd.socket\nActiveState=active\nAccept=yes\n"
    answer = unit(instance, "/usr/sbin/tinysshd", ActiveState="inactive")
    fake.answers = {f"systemctl show {instance}": answer, **fake.answers}
    assert look(fake.host(), "1").servers.without_session == (("tinysshd", "tinysshd.socket"),)


def test_console_with_a_drop_in_that_does_not_run(fake: FakeHost) -> None:
    fake.write("/etc/systemd/system/getty@tty9.service.d/a.conf")
    fake.write("/etc/systemd/system/other@tty9.service.d/a.conf")
    answer = unit("getty@tty9.service", AUTOLOGIN, ActiveState="inactive")
    fake.answers = {"systemctl show *.service getty@tty9.service": answer, **fake.answers}
    assert found(fake) == [("warning", "console-autologin")]


def test_programs_beside_the_units(fake: FakeHost) -> None:
    fake.processes = [(7, "dropbear"), (8, "bash")]
    assert look(fake.host(), "1").servers.without_session == (("dropbear", "process 7"),)
    fake.answers["systemctl show *.service"] = DROPBEAR
    assert look(fake.host(), "1").servers.without_session == (("dropbear", "dropbear.service"),)


def test_inetd_starts_what_its_file_says_where_it_runs(fake: FakeHost) -> None:
    fake.write(listeners.INETD_CONFIGURATION, "ssh stream tcp nowait root /usr/sbin/dropbear dropbear -i\n")
    assert found(fake) == []
    fake.processes = [(7, "inetutils-inetd")]
    assert look(fake.host(), "1").servers.without_session == (("dropbear", "/etc/inetd.conf"),)
    fake.forbidden = (listeners.INETD_CONFIGURATION,)
    assert found(fake) == []


def test_pam_stack_of_another_server_is_looked_at(fake: FakeHost) -> None:
    fake.answers["systemctl show *.service"] = unit("dbus.service", "/usr/lib/cockpit/cockpit-tls")
    fake.write("/etc/pam.d/cockpit", "session include common-session\n")
    assert found(fake) == []
    fake.write("/etc/pam.d/cockpit", "session optional pam_systemd.so\n")
    assert found(fake) == [("warning", "pam-not-enabled")]
    fake.write("/etc/pam.d/cockpit", "session required pam_permit.so\n")
    assert found(fake) == [("error", "logins-unseen")]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("usepam yes\npamservicename sshd\n", []),
        ("usepam no\n", [("error", "sshd-without-pam")]),
        ("usepam yes\npamservicename admin\n", [("error", "logins-unseen")]),
    ],
)
def test_sshd_with_a_configuration_of_its_own(fake: FakeHost, answer: str, expected: Any) -> None:
    words = "/usr/sbin/sshd -D -f /etc/ssh/admin -oPort=23"
    fake.answers["systemctl show *.service"] = unit("admin.service", words)
    fake.answers = {"/usr/sbin/sshd -f /etc/ssh/admin -o Port=23": answer, **fake.answers}
    assert found(fake) == expected


def test_sshd_with_a_configuration_of_its_own_for_an_ordinary_user(fake: FakeHost) -> None:
    fake.is_root = False
    fake.answers["systemctl show *.service"] = unit("admin.service", "/usr/sbin/sshd -D -f /etc/ssh/admin")
    fake.write("/etc/ssh/admin", "UsePAM no\n")
    assert found(fake) == [("error", "sshd-without-pam")]


def test_processes_of_root_are_found_by_their_programs() -> None:
    assert all(pid > 0 and "/" not in name for pid, name in list_processes())


# sudo's files.


@pytest.fixture
def with_sudo(fake: FakeHost) -> FakeHost:
    fake.write(sudo_files.PROGRAM)
    fake.write(sudo_files.CONFIGURATION, "Defaults env_reset\n@includedir sudoers.d\n")
    return fake


def unmarked(fake: FakeHost) -> list[str]:
    return [place for place, _ in sudo_files.look(fake.host())[0].unmarked]


def test_files_in_the_directory_of_sudo_are_read_as_sudo_does(with_sudo: FakeHost) -> None:
    for name in ("b", "c.bak", "d~"):
        with_sudo.write(f"/etc/sudoers.d/{name}", "Defaults:x !pam_session\n@include more\n")
    with_sudo.write("/etc/sudoers.d/more", "Defaults:y !pam_session\n")
    assert unmarked(with_sudo) == ["/etc/sudoers.d/b:1", "/etc/sudoers.d/more:1"]
    assert found(with_sudo) == [("note", "sudo-unmarked")]


def test_sudo_files_that_include_themselves_come_to_an_end(with_sudo: FakeHost) -> None:
    with_sudo.write(sudo_files.CONFIGURATION, "@include sudoers\n@includedir /etc\nDefaults !pam_session\n")
    assert unmarked(with_sudo) == ["/etc/sudoers:3"]


def test_host_without_sudo_has_nothing_to_say_of_it(fake: FakeHost) -> None:
    fake.write(sudo_files.CONFIGURATION, "Defaults !pam_session\n")
    assert sudo_files.look(fake.host()) == (Sudo(), True)


def test_only_root_reads_the_files_of_sudo(with_sudo: FakeHost) -> None:
    with_sudo.forbidden = (sudo_files.CONFIGURATION,)
    assert found(with_sudo) == [("note", "unchecked")]


# Sessions.


def test_session_that_no_limit_reaches_is_named(fake: FakeHost) -> None:
    assert fake.daemon is not None
    row = {"session": "7", "user": "ivy", "origin": "other", "service": "vnc", "rule": "environment:standard"}
    fake.daemon["sessions"] = [{**row, "phase": "active", "next": "nothing", "terminals": []}]
    assert found(fake) == [("warning", "session-unseen")]
