"""Findings about the policy files and the rules in them."""

from __future__ import annotations

from typing import Any

import pytest

from reaper.doctor.checks import rules
from reaper.doctor.checks.rules import Files
from tests.unit.doctor import facts
from tests.unit.doctor.facts import ids, policy

OTHER = policy("poll: 7s")


@pytest.mark.parametrize(
    ("files", "changed", "expected"),
    [
        (Files(policy()), {}, []),
        (Files(), {}, []),  # the files could not be read
        (Files(OTHER), {}, [("error", "policy-not-loaded")]),
        (Files(OTHER), {"answers": False, "policy_id": ""}, []),
        (Files(problem="a.yaml:1:1: bad"), {}, [("error", "policy-rejected")]),
        (Files(problem="bad"), {"policy_id": ""}, [("error", "policy-rejected"), ("error", "no-policy")]),
        (Files(problem="bad"), {"answers": False, "policy_id": ""}, [("error", "policy-rejected")]),
    ],
)
def test_policy_findings(files: Files, changed: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert ids(rules.check(files, facts.daemon(**changed))) == expected


def test_group_that_no_name_service_knows_is_named_with_its_rules() -> None:
    named = policy("rules: [{name: a, match: {group: [ops, dev]}}, {name: b, match: {group: ops}}, {name: c}]")
    about = facts.daemon(policy_id=named.id, unknown_groups=("gone", "ops"))
    (found,) = rules.check(Files(named), about)
    assert ids([found]) == [("warning", "group-unknown")]
    assert "the group ops of the rule a, b:" in found.message
    assert found.remedy.startswith("getent group ops: ")


def test_rules_that_only_observe_are_noted() -> None:
    watched = policy("environments: {standard: {action: observe}}\nrules: [{name: a, action: terminate}, {name: b}]")
    found = list(rules.check(Files(watched), facts.daemon(policy_id=watched.id)))
    assert ids(found) == [("note", "rule-observes")] * 2
    assert "rule b " in found[0].message
    assert "environment standard" in found[1].message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rules: [{name: a, match: {user: x}, idle: never}]", ["rule-unlimited"]),
        ("rules: [{name: a, match: {user: x}, idle: never, max: 8h}]", []),
        ("rules: [{name: a, match: {user: x}, idle: never, action: observe}]", ["rule-observes"]),
        ("ceiling: {idle: 1h}\nrules: [{name: a, match: {user: x}, idle: never}]", []),
        ("ceiling: {idle: 1h, except: [a]}\nrules: [{name: a, match: {user: x}, idle: never}]", ["rule-unlimited"]),
    ],
)
def test_rules_without_limits_are_noted(text: str, expected: list[str]) -> None:
    made = policy(text)
    assert ids(rules.check(Files(made), facts.daemon(policy_id=made.id))) == [("note", name) for name in expected]
