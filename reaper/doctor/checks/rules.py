"""Checks that the policy in force is that of the files, and which rules end no session. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reaper.decide.policy.ceiling import cap
from reaper.decide.policy.limits import Action
from reaper.decide.policy.rules import Policy
from reaper.doctor.checks.daemon import DaemonFacts
from reaper.doctor.findings import Finding, error, note, warning

RELOAD = "reaperctl check && systemctl reload reaper.service"


@dataclass(frozen=True)
class Files:
    """The policy that the policy files make, or the first mistake in them; neither if they could not be read."""

    policy: Policy | None = None
    problem: str = ""


def check(files: Files, daemon: DaemonFacts) -> Iterator[Finding]:
    """Yields why the policy of the files is not in force, and which sessions it never ends."""
    if files.problem:
        used = f"policy {daemon.policy_id} stays in force" if daemon.policy_id else "no policy is in force"
        yield error(
            "policy-rejected",
            f"The policy files have mistakes and are not used{f': {used}' if daemon.answers else ''}."
            f" The first mistake is {files.problem}",
            RELOAD,
        )
    if daemon.answers and not daemon.policy_id:
        yield error("no-policy", "No policy is in force: no session is warned or ended.", RELOAD)
    elif daemon.answers and files.policy is not None and files.policy.id != daemon.policy_id:
        yield error(
            "policy-not-loaded",
            f"Policy {daemon.policy_id} is in force, but the files make policy {files.policy.id}:"
            " they were changed and not loaded.",
            RELOAD,
        )
    if files.policy is not None:
        yield from _unknown_groups(files.policy, daemon.unknown_groups)
        yield from _observing(files.policy)
        yield from _unlimited(files.policy)


def _unknown_groups(policy: Policy, unknown: tuple[str, ...]) -> Iterator[Finding]:
    for name in unknown:
        rules = [rule.name for rule in policy.rules if name in rule.match.group]
        if rules:
            yield warning(
                "group-unknown",
                f"No name service that reaperd can reach knows the group {name} of the rule {', '.join(rules)}:"
                " the rule matches only if the record of a login has the group's name.",
                f"getent group {name}: if that prints the group, its name service needs the network, which"
                " reaper.service does not have. Use one that answers on the host (sssd, nslcd, winbind), or match users"
                " (user: in the rule)",
            )


def _observing(policy: Policy) -> Iterator[Finding]:
    for rule in policy.rules:
        if rule.limits.action is Action.OBSERVE:
            yield note(
                "rule-observes",
                f"Sessions under the rule {rule.name} are observed, not ended.",
                f"action: terminate in the rule {rule.name}, if they should be ended",
            )
    if policy.environments[policy.environment].action is Action.OBSERVE:
        yield note(
            "rule-observes",
            f"Sessions that no rule matches are observed, not ended (environment {policy.environment}).",
            f"action: terminate in the environment {policy.environment}, if they should be ended",
        )


def _unlimited(policy: Policy) -> Iterator[Finding]:
    """Yields the rules whose sessions have no limit, not even from the ceiling."""
    for rule in policy.rules:
        is_exempt = rule.name in policy.ceiling.exempt
        limits = rule.limits if is_exempt else cap(rule.limits, policy.ceiling)[0]
        if limits.action is not Action.OBSERVE and (limits.idle_usec, limits.max_usec) == (None, None):
            yield note(
                "rule-unlimited",
                f"The rule {rule.name} has neither idle nor max: its sessions have no limit.",
                f"idle: or max: in the rule {rule.name}, if its sessions should end",
            )
