"""The facts of a host without findings, for tests to change one of them; and the ids of findings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reaper.decide.policy.files.parse import parse
from reaper.decide.policy.files.problems import Source
from reaper.decide.policy.rules import Policy
from reaper.doctor.checks.clock import Clock
from reaper.doctor.checks.daemon import DaemonFacts, Properties
from reaper.doctor.checks.journal import JournalFacts
from reaper.doctor.checks.kernel import Kernel
from reaper.doctor.checks.locking import Locking
from reaper.doctor.checks.logind import LogindFacts
from reaper.doctor.checks.pam import Pam, Stack
from reaper.doctor.checks.rules import Files
from reaper.doctor.checks.servers import Servers
from reaper.doctor.checks.sshd import Sshd
from reaper.doctor.checks.sudo import Sudo
from reaper.doctor.diagnose import Facts
from reaper.doctor.findings import Finding, Severity
from reaper.pam_stack import PamLine

UNIT: Properties = {
    "LoadState": ("loaded",),
    "ActiveState": ("active",),
    "UnitFileState": ("enabled",),
    "CapabilityBoundingSet": ("cap_dac_override cap_kill cap_sys_ptrace",),
    "DevicePolicy": ("closed",),
    "DeviceAllow": ("char-tty* rw", "char-pts rw"),
    "PrivateDevices": ("no",),
}
SYSTEMD = PamLine("session", "optional", "pam_systemd.so")
REAPER = PamLine("session", "optional", "pam_reaper.so")
ELEVATIONS = PamLine("session", "success=ok default=ignore", "pam_reaper.so", ("elevations",))
GOOD_PAM = Pam(
    logins=(Stack("sshd", (SYSTEMD, ELEVATIONS, REAPER)), Stack("login", (SYSTEMD, ELEVATIONS, REAPER))),
    elevators=(Stack("su", (SYSTEMD, ELEVATIONS, REAPER)), Stack("sudo", (ELEVATIONS,))),
    has_module=True,
    has_updater=True,
)


def policy(text: str = "") -> Policy:
    """Returns the policy of one file."""
    return parse([Source("reaper.yaml", text)])


def unit(**changed: Any) -> Properties:
    """Returns the properties of the unit as it is installed and runs, with these changed."""
    return {**UNIT, **{name: value if isinstance(value, tuple) else (value,) for name, value in changed.items()}}


def daemon(**changed: Any) -> DaemonFacts:
    """Returns a daemon that enforces the built-in policy, with these changed."""
    values = {"unit": UNIT, "answers": True, "version": "1", "policy_id": policy().id, **changed}
    return DaemonFacts(**values)


def facts(**changed: Any) -> Facts:
    """Returns the facts of a host without findings, with these changed."""
    values: dict[str, Any] = {
        "version": "1",
        "daemon": daemon(),
        "files": Files(policy()),
        "pam": GOOD_PAM,
        "sshd": Sshd(use_pam=True),
        "logind": LogindFacts(answers=True, knows_ssh_terminals=True),
        "tmouts": (),
        "kernel": Kernel("6.12.1", "v2"),
        "journal": JournalFacts("auto", has_directory=True, has_catalog=True),
        "locking": Locking(),
        "sudo": Sudo(),
        "servers": Servers(),
        "clock": Clock(is_set=True, is_synchronized=True),
    }
    return Facts(**{**values, **changed})


def ids(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Returns severity and id of each finding; checks that each finding that is not a note has a remedy."""
    found = list(findings)
    assert all(each.remedy for each in found if each.severity is not Severity.NOTE)
    return [(each.severity.value, each.id) for each in found]
