"""Runs every check on the facts of a host and sorts the findings. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reaper.doctor.checks import (
    clock,
    cut_short,
    daemon,
    journal,
    kernel,
    libraries,
    locking,
    logind,
    pam,
    precedence,
    rules,
    servers,
    sessions,
    sshd,
    sudo,
)
from reaper.doctor.checks.shell import Tmout
from reaper.doctor.checks.sshd import Sshd
from reaper.doctor.findings import Finding, Severity, note, worst_first


@dataclass(frozen=True)
class Facts:
    """Everything that the probes read on the host.

    `sshd` is None if the host has no sshd. `other_sshds` holds each sshd that a unit starts with a configuration of its
    own, with the name of the unit. `unchecked` names what could not be read.
    """

    version: str
    daemon: daemon.DaemonFacts
    files: rules.Files
    pam: pam.Pam
    sshd: Sshd | None
    logind: logind.LogindFacts
    tmouts: tuple[Tmout, ...]
    kernel: kernel.Kernel
    journal: journal.JournalFacts
    clock: clock.Clock
    locking: locking.Locking
    sudo: sudo.Sudo
    servers: servers.Servers
    other_sshds: tuple[tuple[str, Sshd], ...] = ()
    is_root: bool = True
    missing_modules: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """The result of all checks: the findings, the worst first, and a row for each kind of session."""

    findings: tuple[Finding, ...]
    table: tuple[precedence.Row, ...]

    def is_enforced(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


def examine(facts: Facts) -> Diagnosis:
    """Runs every check on the facts.

    The table is made from the policy files. If no daemon has a policy in force, it is made without reaper. If a daemon
    has one, but the policy files cannot be read, the table is empty.
    """
    has_policy = facts.daemon.answers and bool(facts.daemon.policy_id)
    rows = precedence.table(facts.files.policy if has_policy else None, facts.sshd, facts.logind, facts.tmouts)
    is_known = facts.files.policy is not None or not has_policy
    return Diagnosis(worst_first(_findings(facts, rows, is_known)), rows if is_known else ())


def _findings(facts: Facts, rows: tuple[precedence.Row, ...], is_known: bool) -> Iterator[Finding]:
    policy = facts.files.policy
    yield from daemon.check(facts.daemon, facts.version)
    yield from rules.check(facts.files, facts.daemon)
    yield from libraries.check(facts.missing_modules, policy)
    yield from locking.check(facts.locking, policy)
    if facts.sshd is not None:
        yield from sshd.check(facts.sshd)
    for unit, other in facts.other_sshds:
        yield from sshd.check_other(unit, other)
    yield from servers.check(facts.servers)
    yield from pam.check(facts.pam, facts.logind.answers is not False, policy)
    yield from sudo.check(facts.sudo, policy)
    yield from logind.check(facts.logind)
    yield from precedence.check(rows, facts.sshd, is_known)
    yield from cut_short.check(policy, rows)
    yield from sessions.check(facts.daemon.sessions, policy)
    yield from kernel.check(facts.kernel)
    yield from journal.check(facts.journal)
    yield from clock.check(facts.clock, policy)
    for what in facts.unchecked:
        yield note("unchecked", f"doctor could not check {what}.", "" if facts.is_root else "sudo reaperctl doctor")


def document(diagnosis: Diagnosis) -> dict[str, Any]:
    """Returns the diagnosis in plain JSON types, as reaperctl(1) describes them."""
    return {
        "findings": [
            {"id": each.id, "severity": each.severity.value, "message": each.message, "remedy": each.remedy}
            for each in diagnosis.findings
        ],
        "first": [
            {
                "session": row.kind.id,
                "text": precedence.sentence(row),
                "mechanisms": [vars(each) for each in row.mechanisms],
            }
            for row in diagnosis.table
        ],
    }
