"""What is read of a host as a whole: logind, shell files, kernel, journal, clock."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.unit.doctor.probes.fake_host import ANSWERS, FakeHost, findings


def test_healthy_host_has_no_findings(fake: FakeHost) -> None:
    assert findings(fake) == []


@pytest.mark.parametrize(
    ("command", "answer", "expected"),
    [
        ("systemctl show", "LoadState=loaded\nUnitFileState=disabled\n", [("error", "daemon-not-enabled")]),
        ("systemctl show", None, [("note", "unchecked")]),
        ("systemctl show", "", [("note", "unchecked")]),
        ("busctl get-property StopIdleSessionUSec", "t 300000000\n", [("warning", "logind-stop-idle")]),
        ("busctl get-property StopIdleSessionUSec", "", []),  # before systemd 252
        ("busctl get-property KillUserProcesses", "b true\n", [("warning", "logind-kills")]),
        ("busctl get-property KillUserProcesses", "", [("warning", "no-logind")]),
        ("systemd-analyze", "[Journal]\nStorage=volatile\n", [("warning", "journal-volatile")]),
        ("systemd-analyze", None, []),
        ("journalctl", "no such\n", [("note", "catalog-missing")]),
        ("journalctl", "", []),
        ("timedatectl", "no\n", [("note", "clock-alone")]),
        ("timedatectl", None, []),
        ("/usr/sbin/sshd", "usepam no\n", [("error", "sshd-without-pam")]),
        ("/usr/sbin/sshd", "", [("note", "sshd-not-asked")]),
    ],
)
def test_findings_from_the_output_of_commands(fake: FakeHost, command: str, answer: str | None, expected: Any) -> None:
    fake.answers[command] = answer
    assert findings(fake) == expected


def test_logind_is_unchecked_without_busctl(fake: FakeHost) -> None:
    fake.answers = {name: None if name.startswith("busctl") else each for name, each in ANSWERS.items()}
    assert findings(fake) == [("note", "unchecked")]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("/etc/profile.d/tmout.sh", "readonly TMOUT=60\n", [("warning", "shell-tmout")]),
        ("/etc/profile.d/tmout.csh", "TMOUT=60\n", []),
        ("/etc/environment", "TMOUT=60\n", [("warning", "shell-tmout")]),
        ("/etc/reaper/reaper.yaml", "poll: soon\n", [("error", "policy-rejected")]),
        ("/etc/reaper/reaper.d/1.yaml", "poll: 5s\n", [("error", "policy-not-loaded")]),
        ("/proc/sys/kernel/osrelease", "6.1.0\n", [("note", "kernel-dev-tty")]),
        ("/proc/sys/dev/tty/legacy_tiocsti", "1\n", [("note", "kernel-tiocsti")]),
        ("/proc/sys/dev/tty/legacy_tiocsti", "0\n", []),
        ("/proc/self/mountinfo", "", [("error", "cgroup-not-v2")]),
        ("/etc/pam.d/common-session", "session optional pam_systemd.so\n", [("warning", "pam-not-enabled")]),
        ("/etc/pam.d/login", "", [("error", "logins-unseen")]),
    ],
)
def test_findings_from_files(fake: FakeHost, path: str, text: str, expected: Any) -> None:
    fake.write(path, text)
    assert findings(fake) == expected


def test_host_without_sshd_has_no_findings(fake: FakeHost) -> None:
    (fake.directory / "usr/sbin/sshd").unlink()
    shutil.rmtree(fake.directory / "etc/ssh")
    (fake.directory / "etc/pam.d/sshd").unlink()
    assert findings(fake) == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/etc/ssh/sshd_config.d/1.conf", [("note", "unchecked")]),
        ("/etc/ssh/sshd_config", [("note", "unchecked")]),
        ("/etc/pam.d/common-session", [("note", "unchecked")]),
        ("/etc/profile", []),
    ],
)
def test_unreadable_file_is_noted(fake: FakeHost, path: str, expected: Any) -> None:
    fake.write(path)
    fake.is_root, fake.forbidden = False, (path,)
    assert findings(fake) == expected
