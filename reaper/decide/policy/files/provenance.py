"""Where each value of a policy comes from, and what a ceiling makes of it.  Pure.

For the tool: the daemon keeps none of this.  The values are those of the Policy itself, as document() spells them; of
the draft, out of which config.py made that same Policy, come the places and what was written there.  So what is told
of a policy and the policy in force cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reaper.decide.policy.ceiling import cap
from reaper.decide.policy.files import keys
from reaper.decide.policy.files.merge import Draft, DraftRule, Fields, Given, Keys
from reaper.decide.policy.files.parse import built_in, written
from reaper.decide.policy.limits import Limits
from reaper.decide.policy.match import Origin, Subject
from reaper.decide.policy.rules import Policy, Rule, Verdict, document, judge, limits_of_kind, spelled

CEILING, LIMIT, TERMINAL, GRAPHICAL, NOTIFY = "ceiling", "limit", "terminal", "graphical", "notify"
"""What can stand against a value that is written: a ceiling; for a warning, a limit that it does not fit or a session
without a terminal; for every limit, a desktop that no rule asks for; for a lock, a rule that writes on no terminal."""


@dataclass(frozen=True)
class Setting:
    """One value in force, as document() spells it, and where it is written: `line` 0 is built in.

    `environment`: a rule has it from there.  `changed_by` is one of the words above where something else is written,
    and `instead_of` that; of a ceiling's value the place is the ceiling's.
    """

    value: Any
    path: str = ""
    line: int = 0
    environment: str = ""
    changed_by: str = ""
    instead_of: Setting | None = None

    def document(self) -> dict[str, Any]:
        """The same in plain JSON types."""
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
"""Of the shape of document(), with a Setting for each value, and every rule with all of its limits."""


@dataclass(frozen=True)
class Application:
    """A policy applied to one session: its verdict, the limits in force for it, and where the rules are written.

    `rule` is the name of the one that won, or of what stands for it; its place, and those of the rules passed over by
    name, are Settings of their names.
    """

    verdict: Verdict
    rule: Setting
    passed_over: Settings
    limits: Settings


def trace(policy: Policy, draft: Draft) -> Tree:
    """Every value of the policy that was made of the draft, rules and environments under the ceiling."""
    whole = document(policy)
    ceiling = _settings(whole["ceiling"], keys.CEILING, draft.ceiling)
    settled = _environments(policy, draft)
    base = settled[policy.environment]
    rules = {rule.name: rule for rule in draft.rules}
    return {
        **_settings({key: whole[key] for key in keys.TOP}, keys.TOP, draft.top),
        "environments": {
            name: _changed(limits, cap(policy.environments[name], policy.ceiling), ceiling)
            for name, limits in settled.items()
        },
        "ceiling": ceiling,
        "brake": _settings(whole["brake"], keys.BRAKE, draft.brake),
        "rules": [
            _rule(policy, rule, rules[rule.name], shown.get("match", {}), base, ceiling)
            for rule, shown in zip(policy.rules, whole["rules"])
        ],
    }


def values(tree: Any) -> Any:
    """The tree without its places: what document() has, complete and under the ceiling."""
    if isinstance(tree, Setting):
        return tree.value
    if isinstance(tree, dict):
        return {key: values(each) for key, each in tree.items()}
    return [values(each) for each in tree]


def in_json(tree: Any) -> Any:
    """The tree in plain JSON types, each value with its place."""
    if isinstance(tree, Setting):
        return tree.document()
    if isinstance(tree, dict):
        return {key: in_json(each) for key, each in tree.items()}
    return [in_json(each) for each in tree]


def apply(policy: Policy, tree: Tree, subject: Subject) -> Application:
    """What the policy that `tree` was traced from does with one session."""
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
        limits=_against(limits, kind, by),
    )


def _setting(value: Any, given: Given | None) -> Setting:
    return Setting(value, given.key.path, given.key.line) if given else Setting(value)


def _settings(shown: Mapping[str, Any], table: Keys, given: Fields) -> Settings:
    return {key: _setting(value, given.get(table[key][0])) for key, value in shown.items()}


def _environments(policy: Policy, draft: Draft) -> dict[str, Settings]:
    """The environments before the ceiling, in document()'s order."""
    settled = {}
    for name in sorted(policy.environments):
        given = draft.environments.get(name, {})
        shown = spelled(replace(built_in(name), **written(given)))
        settled[name] = _against(_settings(shown, keys.LIMITS, given), policy.environments[name], LIMIT)
    return settled


def _rule(
    policy: Policy, rule: Rule, draft: DraftRule, match: Mapping[str, Any], base: Settings, ceiling: Settings
) -> Tree:
    """One rule complete: what it says, what it has from the environment, and under the ceiling."""
    shown = spelled(replace(rule.limits, **written(draft.given)))
    limits = {}
    for key, (filled, _) in keys.LIMITS.items():
        if filled in draft.given:
            limits[key] = _setting(shown[key], draft.given[filled])
        else:
            limits[key] = replace(base[key].instead_of or base[key], environment=policy.environment)
    limits = _against(limits, rule.limits, LIMIT)
    if rule.name not in policy.ceiling.exempt:
        limits = _changed(limits, cap(rule.limits, policy.ceiling), ceiling)
    conditions = _settings(match, keys.MATCH, draft.conditions)
    name = Setting(rule.name, draft.place.path, draft.place.line)
    return {"name": name, **({"match": conditions} if conditions else {}), **limits}


def _against(settings: Settings, limits: Limits, by: str) -> Settings:
    """The settings with the values of these limits; those that differ were changed by what is named."""
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


def _changed(settings: Settings, capped: tuple[Limits, tuple[str, ...]], ceiling: Settings) -> Settings:
    """The settings under the ceiling, `capped` being what cap() returned."""
    limits, lowered = capped
    settings = _against(settings, limits, LIMIT)
    for key in lowered:
        place = ceiling[key]
        settings[key] = replace(settings[key], path=place.path, line=place.line, changed_by=CEILING)
    return settings
