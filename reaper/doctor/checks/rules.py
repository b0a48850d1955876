"""Whether the policy files are in force, and which rules end nobody. Pure: what was read goes in."""

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
    """The policy files: the policy that they make, or what is wrong with them.

    Both are empty where they could not be read at all.
    """

    policy: Policy | None = None
    problem: str = ""


def check(files: Files, daemon: DaemonFacts) -> Iterator[Finding]:
    """What keeps the policy from being that of the files, and what it leaves alone."""
    if files.problem:
        stays = f"policy {daemon.policy_id} from before stays in force" if daemon.policy_id else "none is in force"
        yield error(
            "policy-rejected",
            f"The policy files have mistakes and are not used{f': {stays}' if daemon.answers else ''}."
            f" The first is {files.problem}",
            RELOAD,
        )
    if daemon.answers and not daemon.policy_id:
        yield error("no-policy", "No policy is in force: no session is warned or ended.", RELOAD)
    elif daemon.answers and files.policy is not None and files.policy.id != daemon.policy_id:
        yield error(
            "policy-not-loaded",
            f"The policy in force, {daemon.policy_id}, is not that of the files, {files.policy.id}:"
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
                " it matches only where the record of a login has the name.",
                f"getent group {name}: if that knows it, the name service needs the network, which reaper.service does"
                " not have; use one that answers on the host (sssd, nslcd, winbind), or match on users",
            )


def _observing(policy: Policy) -> Iterator[Finding]:
    for rule in policy.rules:
        if rule.limits.action is Action.OBSERVE:
            yield note(
                "rule-observes",
                f"Sessions under the rule {rule.name} are observed, not ended.",
                f"action: terminate in the rule {rule.name}, when that is not what you want",
            )
    if policy.environments[policy.environment].action is Action.OBSERVE:
        yield note(
            "rule-observes",
            f"Sessions that no rule matches are observed, not ended (environment {policy.environment}).",
            f"action: terminate in the environment {policy.environment}, when that is not what you want",
        )


def _unlimited(policy: Policy) -> Iterator[Finding]:
    """Rules whose sessions reach no limit, also under the ceiling."""
    for rule in policy.rules:
        is_exempt = rule.name in policy.ceiling.exempt
        limits = rule.limits if is_exempt else cap(rule.limits, policy.ceiling)[0]
        if limits.action is not Action.OBSERVE and (limits.idle_usec, limits.max_usec) == (None, None):
            yield note(
                "rule-unlimited",
                f"The rule {rule.name} has neither idle nor max: no limit reaches its sessions.",
                f"idle or max in the rule {rule.name}, when that is not what you want",
            )
