"""Finds which of the users who are logged in could not unlock a session that a rule locks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reaper import pam_stack
from reaper.decide.policy.rules import Policy
from reaper.doctor.checks.daemon import Login
from reaper.doctor.checks.locking import Locking, rules_that_lock
from reaper.doctor.probes.reader import HostReader
from reaper.sense import lockability


def probe(host: HostReader, logins: Iterable[Login], policy: Policy | None) -> tuple[Locking, bool]:
    """Returns what prevents or weakens locking, and whether all of it is known: only root can read /etc/shadow."""
    rules = rules_that_lock(policy)
    users = sorted({login.user for login in logins if login.rule in rules and login.origin != "graphical"})
    has_service = not rules or pam_stack.find(lockability.SERVICE, host.read) is not None
    if not has_service:
        return Locking(has_service=False), True
    scope = (host.read("/proc/sys/kernel/yama/ptrace_scope") or "0").strip() if rules else ""
    locking = Locking(
        allows_tracing=scope == "0",
        forbids_tracing=scope == "3",
        allows_rings=bool(rules) and (host.read("/proc/sys/kernel/io_uring_disabled") or "").strip() == "0",
    )
    if not host.is_root:
        return locking, not users
    found = ((user, lockability.user_obstacle(user, host.root)) for user in users)
    return replace(locking, unable=tuple((user, why) for user, why in found if why)), True
