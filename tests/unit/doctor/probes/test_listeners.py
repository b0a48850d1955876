"""Servers and consoles, found among the units, sockets and processes of a host."""

from __future__ import annotations

from typing import Any

import pytest

from reaper.doctor.probes import listeners
from reaper.doctor.probes.surroundings import probe
from tests.unit.doctor.probes.fake_host import FakeHost, findings


def unit(name: str, command: str, **more: str) -> str:
    """Returns the block of a unit as `systemctl show` prints it."""
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
def test_findings_from_services(fake: FakeHost, services: str | None, expected: Any) -> None:
    fake.answers["systemctl show *.service"] = services
    assert findings(fake) == expected


def test_instance_for_each_connection_is_found(fake: FakeHost) -> None:
    instance = "tinysshd@reaperctl-doctor.service"
    fake.answers["systemctl show *.socket"] = "Id=tinysshd.socket\nActiveState=active\nAccept=yes\n"
    answer = unit(instance, "/usr/sbin/tinysshd", ActiveState="inactive")
    fake.answers = {f"systemctl show {instance}": answer, **fake.answers}
    assert probe(fake.host(), "1").servers.without_session == (("tinysshd", "tinysshd.socket"),)


def test_console_with_a_drop_in_is_found_while_it_does_not_run(fake: FakeHost) -> None:
    fake.write("/etc/systemd/system/getty@tty9.service.d/a.conf")
    fake.write("/etc/systemd/system/other@tty9.service.d/a.conf")
    answer = unit("getty@tty9.service", AUTOLOGIN, ActiveState="inactive")
    fake.answers = {"systemctl show *.service getty@tty9.service": answer, **fake.answers}
    assert findings(fake) == [("warning", "console-autologin")]


def test_process_that_no_unit_starts_is_found(fake: FakeHost) -> None:
    fake.processes = [(7, "dropbear"), (8, "bash")]
    assert probe(fake.host(), "1").servers.without_session == (("dropbear", "process 7"),)
    fake.answers["systemctl show *.service"] = DROPBEAR
    assert probe(fake.host(), "1").servers.without_session == (("dropbear", "dropbear.service"),)


def test_inetd_conf_is_read_only_while_inetd_runs(fake: FakeHost) -> None:
    fake.write(listeners.INETD_CONFIGURATION, "ssh stream tcp nowait root /usr/sbin/dropbear dropbear -i\n")
    assert findings(fake) == []
    fake.processes = [(7, "inetutils-inetd")]
    assert probe(fake.host(), "1").servers.without_session == (("dropbear", "/etc/inetd.conf"),)
    fake.forbidden = (listeners.INETD_CONFIGURATION,)
    assert findings(fake) == []


def test_pam_stack_of_another_server_is_checked(fake: FakeHost) -> None:
    fake.answers["systemctl show *.service"] = unit("dbus.service", "/usr/lib/cockpit/cockpit-tls")
    fake.write("/etc/pam.d/cockpit", "session include common-session\n")
    assert findings(fake) == []
    fake.write("/etc/pam.d/cockpit", "session optional pam_systemd.so\n")
    assert findings(fake) == [("warning", "pam-not-enabled")]
    fake.write("/etc/pam.d/cockpit", "session required pam_permit.so\n")
    assert findings(fake) == [("error", "logins-unseen")]


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
    assert findings(fake) == expected


def test_sshd_with_a_configuration_of_its_own_for_an_ordinary_user(fake: FakeHost) -> None:
    fake.is_root = False
    fake.answers["systemctl show *.service"] = unit("admin.service", "/usr/sbin/sshd -D -f /etc/ssh/admin")
    fake.write("/etc/ssh/admin", "UsePAM no\n")
    assert findings(fake) == [("error", "sshd-without-pam")]
