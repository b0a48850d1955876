"""What is read of a host: files below a directory of the test's own, and commands that answer as real ones did."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from reaper.doctor.checks.locking import Locking
from reaper.doctor.checks.pam import Stack
from reaper.doctor.checks.sshd import Sshd
from reaper.doctor.diagnose import examine
from reaper.doctor.probes import pam_services, sshd_config
from reaper.doctor.probes.reader import MOST_BYTES, CommandOutput, HostReader, run_command
from reaper.doctor.probes.surroundings import look
from reaper.errors import ReaperError
from reaper.pam_stack import MOST_LINES, PamLine
from tests.unit.doctor.facts import ELEVATIONS, REAPER, SYSTEMD, ids, policy

COMMON = """
session	[default=1]			pam_permit.so
session	optional	pam_systemd.so
session	[success=ok default=ignore]	pam_reaper.so elevations
session	optional	pam_reaper.so
"""
ANSWERS = {
    "systemctl show *.service": "Id=ssh.service\nActiveState=active\n",
    "systemctl show *.socket": "Id=dbus.socket\nActiveState=active\nAccept=no\nTriggers=dbus.service\n",
    "systemctl show": "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n",
    "systemctl --version": "systemd 252 (252.39-1~deb12u2)\n+PAM +AUDIT -IPTC +UTMP +SYSVINIT\n",
    "busctl get-property StopIdleSessionUSec": "t 18446744073709551615\n",
    "busctl get-property KillUserProcesses": "b false\n",
    "busctl --version": "systemd 252\n",
    "systemd-analyze": "# /etc/systemd/journald.conf\n[Journal]\n",
    "journalctl": "029b48be2814458784d164c672e18344 reaper: A person has come back to a session\n",
    "timedatectl": "yes\n",
    "/usr/sbin/sshd": "usepam yes\nclientaliveinterval 0\nchanneltimeout none\nunusedconnectiontimeout none\n",
}


class GuardedHost(HostReader):
    """One with files that may not be read, also by a test that root runs."""

    forbidden: tuple[str, ...] = ()

    def read(self, path: str) -> str | None:
        if path in self.forbidden:
            raise PermissionError(path)
        return super().read(path)


@dataclass
class FakeHost:
    """A healthy host; `answers` are of commands by some of their words, "" for a failure, None for none such.

    What is `forbidden` may not be read.
    """

    directory: Path
    answers: dict[str, str | None] = field(default_factory=lambda: dict(ANSWERS))
    is_root: bool = True
    daemon: dict[str, Any] | None = None
    forbidden: tuple[str, ...] = ()
    processes: list[tuple[int, str]] = field(default_factory=list)

    def write(self, path: str, text: str = "") -> Path:
        file = self.directory / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def run(self, words: Sequence[str]) -> CommandOutput | None:
        line = " ".join(words)
        for command, answer in self.answers.items():
            first, _, rest = command.partition(" ")
            if words[0] == first and all(word in line.split() for word in rest.split()):
                return (
                    None
                    if answer is None
                    else CommandOutput(0 if answer else 1, answer, "" if answer else "line 1: bad\nx")
                )
        return None

    def ask(self, method: str) -> dict[str, Any]:
        if self.daemon is None:
            raise ReaperError("daemon-absent", "nobody there")
        return self.daemon

    def host(self) -> HostReader:
        made = GuardedHost(str(self.directory), self.run, self.ask, self.is_root, lambda: self.processes)
        object.__setattr__(made, "forbidden", self.forbidden)
        return made


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return healthy_host(tmp_path)


def healthy_host(tmp_path: Path) -> FakeHost:
    """A host on which nothing is wrong."""
    made = FakeHost(tmp_path, daemon={"version": "1", "policy": policy().id, "sessions": []})
    made.write("/etc/pam.d/common-session", COMMON)
    for service in ("sshd", "login", "su"):
        made.write(f"/etc/pam.d/{service}", "auth required pam_unix.so\n@include common-session\n")
    made.write("/usr/lib/x86_64-linux-gnu/security/pam_reaper.so")
    made.write("/usr/sbin/sshd")
    made.write("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n")
    made.write("/run/utmp")
    (tmp_path / "var/log/journal").mkdir(parents=True)
    made.write("/proc/sys/kernel/osrelease", "6.12.1\n")
    made.write("/proc/self/mountinfo", "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    return made


def found(fake: FakeHost) -> list[tuple[str, str]]:
    """What the doctor says of the host, but for what this Python lacks."""
    facts = replace(look(fake.host(), "1"), missing_modules=())
    return ids(examine(facts).findings)


def test_a_healthy_host(fake: FakeHost) -> None:
    assert found(fake) == []


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
def test_what_commands_tell(fake: FakeHost, command: str, answer: str | None, expected: Any) -> None:
    fake.answers[command] = answer
    assert found(fake) == expected


def test_no_bus_tool_is_no_word_on_logind(fake: FakeHost) -> None:
    fake.answers = {name: None if name.startswith("busctl") else each for name, each in ANSWERS.items()}
    assert found(fake) == [("note", "unchecked")]


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
def test_what_files_tell(fake: FakeHost, path: str, text: str, expected: Any) -> None:
    fake.write(path, text)
    assert found(fake) == expected


def test_an_absent_daemon(fake: FakeHost) -> None:
    fake.daemon = None
    assert found(fake) == [("error", "daemon-silent")]


def test_the_brake_is_read_where_the_daemon_tells_of_it(fake: FakeHost) -> None:
    assert fake.daemon is not None
    fake.daemon["brake_usec"] = 5_000_000
    assert found(fake) == [("warning", "brake-engaged")]
    fake.daemon["brake_usec"] = None
    assert found(fake) == []


def test_a_directory_that_others_can_write(fake: FakeHost) -> None:
    records = fake.directory / "run/reaper/sessions"
    records.mkdir(parents=True)
    assert found(fake) == []
    records.chmod(0o777)
    assert found(fake) == [("error", "runtime-exposed")]


def test_no_sshd_is_no_trouble(fake: FakeHost) -> None:
    (fake.directory / "usr/sbin/sshd").unlink()
    shutil.rmtree(fake.directory / "etc/ssh")
    (fake.directory / "etc/pam.d/sshd").unlink()
    assert found(fake) == []


# PAM's files.


def stacks(fake: FakeHost) -> list[Stack]:
    return list(pam_services.look(fake.host(), ["sshd"]).logins)


def test_includes_and_substacks_are_followed(fake: FakeHost) -> None:
    fake.write("/etc/pam.d/login", "session substack inner\nsession include inner\nauth include inner\n")
    fake.write("/etc/pam.d/inner", "session optional pam_reaper.so\nauth optional pam_reaper.so\n")
    permit = PamLine("session", "default=1", "pam_permit.so")
    assert stacks(fake) == [
        Stack("sshd", (permit, SYSTEMD, ELEVATIONS, REAPER)),
        Stack("login", (REAPER, REAPER)),
    ]


def test_the_distributions_files_come_after_the_administrators(fake: FakeHost) -> None:
    fake.write("/usr/lib/pam.d/login", "session optional pam_reaper.so\n")
    assert len(stacks(fake)[1].lines) == 4
    (fake.directory / "etc/pam.d/login").unlink()
    assert stacks(fake)[1] == Stack("login", (REAPER,))


def test_sshd_without_a_file_has_the_stack_of_others(fake: FakeHost) -> None:
    (fake.directory / "etc/pam.d/sshd").unlink()
    fake.write("/etc/pam.d/other", "session optional pam_reaper.so\n")
    assert stacks(fake)[0] == Stack("sshd", (REAPER,))


def test_files_that_include_each_other_come_to_an_end(fake: FakeHost) -> None:
    fake.write("/etc/pam.d/login", "session optional a.so\nsession include login\nsession include login\n")
    assert len(stacks(fake)[1].lines) <= MOST_LINES


# sshd's files.


def configured(fake: FakeHost) -> Sshd:
    fake.is_root = False
    read, is_whole = sshd_config.look(fake.host())
    assert read is not None
    assert is_whole
    return read


def test_an_ordinary_user_reads_sshds_files(fake: FakeHost) -> None:
    assert configured(fake) == Sshd(True)
    fake.write("/etc/ssh/sshd_config.d/1.conf", "UnusedConnectionTimeout 1m\nUsePAM no\n")
    fake.write("/etc/ssh/sshd_config.d/2.conf", "UnusedConnectionTimeout 2m\n")
    assert configured(fake) == Sshd(False, unused_usec=60_000_000)


def test_a_match_block_ends_with_its_file(fake: FakeHost) -> None:
    fake.write("/etc/ssh/sshd_config.d/1.conf", "Match User ann\nChannelTimeout *=1m\n")
    assert configured(fake) == Sshd(True, matched=("channeltimeout",))


def test_an_include_in_a_match_block_belongs_to_it(fake: FakeHost) -> None:
    fake.write("/etc/ssh/sshd_config", "UsePAM yes\nMatch User ann\nInclude more\nClientAliveInterval 60\n")
    fake.write("/etc/ssh/more", "ChannelTimeout *=1m\n")
    assert configured(fake) == Sshd(True, matched=("channeltimeout", "clientaliveinterval"))


def test_sshd_files_that_include_themselves_come_to_an_end(fake: FakeHost) -> None:
    fake.write("/etc/ssh/sshd_config", "UsePAM yes\nInclude sshd_config\nInclude sshd_config\n")
    fake.is_root = False
    assert sshd_config.look(fake.host())[1] is False


def test_root_asks_sshd_and_still_names_what_match_blocks_set(fake: FakeHost) -> None:
    fake.write("/etc/ssh/sshd_config.d/1.conf", "Match User ann\nChannelTimeout *=1m\n")
    assert sshd_config.look(fake.host())[0] == Sshd(True, matched=("channeltimeout",), channels=(("none", 0),))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/etc/ssh/sshd_config.d/1.conf", [("note", "unchecked")]),
        ("/etc/ssh/sshd_config", [("note", "unchecked")]),
        ("/etc/pam.d/common-session", [("note", "unchecked")]),
        ("/etc/profile", []),
    ],
)
def test_a_file_that_may_not_be_read(fake: FakeHost, path: str, expected: Any) -> None:
    fake.write(path)
    fake.is_root, fake.forbidden = False, (path,)
    assert found(fake) == expected


# The host itself.


def test_only_files_are_read_and_no_more_than_is_sensible(tmp_path: Path) -> None:
    host = HostReader(str(tmp_path))
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "long").write_bytes(b"\xff" * (MOST_BYTES + 1))
    assert host.read("/fifo") is None
    assert host.read("/absent") is None
    assert host.read("/") is None
    assert host.read("/long") == "\ufffd" * MOST_BYTES


def test_commands_of_the_system() -> None:
    assert run_command(["sh", "-c", "echo out; echo err >&2; exit 3"]) == CommandOutput(3, "out\n", "err\n")
    assert run_command(["reaper-no-such-command"]) is None
    said = run_command(["env"])
    assert said is not None
    assert "LC_ALL=C\n" in said.output


# Who could unlock a session.


@pytest.fixture
def locking(fake: FakeHost) -> FakeHost:
    """A host whose rule locks, with four people on it, of whom ann alone has a password; carl is on a desktop."""
    fake.write("/etc/reaper/reaper.yaml", "rules: [{name: desks, match: {user: [ann, bob, carl]}, action: lock}]\n")
    fake.write("/proc/sys/kernel/yama/ptrace_scope", "1\n")
    fake.write("/etc/pam.d/reaper", "auth required pam_unix.so\n")
    fake.write("/etc/shadow", "ann:$y$j9T$a$b:1:0:9:7:::\nbob:!:1::::::\ncarl:!:1::::::\ndave:!:1::::::\n")
    rows = [("ann", "ssh", "desks"), ("bob", "ssh", "desks"), ("bob", "console", "desks")]
    rows += [("carl", "graphical", "desks"), ("dave", "ssh", "environment:standard")]
    assert fake.daemon is not None
    fake.daemon["sessions"] = [dict(zip(("user", "origin", "rule"), row)) for row in rows]
    fake.daemon["policy"] = look(fake.host(), "1").files.policy.id  # type: ignore[union-attr]
    return fake


def test_who_is_logged_in_and_could_not_unlock(locking: FakeHost) -> None:
    assert found(locking) == [("warning", "user-unlockable")]
    facts = look(locking.host(), "1")
    assert [user for user, _ in facts.locking.unable] == ["bob"]


@pytest.mark.parametrize("scope", ["0\n", None])
def test_who_may_trace_whom(locking: FakeHost, scope: str | None) -> None:
    """Without Yama anybody may, as with its 0."""
    if scope is None:
        (locking.directory / "proc/sys/kernel/yama/ptrace_scope").unlink()
    else:
        locking.write("/proc/sys/kernel/yama/ptrace_scope", scope)
    assert ("note", "kernel-ptrace") in found(locking)


@pytest.mark.parametrize(("switch", "is_noted"), [("0\n", True), ("1\n", False), ("2\n", False), (None, False)])
def test_who_may_use_io_uring(locking: FakeHost, switch: str | None, is_noted: bool) -> None:
    """There is no switch before Linux 6.6, and nothing to advise."""
    if switch is not None:
        locking.write("/proc/sys/kernel/io_uring_disabled", switch)
    assert (("note", "kernel-io-uring") in found(locking)) is is_noted


def test_host_on_which_nobody_may_trace(locking: FakeHost) -> None:
    locking.write("/proc/sys/kernel/yama/ptrace_scope", "3\n")
    assert ("warning", "kernel-no-ptrace") in found(locking)
    assert ("note", "kernel-ptrace") not in found(locking)


def test_nobody_is_asked_about_where_nothing_locks(locking: FakeHost) -> None:
    locking.write("/etc/reaper/reaper.yaml", "rules: [{name: desks, match: {user: [ann, bob, carl]}}]\n")
    (locking.directory / "etc/pam.d/reaper").unlink()
    assert look(locking.host(), "1").locking == Locking()


def test_a_host_without_the_service_that_unlocks(locking: FakeHost) -> None:
    (locking.directory / "etc/pam.d/reaper").unlink()
    assert found(locking) == [("warning", "lock-service-missing")]


def test_who_is_not_root_does_not_learn_of_passwords(locking: FakeHost) -> None:
    locking.is_root = False
    assert look(locking.host(), "1").locking == Locking()
    assert "who could unlock a session" in look(locking.host(), "1").unchecked
