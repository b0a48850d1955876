"""Servers and consoles found in what systemctl prints, and the findings about them."""

from __future__ import annotations

import pytest

from reaper.doctor.checks import servers
from reaper.doctor.checks.servers import (
    LoadedUnit,
    Servers,
    Socket,
    autologin,
    interpret,
    parse_inetd,
    parse_services,
    parse_sockets,
    programs,
)
from tests.unit.doctor.facts import ids

GETTY = r"/sbin/agetty -o -p -- \u --noclear tty1 linux"
SHOWN = """\
Restart=on-failure
ExecStart={ path=/usr/sbin/dropbear ; argv[]=/usr/sbin/dropbear -E -F -p 22 ; ignore_errors=no ; start_time=[n/a] }
Id=dropbear.service
ActiveState=active

Id=getty.target
ActiveState=active

Restart=always
ExecStart={ path=/sbin/agetty ; argv[]=/sbin/agetty -o -p -- \\u --noclear tty1 linux ; ignore_errors=yes ; pid=0 }
ExecStart=
Id=getty@tty1.service
ActiveState=activating
"""


def test_services_of_systemctl_show_are_parsed() -> None:
    assert parse_services(SHOWN) == (
        LoadedUnit("dropbear.service", True, True, (("/usr/sbin/dropbear", "-E", "-F", "-p", "22"),)),
        LoadedUnit("getty.target", True, False, ()),
        LoadedUnit(
            "getty@tty1.service",
            True,
            True,
            (("/sbin/agetty", *["-o", "-p", "--", "\\u", "--noclear", "tty1", "linux"]),),
        ),
    )
    assert parse_services("") == parse_services("nonsense\n\n=\n\n") == ()


def test_sockets_of_systemctl_show_are_parsed() -> None:
    text = (
        "Accept=no\nId=cockpit.socket\nTriggers=cockpit.service\nActiveState=active\n\n"
        "Accept=yes\nId=tinysshd.socket\nTriggers=\nActiveState=active\n\nId=x.socket\nActiveState=inactive\n"
    )
    assert parse_sockets(text) == (
        Socket("cockpit.socket", True, "cockpit.service"),
        Socket("tinysshd.socket", True, ""),
        Socket("x.socket", False, ""),
    )
    assert Socket("tinysshd.socket", True, "").instance == "tinysshd@reaperctl-doctor.service"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/sbin/agetty --noclear tty1 linux", ""),
        ("/sbin/agetty --autologin root --noclear tty1 linux", "root"),
        ("/sbin/agetty --autologin=root tty1", "root"),
        ("/sbin/agetty -o '-p -f -- \\u' -a ivy tty1", "ivy"),
        ("/sbin/agetty -aivy tty1", "ivy"),
        ("/sbin/mingetty --autologin ivy tty1", "ivy"),
        ("/sbin/agetty --autologin", ""),
        ("/bin/login -f root", "root"),
        ("/bin/login", ""),
        ("/usr/bin/rsync --autologin root", ""),
        ("", ""),
    ],
)
def test_user_that_a_console_logs_in(command: str, expected: str) -> None:
    assert autologin(tuple(command.split())) == expected


def test_commands_of_inetd_are_parsed() -> None:
    text = "# x\nssh stream tcp nowait root /usr/sbin/tcpd /usr/sbin/dropbear -i\nshort stream tcp\n"
    assert parse_inetd(text) == (("/usr/sbin/tcpd", "/usr/sbin/dropbear", "-i"),)


def test_programs_that_a_command_may_run() -> None:
    assert list(programs(["/usr/bin/tcpserver", "-H", "0.0.0.0", "22", "/usr/sbin/tinysshd", "dropbear"])) == [
        "tcpserver",
        "tinysshd",
    ]


def test_commands_are_sorted_into_servers_and_findings() -> None:
    console = LoadedUnit("getty@tty1.service", True, True, (("/sbin/agetty", "-a", "ivy", "tty1"),))
    once = LoadedUnit("once.service", True, False, (("/sbin/agetty", "-a", "ivy", "tty2"),))
    started = [("a.service", ("/usr/sbin/dropbear",)), ("c.socket", ("/usr/lib/cockpit/cockpit-tls",))]
    found = interpret([*started, *started], [console, once])
    assert found == Servers((("dropbear", "a.service"),), ("cockpit",), (("getty@tty1.service", "ivy"),))
    assert ids(servers.check(found)) == [("error", "server-unseen"), ("warning", "console-autologin")]
    assert list(servers.check(Servers())) == []


@pytest.mark.parametrize(
    ("where", "remedy"),
    [
        ("a.socket", "systemctl disable --now a.socket"),
        ("process 7", "stop dropbear (process 7) from another connection"),
        ("/etc/inetd.conf", "remove dropbear from /etc/inetd.conf"),
    ],
)
def test_remedy_stops_the_server(where: str, remedy: str) -> None:
    (finding,) = servers.check(Servers((("dropbear", where),)))
    assert finding.remedy.endswith(remedy)
