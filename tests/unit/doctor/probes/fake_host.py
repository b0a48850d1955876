"""A host for the probes: files below a temporary directory, and commands that print what real ones printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reaper.doctor.diagnose import examine
from reaper.doctor.probes.reader import CommandOutput, HostReader
from reaper.doctor.probes.surroundings import probe
from reaper.errors import ReaperError
from tests.unit.doctor.facts import ids, policy

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
    """A host with files that cannot be read, even by a test that runs as root."""

    forbidden: tuple[str, ...] = ()

    def read(self, path: str) -> str | None:
        if path in self.forbidden:
            raise PermissionError(path)
        return super().read(path)


@dataclass
class FakeHost:
    """A host below `directory`.

    `answers` maps some words of a command to its output: "" if it fails, None if it does not exist. The files in
    `forbidden` cannot be read.
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


def healthy_host(tmp_path: Path) -> FakeHost:
    """Returns a host without findings."""
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


def findings(fake: FakeHost) -> list[tuple[str, str]]:
    """Returns severity and id of each finding, except those about modules that this Python lacks."""
    facts = replace(probe(fake.host(), "1"), missing_modules=())
    return ids(examine(facts).findings)
