"""Checks that sessions that the policy locks can be locked: the PAM service, and the users who are logged in. Pure.

libraries.py checks the Python packages that locking needs, and kernel.py control groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reaper.decide.policy.limits import Action
from reaper.decide.policy.rules import Policy
from reaper.doctor.findings import Finding, note, warning


@dataclass(frozen=True)
class Locking:
    """What locking depends on.

    `has_service`: PAM has the service. `unable` holds each user who could not unlock a session, and why.
    `allows_tracing`: a process may trace any other of its user (sysctl kernel.yama.ptrace_scope is 0 or missing).
    `allows_rings`: every user may use io_uring, and that can be forbidden (sysctl kernel.io_uring_disabled, since Linux
    6.6, is 0). `forbids_tracing`: no process may trace another, not even root's (ptrace_scope is 3).
    """

    has_service: bool = True
    unable: tuple[tuple[str, str], ...] = ()
    allows_tracing: bool = False
    allows_rings: bool = False
    forbids_tracing: bool = False


def rules_that_lock(policy: Policy | None) -> frozenset[str]:
    """Returns the rules that lock sessions, by the names that sessions are listed with."""
    if policy is None:
        return frozenset()
    limits = {rule.name: rule.limits for rule in policy.rules}
    limits[f"environment:{policy.environment}"] = policy.environments[policy.environment]
    return frozenset(name for name, each in limits.items() if each.action is Action.LOCK)


def check(locking: Locking, policy: Policy | None) -> Iterator[Finding]:
    """Yields whose sessions are ended although a rule locks them, and what weakens a lock."""
    if not rules_that_lock(policy):
        return
    if not locking.has_service:
        yield warning(
            "lock-service-missing",
            "The policy locks sessions, but /etc/pam.d/reaper, by which they are unlocked, is missing: they are ended"
            " instead.",
            "apt-get install --reinstall -o Dpkg::Options::=--force-confmiss idle-reaper (EL: dnf reinstall"
            " idle-reaper)",
        )
    if locking.allows_tracing:
        yield note(
            "kernel-ptrace",
            "A process may trace any other process of its user: one in another login could read what is typed at a"
            " lock.",
            "kernel.yama.ptrace_scope=1 in /etc/sysctl.d/99-reaper.conf, then sysctl --system",
        )
    if locking.allows_rings:
        yield note(
            "kernel-io-uring",
            "Users may use io_uring: a program that hides a ring could read what is typed at a lock.",
            "kernel.io_uring_disabled=1 (or 2) in /etc/sysctl.d/99-reaper.conf, then sysctl --system",
        )
    if locking.forbids_tracing:
        yield warning(
            "kernel-no-ptrace",
            "No process may be traced (kernel.yama.ptrace_scope=3): if a user unfreezes a program of a locked session,"
            " the lock notices only after up to 100 ms, and a shell whose TMOUT has passed ends when it is unlocked.",
            "kernel.yama.ptrace_scope=2 in /etc/sysctl.d/99-reaper.conf, then reboot",
        )
    users_by_reason: dict[str, list[str]] = {}
    for user, why in locking.unable:
        users_by_reason.setdefault(why, []).append(user)
    for why, users in users_by_reason.items():
        yield warning(
            "user-unlockable",
            f"Sessions of {', '.join(users)} cannot be locked, and are ended instead: {why}.",
            "give these users a rule with action: terminate, or a password to unlock with (passwd USER) where they may"
            " have one",
        )
