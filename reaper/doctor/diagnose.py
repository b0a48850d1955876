"""From the facts to the findings: every check, in order. Pure."""

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
    """What was read of the host. `sshd` is None where there is none; `unchecked` says what could not be looked at.

    `other_sshds` are those that a unit starts by a configuration of their own.
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
    """All that the doctor says: the findings, the worst first, and what ends which sessions first."""

    findings: tuple[Finding, ...]
    first: tuple[precedence.Row, ...]

    def is_enforced(self) -> bool:
        """Whether nothing was found that keeps a limit from being enforced."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


def examine(facts: Facts) -> Diagnosis:
    """Every check of the facts.

    The table is of the policy of the files, and without reaper where no daemon has a policy in force. Where one has,
    and the files do not tell which, there is no table.
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
        yield note("unchecked", f"Could not be looked at: {what}.", "" if facts.is_root else "sudo reaperctl doctor")


def document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The same in plain JSON types; reaperctl(1) describes them."""
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
            for row in diagnosis.first
        ],
    }
