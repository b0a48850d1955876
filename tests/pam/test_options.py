"""Every option, the services that make no session of their own, and lines of the wrong type."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IGNORE = "of use in session lines only, ignoring"

NOTHING = [
    "atd",
    "cron",
    "crond",
    "gdm-launch-environment",
    "greetd-greeter",
    "lightdm-greeter",
    "runuser",
    "runuser-l",
    "sddm-greeter",
    "systemd-user",
]
ELEVATES = ["doas", "polkit-1", "su", "su-l", "sudo", "sudo-i", "systemd-run0"]


@pytest.mark.parametrize("service", NOTHING)
def test_listed_services_make_no_record(stack, service):
    """Even `require` has no effect there, and the directory is not touched."""
    result = stack.run("open", "close", service=service, options="require", directory="/nonexistent/reaper/sessions")
    assert (result.code("open"), result.code("close"), result.log) == (0, 0, [])


@pytest.mark.parametrize("service", ["login", "sshd", "gdm-password", "remote", "vsftpd", "su-", "sudo2"])
def test_other_services_make_a_record(stack, service):
    stack.run("open", service=service)
    assert stack.record()["SERVICE"] == service


def test_table_is_sorted_and_documented():
    source = (ROOT / "pam_hook" / "services.c").read_text()
    table = re.findall(r'^ +\{"([^"]+)", SERVICE_(\w+)\},$', source, re.MULTILINE)
    assert table == sorted([(name, "NOTHING") for name in NOTHING] + [(name, "ELEVATES") for name in ELEVATES])
    page = (ROOT / "packaging" / "man" / "pam_reaper.8").read_text()
    assert not [name for name, _ in table if not re.search(rf"(^|\s){re.escape(name)}(\s|$)", page)]


def test_man_page_has_every_option():
    source = (ROOT / "pam_hook" / "pam_reaper.c").read_text()
    options = re.findall(r'argv\[i\], "(\w+)=?"\)', source)
    assert options == sorted(options) == ["debug", "dir", "elevations", "require", "skip"]
    page = (ROOT / "packaging" / "man" / "pam_reaper.8").read_text()
    assert not [name for name in options if f".It Cm {name}" not in page]


def test_skip(stack):
    options = "skip=kiosk skip=vsftpd require"
    result = stack.run("open", "close", service="kiosk", options=options, directory="/nonexistent/reaper/sessions")
    assert (result.code("open"), result.code("close"), result.log) == (0, 0, [])
    stack.run("open", service="login", options=options)
    assert len(stack.records()) == 1


def test_skip_does_not_undo_the_table(stack):
    stack.run("open", service="cron", options="skip=login")
    assert stack.records() == {}


def test_debug(stack):
    result = stack.run("open", "close", options="debug")
    (opened, closed) = result.log
    prefix, path = "pam_reaper(login:session): ", re.escape(str(stack.directory))
    assert opened[0] == closed[0] == "debug"
    assert re.fullmatch(rf"{re.escape(prefix)}recorded the login as {path}/{result.pid}\.\d+", opened[1])
    assert re.fullmatch(rf"{re.escape(prefix)}removed the record {path}/{result.pid}\.\d+", closed[1])


def test_debug_of_a_skipped_service(stack):
    result = stack.run("open", "close", service="cron", options="debug")
    assert result.log == [("debug", "pam_reaper(cron:session): service cron is passed over")]


def test_without_debug_a_login_is_silent(stack):
    assert stack.run("open", "close").log == []


@pytest.mark.parametrize("option", ["nonsense", "DEBUG", "debug=1", "required", "dir", "skip", "require=", "elevation"])
def test_unknown_option_is_logged_once_and_ignored(stack, option):
    result = stack.run("open", "close", options=option)
    assert (result.code("open"), result.code("close")) == (0, 0)
    assert result.log == [("warning", f"pam_reaper(login:session): unknown option {option}, ignoring")]


def test_last_directory_counts(stack):
    stack.run("open", options=f"dir={stack.directory}", directory="/nonexistent/reaper/sessions")
    assert len(stack.records()) == 1


@pytest.mark.parametrize(
    ("kind", "step", "lines"), [("auth", "auth", 1), ("account", "acct", 1), ("password", "passwd", 1)]
)
def test_line_of_the_wrong_type_locks_nobody_out(stack, kind, step, lines):
    stack.configure("login", f"{kind} required {stack.build.module}\n{kind} required pam_permit.so\n")
    result = stack.run(step)
    assert result.code(step) == 0
    assert result.log == [("err", f"pam_reaper(login:{kind if kind != 'password' else 'chauthtok'}): {IGNORE}")] * lines


def test_setcred_is_silent(stack):
    stack.configure("login", f"auth required {stack.build.module}\nauth required pam_permit.so\n")
    result = stack.run("auth", "setcred")
    assert result.code("setcred") == 0
    assert len(result.log) == 1


def test_auth_sufficient_lets_nobody_in(stack):
    stack.configure("login", f"auth sufficient {stack.build.module}\nauth required pam_deny.so\n")
    assert stack.run("auth").code("auth") != 0


def test_stack_of_this_module_alone_succeeds(stack):
    """With PAM_IGNORE it would be denied."""
    assert stack.run("open", directory="/nonexistent/reaper/sessions").code("open") == 0
    assert stack.run("open", service="cron").code("open") == 0
    assert stack.run("open", service="su").code("open") == 0
