"""The policy files read one by one and laid over each other, before anything is complete.  Pure.

A later file has the last word: its single values and its lists replace earlier ones, and the mappings (environments,
ceiling, brake) merge key by key.  A rule whose name an earlier file has replaces that rule where it stands; new rules
come before those of all earlier files, in the order they are written.  The first match wins, so this too gives the
later file the last word: a drop-in can be specific, or overrule what is there, and whoever wants to change a rule and
not its rank repeats its name.
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
"""Key: the field it fills and its value, as in keys.py."""


@dataclass(frozen=True)
class Given:
    """A value as some file gives it, at its own place and under a key; `file` is the file's rank."""

    value: Any
    place: Place
    file: int
    key: Place


Fields = dict[str, Given]


@dataclass
class DraftRule:
    """A rule before it has its environment: `conditions` by field of Match, `given` by field of Limits.

    Not `sound`: some of it was flawed.
    """

    name: str
    place: Place
    conditions: Fields
    given: Fields
    sound: bool

    @property
    def match(self) -> Match:
        """Whom it is for."""
        return Match(**{filled: entry.value for filled, entry in self.conditions.items()})


@dataclass
class Draft:
    """What the files say so far, by field.  A flawed value is left out.

    `unsound` names the environments that have one, so that nothing else is held against them; `named` has every rule's
    name, those of flawed and replaced rules too.  Not `whole`: a file is no YAML, and what it names is not known.
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
    """Ends the reading; parse() tells what was found until then."""


class Problems(list[Problem]):
    """The mistakes so far; more than MOST_PROBLEMS end the reading."""

    def note(self, error: PolicyError) -> None:
        """Adds the mistakes of an error. Raises TooManyProblems."""
        self.extend(error.problems)
        if len(self) >= MOST_PROBLEMS:
            raise TooManyProblems


def read_file(source: Source, file: int, draft: Draft, problems: Problems) -> None:
    """Lays one file, the `file`th, over the draft, and notes its problems."""
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
    """The sound values of a mapping by field; the others become problems."""
    if not isinstance(node, yaml_tree.MappingNode):
        problems.note(node.place.error(f"{what} is {kind(node)}, not a mapping", "write lines of key: value"))
        return {}
    fields: Fields = {}
    first: dict[str, Place] = {}
    for key, value in node.entries:
        word = key.text or ""
        try:
            if word in first:
                hint = f"remove one; line {first[word].line} has the other"
                raise key.place.error(f"{excerpt(word)} is there twice", hint)
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
                hint = f"put all of it into one; line {first[environment].line} has the other"
                raise key.place.error(f"environment {environment} is there twice", hint)
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
            hint = f"rename one; line {first[rule.name].line} has the other"
            problems.note(item.place.error(f"rule {rule.name} is there twice", hint))
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
            problems.note(node.place.error("a rule has no name", "add name: NAME; the journal tells it"))
        return None
    return DraftRule(title.value, node.place, fields, given, sound=len(problems) == before)


def _merge_rules(rules: list[DraftRule], later: list[DraftRule]) -> None:
    """Puts a later file's rules over the others, in place: those of a known name into their stead, new ones first."""
    rank = {rule.name: position for position, rule in enumerate(rules)}
    fresh = []
    for rule in later:
        if rule.name in rank:
            rules[rank[rule.name]] = rule
        else:
            fresh.append(rule)
    rules[:0] = fresh
