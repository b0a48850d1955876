"""Checks that logins, su and sudo go through pam_reaper.so. Pure.

A login without the module is still found through logind if pam_systemd.so is in its stack, but less is known of it:
that is a warning. An elevation without the module is not found at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reaper.decide.policy.rules import Policy
from reaper.doctor.checks.daemon import REINSTALL
from reaper.doctor.findings import Finding, error, note, warning
from reaper.pam_stack import PamLine

MODULE = "pam_reaper.so"
LOGIND_MODULE = "pam_systemd.so"
ELEVATORS = ("su", "su-l", "sudo", "sudo-i")


@dataclass(frozen=True)
class Stack:
    """The session lines of one service, with included files expanded."""

    service: str
    lines: tuple[PamLine, ...]

    def has(self, module: str) -> bool:
        """Whether a line of the stack names the module."""
        return any(line.base == module for line in self.lines)


@dataclass(frozen=True)
class Pam:
    """The stacks of the services of this host.

    `has_module`: the file pam_reaper.so exists. `has_updater`: pam-auth-update(8) exists.
    """

    logins: tuple[Stack, ...]
    elevators: tuple[Stack, ...]
    has_module: bool
    has_updater: bool


def _records(stack: Stack, service: str) -> bool:
    """Whether a line of the stack records the service; one with the argument `elevations` ignores logins."""
    ours = [line.arguments for line in stack.lines if line.base == MODULE]
    if service not in ELEVATORS:
        ours = [arguments for arguments in ours if "elevations" not in arguments]
    return any(f"skip={service}" not in arguments for arguments in ours)


def _denies_login(line: PamLine) -> bool:
    """Whether the stack fails if the line's module cannot be loaded (pam.conf(5): required, [default=bad])."""
    if line.control in ("required", "requisite"):
        return True
    actions = dict(part.partition("=")[::2] for part in line.control.split())
    return actions.get("module_unknown", actions.get("default")) in ("bad", "die")


def check(pam: Pam, has_logind: bool, policy: Policy | None) -> Iterator[Finding]:
    """Yields which logins and elevations are not recorded. `has_logind` is false only if logind does not answer."""
    yield from _check_module(pam)
    unrecorded = [stack for stack in pam.logins if not _records(stack, stack.service) or not pam.has_module]
    unseen = [stack.service for stack in unrecorded if not (has_logind and stack.has(LOGIND_MODULE))]
    by_logind = [stack.service for stack in unrecorded if stack.service not in unseen]
    if unseen:
        yield error(
            "logins-unseen",
            f"Neither {MODULE} nor logind learns of logins by {_listed(unseen)}: their sessions are never ended.",
            _enable(pam),
        )
    if by_logind and pam.has_module:
        yield warning(
            "pam-not-enabled",
            f"{MODULE} is not in the session stack of {_listed(by_logind)}: reaperd finds these sessions through"
            " logind alone, and knows less of them.",
            _enable(pam),
        )
    yield from _check_elevations(pam, policy)
    early = [stack.service for stack in pam.logins if _is_before_logind(stack)]
    if early:
        yield note(
            "pam-order",
            f"{MODULE} comes before {LOGIND_MODULE} for {_listed(early)}: records lack logind's session ID.",
            f"move the line of {MODULE} after that of {LOGIND_MODULE} in /etc/pam.d/{early[0]} or in a file that it"
            " includes",
        )


def _check_module(pam: Pam) -> Iterator[Finding]:
    stacks = [stack for stack in (*pam.logins, *pam.elevators) if stack.has(MODULE)]
    if pam.has_module or not stacks:
        return
    denied = [
        stack.service for stack in stacks if any(each.base == MODULE and _denies_login(each) for each in stack.lines)
    ]
    if denied:
        message = f"{MODULE} is required, but its file is missing: nobody can log in by {_listed(denied)}."
        yield error("pam-module-missing", message, REINSTALL)
        return
    services = _listed([stack.service for stack in stacks])
    message = f"The stack of {services} names {MODULE}, but its file is missing: nothing is recorded."
    yield warning("pam-module-missing", message, REINSTALL)


def _check_elevations(pam: Pam, policy: Policy | None) -> Iterator[Finding]:
    rules = [rule.name for rule in policy.rules if rule.match.elevated is not None] if policy else []
    services = [stack.service for stack in pam.elevators if not _records(stack, stack.service) or not pam.has_module]
    if rules and services:
        yield error(
            "elevation-unmarked",
            f"Root shells by {_listed(services)} are not marked, but rules match elevated: {_listed(rules)}.",
            _enable(pam),
        )


def _is_before_logind(stack: Stack) -> bool:
    order = [line.base for line in stack.lines if "elevations" not in line.arguments]
    return MODULE in order and LOGIND_MODULE in order and order.index(MODULE) < order.index(LOGIND_MODULE)


def _enable(pam: Pam) -> str:
    if pam.has_updater:
        return "pam-auth-update --enable reaper reaper-elevations"
    return f"session optional {MODULE} at the end of system-auth and password-auth of an authselect profile"


def _listed(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names))
