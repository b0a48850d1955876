"""Whether what the policy wants locked can be locked: the PAM service, and the users who are logged in. Pure.

What Python and the kernel lack for it, libraries.py and kernel.py say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reaper.decide.policy.limits import Action
from reaper.decide.policy.rules import Policy
from reaper.doctor.findings import Finding, note, warning


@dataclass(frozen=True)
class Locking:
    """What was found: whether PAM has the service, and each user who could not unlock anything, with why.

    `allows_tracing`: a user's processes may trace any other of theirs (sysctl kernel.yama.ptrace_scope is 0, or none).
    `allows_rings`: every user may use io_uring, and need not (sysctl kernel.io_uring_disabled, from Linux 6.6, is 0).
    `forbids_tracing`: no process may trace any other, not even as root (it is 3).
    """

    has_service: bool = True
    unable: tuple[tuple[str, str], ...] = ()
    allows_tracing: bool = False
    allows_rings: bool = False
    forbids_tracing: bool = False


def rules_that_lock(policy: Policy | None) -> frozenset[str]:
    """The names of the rules whose sessions are to be locked, as sessions are shown with them."""
    if policy is None:
        return frozenset()
    limits = {rule.name: rule.limits for rule in policy.rules}
    limits[f"environment:{policy.environment}"] = policy.environments[policy.environment]
    return frozenset(name for name, each in limits.items() if each.action is Action.LOCK)


def check(locking: Locking, policy: Policy | None) -> Iterator[Finding]:
    """Whose sessions are ended though a rule says to lock them."""
    if not rules_that_lock(policy):
        return
    if not locking.has_service:
        yield warning(
            "lock-service-missing",
            "The policy locks sessions, and PAM has no service reaper to unlock them by: they are ended instead.",
            "install the package idle-reaper anew, with its /etc/pam.d/reaper",
        )
    if locking.allows_tracing:
        yield note(
            "kernel-ptrace",
            "Processes may trace any other of their user's: one in another login could read what is typed at a lock.",
            "kernel.yama.ptrace_scope=1 in a file of /etc/sysctl.d, then sysctl --system",
        )
    if locking.allows_rings:
        yield note(
            "kernel-io-uring",
            "Users may use io_uring: a program of theirs can hide a ring by which it reads what is typed at a lock.",
            "kernel.io_uring_disabled=1 (or 2) in a file of /etc/sysctl.d, then sysctl --system",
        )
    if locking.forbids_tracing:
        yield warning(
            "kernel-no-ptrace",
            "Nothing may be traced (kernel.yama.ptrace_scope=3): a program that its user lets out of a lock is noticed"
            " only after up to 100 ms, and a shell whose TMOUT is over ends as it is unlocked.",
            "kernel.yama.ptrace_scope=2 in a file of /etc/sysctl.d, and a reboot",
        )
    users_by_reason: dict[str, list[str]] = {}
    for user, why in locking.unable:
        users_by_reason.setdefault(why, []).append(user)
    for why, users in users_by_reason.items():
        yield warning(
            "user-unlockable",
            f"Sessions of {', '.join(users)} cannot be locked, and are ended instead: {why}.",
            "passwd and chage for these users, or a rule of their own with action: terminate",
        )
