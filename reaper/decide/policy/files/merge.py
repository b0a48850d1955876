"""Read the policy files one by one and merge them into a draft, before anything is inherited. Pure.

A later file overrides earlier ones: its single values and its lists replace theirs, and the mappings (environments,
ceiling, brake) merge key by key. A rule that has the name of an earlier rule replaces it and keeps its position. New
rules come before those of all earlier files, in the order in which they are written. As the first match wins, a new
rule of a drop-in overrides earlier rules; to change a rule but not its position, a drop-in repeats its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reaper.decide.policy.files import keys, yaml_tree
from reaper.decide.policy.files.problems import MOST_PROBLEMS, PolicyError, Problem, Source
from reaper.decide.policy.files.values import Value, name
from reaper.decide.policy.files.yaml_tree import Node, Place, kind, read_tree
from reaper.decide.policy.match import Match
from reaper.decide.text.escape import excerpt
from reaper.decide.text.suggest import suggestion

Keys = Mapping[str, "tuple[str, Value]"]
"""Key: the field that it sets and the reader of its value, as in keys.py."""


@dataclass(frozen=True)
class Given:
    """A value of a file with its place and that of its key; `file` is the number of the file, from 0."""

    value: Any
    place: Place
    file: int
    key: Place


Fields = dict[str, Given]


@dataclass
class DraftRule:
    """A rule before it inherits: `conditions` by field of Match, `given` by field of Limits.

    `sound` is False if some of it was invalid.
    """

    name: str
    place: Place
    conditions: Fields
    given: Fields
    sound: bool

    @property
    def match(self) -> Match:
        """The conditions of the rule."""
        return Match(**{filled: entry.value for filled, entry in self.conditions.items()})


@dataclass
class Draft:
    """What the files say so far, by field, without invalid values.

    `unsound` names the environments with invalid values, for which no further problems are reported. `named` has the
    name of every rule, including invalid and replaced ones. `whole` is False if a file is not YAML, so that the names
    in it are not known.
    """

    top: Fields = field(default_factory=dict)
    environments: dict[str, Fields] = field(default_factory=dict)
    unsound: set[str] = field(default_factory=set)
    ceiling: Fields = field(default_factory=dict)
    brake: Fields = field(default_factory=dict)
    rules: list[DraftRule] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    whole: bool = True


class TooManyProblems(Exception):
    """Stops reading after MOST_PROBLEMS; parse() reports those found so far."""


class Problems(list[Problem]):
    """The mistakes found so far, up to MOST_PROBLEMS."""

    def note(self, error: PolicyError) -> None:
        """Add the mistakes of an error. Raises TooManyProblems."""
        self.extend(error.problems)
        if len(self) >= MOST_PROBLEMS:
            raise TooManyProblems


def read_file(source: Source, file: int, draft: Draft, problems: Problems) -> None:
    """Merge one file, number `file`, into the draft, and add its mistakes to `problems`."""
    try:
        tree = read_tree(source)
    except PolicyError as error:
        draft.whole = False
        problems.note(error)
        return
    if tree is None:
        return
    sections: dict[str, Node] = {}
    known = {**keys.TOP, **{section: (section, _as_is) for section in keys.SECTIONS}}
    for key, given in _read_mapping(tree, known, file, problems, "the file").items():
        if key in keys.SECTIONS:
            sections[key] = given.value
        else:
            draft.top[key] = given
    if "environments" in sections:
        _read_environments(sections["environments"], file, draft, problems)
    if "ceiling" in sections:
        draft.ceiling.update(_read_mapping(sections["ceiling"], keys.CEILING, file, problems, "ceiling"))
    if "brake" in sections:
        draft.brake.update(_read_mapping(sections["brake"], keys.BRAKE, file, problems, "brake"))
    if "rules" in sections:
        _merge_rules(draft.rules, _read_rules(sections["rules"], file, draft, problems))


def _as_is(node: Node) -> Node:
    return node


def _read_mapping(node: Node, known: Keys, file: int, problems: Problems, what: str) -> Fields:
    """Return the valid values of a mapping by field; the others become problems."""
    if not isinstance(node, yaml_tree.MappingNode):
        problems.note(node.place.error(f"{what} is {kind(node)}, not a mapping", "write lines of key: value"))
        return {}
    fields: Fields = {}
    first: dict[str, Place] = {}
    for key, value in node.entries:
        word = key.text or ""
        try:
            if word in first:
                hint = f"remove one; the other is on line {first[word].line}"
                raise key.place.error(f"{excerpt(word)} appears twice", hint)
            first[word] = key.place
            filled, read = _known(word, key.place, known, what)
            fields[filled] = Given(read(value), value.place, file, key.place)
        except PolicyError as error:
            problems.note(error)
    return fields


def _known(word: str, place: Place, known: Keys, what: str) -> tuple[str, Value]:
    if word in known:
        return known[word]
    raise place.error(f"{what} has no key '{excerpt(word)}'", suggestion(word, known))


def _read_environments(node: Node, file: int, draft: Draft, problems: Problems) -> None:
    if not isinstance(node, yaml_tree.MappingNode):
        problems.note(node.place.error(f"environments is {kind(node)}, not a mapping", "write NAME: {idle: 15min}"))
        return
    first: dict[str, Place] = {}
    for key, limits in node.entries:
        try:
            environment = name(key)
            if environment in first:
                hint = f"merge the two; the other is on line {first[environment].line}"
                raise key.place.error(f"environment {environment} appears twice", hint)
        except PolicyError as error:
            problems.note(error)
            continue
        first[environment] = key.place
        before = len(problems)
        given = _read_mapping(limits, keys.LIMITS, file, problems, f"environment {environment}")
        draft.environments.setdefault(environment, {}).update(given)
        if len(problems) > before:
            draft.unsound.add(environment)


def _read_rules(node: Node, file: int, draft: Draft, problems: Problems) -> list[DraftRule]:
    if not isinstance(node, yaml_tree.ListNode):
        hint = "start each rule with a dash: - name: NAME"
        problems.note(node.place.error(f"rules is {kind(node)}, not a list", hint))
        return []
    rules = []
    first: dict[str, Place] = {}
    for item in node.items:
        rule = _read_rule(item, file, problems)
        if rule is None:
            continue
        if rule.name in first:
            hint = f"rename one; the other is on line {first[rule.name].line}"
            problems.note(item.place.error(f"rule {rule.name} appears twice", hint))
            continue
        first[rule.name] = item.place
        draft.named.add(rule.name)
        rules.append(rule)
    return rules


def _read_rule(node: Node, file: int, problems: Problems) -> DraftRule | None:
    before = len(problems)
    known = {"name": ("name", name), "match": ("match", _as_is), **keys.LIMITS}
    given = _read_mapping(node, known, file, problems, "a rule")
    title, conditions = given.pop("name", None), given.pop("match", None)
    fields: Fields = {}
    if conditions is not None:
        fields = _read_mapping(conditions.value, keys.MATCH, file, problems, "match")
    if title is None:
        if isinstance(node, yaml_tree.MappingNode) and all(key.text != "name" for key, _ in node.entries):
            problems.note(node.place.error("a rule has no name", "add name: NAME; the journal has it"))
        return None
    return DraftRule(title.value, node.place, fields, given, sound=len(problems) == before)


def _merge_rules(rules: list[DraftRule], later: list[DraftRule]) -> None:
    """Merge a later file's rules into `rules`: a known name replaces that rule in its position, new rules go first."""
    rank = {rule.name: position for position, rule in enumerate(rules)}
    fresh = []
    for rule in later:
        if rule.name in rank:
            rules[rank[rule.name]] = rule
        else:
            fresh.append(rule)
    rules[:0] = fresh
