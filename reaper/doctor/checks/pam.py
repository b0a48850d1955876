"""Whether logins, su and sudo go through pam_reaper.so. Pure: the text of PAM's files goes in.

A login without the module is found through logind all the same, if pam_systemd.so is in its stack: then with less known
of it, which is a warning. An elevation without the module is not found at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reaper.decide.policy.rules import Policy
from reaper.doctor.findings import Finding, error, note, warning
from reaper.pam_stack import PamLine

MODULE = "pam_reaper.so"
LOGIND_MODULE = "pam_systemd.so"
ELEVATORS = ("su", "su-l", "sudo", "sudo-i")


@dataclass(frozen=True)
class Stack:
    """The session lines of one service, those of included files in their place."""

    service: str
    lines: tuple[PamLine, ...]

    def names(self, module: str) -> bool:
        """Whether one of its lines is of that module."""
        return any(line.base == module for line in self.lines)


@dataclass(frozen=True)
class Pam:
    """The stacks of the services that are there. `has_module`: the file of pam_reaper.so is.

    `has_updater`: pam-auth-update(8) is there.
    """

    logins: tuple[Stack, ...]
    elevators: tuple[Stack, ...]
    has_module: bool
    has_updater: bool


def _records(stack: Stack, service: str) -> bool:
    """Whether the stack has a line that records what the service does; `elevations` passes logins over."""
    ours = [line.arguments for line in stack.lines if line.base == MODULE]
    if service not in ELEVATORS:
        ours = [arguments for arguments in ours if "elevations" not in arguments]
    return any(f"skip={service}" not in arguments for arguments in ours)


def _keeps_out(line: PamLine) -> bool:
    """Whether the line fails its stack where its module cannot be loaded (pam.conf(5): required, [default=bad])."""
    if line.control in ("required", "requisite"):
        return True
    actions = dict(part.partition("=")[::2] for part in line.control.split())
    return actions.get("module_unknown", actions.get("default")) in ("bad", "die")


def check(pam: Pam, has_logind: bool, policy: Policy | None) -> Iterator[Finding]:
    """Which logins and elevations are not recorded. `has_logind` is false where logind is known not to be there."""
    yield from _missing_module(pam)
    unrecorded = [stack for stack in pam.logins if not _records(stack, stack.service) or not pam.has_module]
    unseen = [stack.service for stack in unrecorded if not (has_logind and stack.names(LOGIND_MODULE))]
    less = [stack.service for stack in unrecorded if stack.service not in unseen]
    if unseen:
        yield error(
            "logins-unseen",
            f"Neither {MODULE} nor logind is told of logins by {_listed(unseen)}: their sessions are never ended.",
            _enable(pam),
        )
    if less and pam.has_module:
        yield warning(
            "pam-not-enabled",
            f"{MODULE} is not in the session stack of {_listed(less)}: sessions are found through logind alone,"
            " and less is known of them.",
            _enable(pam),
        )
    yield from _unmarked(pam, policy)
    late = [stack.service for stack in pam.logins if _before_logind(stack)]
    if late:
        yield note(
            "pam-order",
            f"{MODULE} comes before {LOGIND_MODULE} for {_listed(late)}: records lack logind's session id.",
            f"put the line of {MODULE} after that of {LOGIND_MODULE}",
        )


def _missing_module(pam: Pam) -> Iterator[Finding]:
    stacks = [stack for stack in (*pam.logins, *pam.elevators) if stack.names(MODULE)]
    if pam.has_module or not stacks:
        return
    out = [stack.service for stack in stacks if any(each.base == MODULE and _keeps_out(each) for each in stack.lines)]
    if out:
        what = f"nobody gets in by {_listed(out)}"
        yield error("pam-module-missing", f"{MODULE} is required and its file is missing: {what}.", _reinstall())
        return
    services = _listed([stack.service for stack in stacks])
    message = f"The stack of {services} names {MODULE}, and its file is missing: nothing is recorded."
    yield warning("pam-module-missing", message, _reinstall())


def _unmarked(pam: Pam, policy: Policy | None) -> Iterator[Finding]:
    rules = [rule.name for rule in policy.rules if rule.match.elevated is not None] if policy else []
    services = [stack.service for stack in pam.elevators if not _records(stack, stack.service) or not pam.has_module]
    if rules and services:
        yield error(
            "elevation-unmarked",
            f"Nothing tells of root shells by {_listed(services)}, which {_listed(rules)} matches on (elevated).",
            _enable(pam),
        )


def _before_logind(stack: Stack) -> bool:
    order = [line.base for line in stack.lines if "elevations" not in line.arguments]
    return MODULE in order and LOGIND_MODULE in order and order.index(MODULE) < order.index(LOGIND_MODULE)


def _enable(pam: Pam) -> str:
    if pam.has_updater:
        return "pam-auth-update --enable reaper reaper-elevations"
    return f"session optional {MODULE}, at the end of system-auth and password-auth of an authselect profile"


def _reinstall() -> str:
    return "install the package idle-reaper anew, or take the line out"


def _listed(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names))
