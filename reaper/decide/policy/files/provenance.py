"""Find where each value of a policy is written, and what the ceiling changes. Pure.

For reaperctl alone: the daemon keeps none of this. The values are those of the Policy itself, as document() writes
them; the places, and what is written there, are those of the draft that parse() made this Policy of. So the report
always agrees with the policy in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reaper.decide.policy.ceiling import cap
from reaper.decide.policy.files import keys
from reaper.decide.policy.files.merge import Draft, DraftRule, Fields, Given, Keys
from reaper.decide.policy.files.parse import built_in, written
from reaper.decide.policy.limits import Limits, spelled
from reaper.decide.policy.match import Origin, Subject
from reaper.decide.policy.rules import Policy, Rule, Verdict, document, judge, limits_of_kind

CEILING, LIMIT, TERMINAL, GRAPHICAL, NOTIFY = "ceiling", "limit", "terminal", "graphical", "notify"
"""What can change a value that is written: the ceiling; for a warning, a limit that it does not fit or a session
without a terminal; for every limit, a desktop that no rule names; for a lock, `notify: none`."""


@dataclass(frozen=True)
class Setting:
    """One value in force, as document() writes it, and its place; `line` 0 is built in.

    `environment` is that from which a rule inherits the value, or "". If the value differs from what is written,
    `changed_by` is one of the words above, and `instead_of` is what is written. A value that the ceiling changed has
    the ceiling's place.
    """

    value: Any
    path: str = ""
    line: int = 0
    environment: str = ""
    changed_by: str = ""
    instead_of: Setting | None = None

    def document(self) -> dict[str, Any]:
        """Return the setting in plain JSON types."""
        return {
            "value": self.value,
            "file": self.path or None,
            "line": self.line or None,
            "environment": self.environment or None,
            "changed_by": self.changed_by or None,
            "instead_of": self.instead_of.document() if self.instead_of else None,
        }


Settings = dict[str, Setting]
Tree = dict[str, Any]
"""A document of rules.document() with a Setting in place of each value, and with all limits of every rule."""


@dataclass(frozen=True)
class Application:
    """A policy applied to one session: the verdict, the limits in force for it, and where the rules are written.

    `rule` is the name of the winning rule, or of the environment in its place. `rule` and `passed_over` (by name) are
    Settings of the names, to give the places of the rules.
    """

    verdict: Verdict
    rule: Setting
    passed_over: Settings
    limits: Settings


def trace(policy: Policy, draft: Draft) -> Tree:
    """Return every value of the policy that was made of the draft, rules and environments under the ceiling."""
    whole = document(policy)
    ceiling = _settings(whole["ceiling"], keys.CEILING, draft.ceiling)
    settled = _environments(policy, draft)
    base = settled[policy.environment]
    rules = {rule.name: rule for rule in draft.rules}
    return {
        **_settings({key: whole[key] for key in keys.TOP}, keys.TOP, draft.top),
        "environments": {
            name: _under_ceiling(limits, cap(policy.environments[name], policy.ceiling), ceiling)
            for name, limits in settled.items()
        },
        "ceiling": ceiling,
        "brake": _settings(whole["brake"], keys.BRAKE, draft.brake),
        "rules": [
            _rule(policy, rule, rules[rule.name], written_rule.get("match", {}), base, ceiling)
            for rule, written_rule in zip(policy.rules, whole["rules"])
        ],
    }


def values(tree: Any) -> Any:
    """Return the tree without its places: the complete document() under the ceiling."""
    if isinstance(tree, Setting):
        return tree.value
    if isinstance(tree, dict):
        return {key: values(each) for key, each in tree.items()}
    return [values(each) for each in tree]


def in_json(tree: Any) -> Any:
    """Return the tree in plain JSON types, each value with its place."""
    if isinstance(tree, Setting):
        return tree.document()
    if isinstance(tree, dict):
        return {key: in_json(each) for key, each in tree.items()}
    return [in_json(each) for each in tree]


def apply(policy: Policy, tree: Tree, subject: Subject) -> Application:
    """Return what a policy does with one session; `tree` is that policy's trace()."""
    verdict = judge(policy, subject)
    rules = {rule["name"].value: rule for rule in tree["rules"]}
    won = rules.get(verdict.rule, tree["environments"][policy.environment])
    limits = {key: won[key] for key in keys.LIMITS}
    kind = limits_of_kind(policy, verdict, subject.origin, bool(subject.terminals))
    by = GRAPHICAL if subject.origin is Origin.GRAPHICAL and kind.idle_usec != verdict.limits.idle_usec else TERMINAL
    return Application(
        verdict=verdict,
        rule=won["name"] if verdict.rule in rules else replace(tree["environment"], value=verdict.rule),
        passed_over={name: rules[name]["name"] for name, _ in verdict.passed_over},
        limits=_with_limits(limits, kind, by),
    )


def _setting(value: Any, given: Given | None) -> Setting:
    return Setting(value, given.key.path, given.key.line) if given else Setting(value)


def _settings(mapping: Mapping[str, Any], table: Keys, given: Fields) -> Settings:
    return {key: _setting(value, given.get(table[key][0])) for key, value in mapping.items()}


def _environments(policy: Policy, draft: Draft) -> dict[str, Settings]:
    """Return the environments before the ceiling, in document()'s order."""
    settled = {}
    for name in sorted(policy.environments):
        given = draft.environments.get(name, {})
        unfitted = spelled(replace(built_in(name), **written(given)))
        settled[name] = _with_limits(_settings(unfitted, keys.LIMITS, given), policy.environments[name], LIMIT)
    return settled


def _rule(
    policy: Policy, rule: Rule, draft: DraftRule, match: Mapping[str, Any], base: Settings, ceiling: Settings
) -> Tree:
    """Return one complete rule: what it says itself, what it inherits, and what the ceiling changes."""
    unfitted = spelled(replace(rule.limits, **written(draft.given)))
    limits = {}
    for key, (filled, _) in keys.LIMITS.items():
        if filled in draft.given:
            limits[key] = _setting(unfitted[key], draft.given[filled])
        else:
            limits[key] = replace(base[key].instead_of or base[key], environment=policy.environment)
    limits = _with_limits(limits, rule.limits, LIMIT)
    if rule.name not in policy.ceiling.exempt:
        limits = _under_ceiling(limits, cap(rule.limits, policy.ceiling), ceiling)
    conditions = _settings(match, keys.MATCH, draft.conditions)
    name = Setting(rule.name, draft.place.path, draft.place.line)
    return {"name": name, **({"match": conditions} if conditions else {}), **limits}


def _with_limits(settings: Settings, limits: Limits, by: str) -> Settings:
    """Return the settings with the values of these limits; `by` is what changed those that differ."""
    changed = {}
    for key, value in spelled(limits).items():
        before = settings[key]
        if before.value != value:
            first = before.instead_of or before
            if first.value == value:
                before = first
            else:
                cause = NOTIFY if key == "action" else by  # nothing else changes an action (limits.inherit)
                before = replace(first, value=value, environment="", changed_by=cause, instead_of=first)
        changed[key] = before
    return changed


def _under_ceiling(settings: Settings, capped: tuple[Limits, tuple[str, ...]], ceiling: Settings) -> Settings:
    """Return the settings under the ceiling; `capped` is the result of cap()."""
    limits, lowered = capped
    settings = _with_limits(settings, limits, LIMIT)
    for key in lowered:
        place = ceiling[key]
        settings[key] = replace(settings[key], path=place.path, line=place.line, changed_by=CEILING)
    return settings
