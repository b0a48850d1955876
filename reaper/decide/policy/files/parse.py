"""Make a policy out of the text of its files.

Pure: text in, Policy out. There are three steps, and the mistakes of all steps and files are reported together:

1. Read each file by itself: syntax, keys and values (yaml_tree.py, keys.py, values.py).
2. Merge the files in order (merge.py, which has the rules of merging).
3. Complete the result: environments and rules inherit, names must exist, warnings must fit limits.

A warning that does not fit its limit is a mistake if both are written in the same file, or the warning in a later one.
A warning that is older than the limit (built in, or of an earlier file) or that a rule inherits is dropped instead, as
in limits.fit_leads(): a drop-in can shorten a limit without knowing every warning.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.files import keys
from reaper.decide.policy.files.merge import Draft, Fields, Problems, TooManyProblems, read_file
from reaper.decide.policy.files.problems import MOST_PROBLEMS, PolicyError, Problem, Source
from reaper.decide.policy.limits import TTY_STEP_USEC, Limits, fit_leads, inherit, is_lock_impossible, longest_lead
from reaper.decide.policy.rules import Policy, Rule
from reaper.decide.text.duration import format_duration
from reaper.decide.text.suggest import suggestion

_BUILT_IN_FILE = -1
"""The file number of built-in values: before the first file."""

_TIMES = ("idle_usec", "max_usec")


def parse(sources: Sequence[Source]) -> Policy:
    """Return the policy of the files, completed from the built-in one. Raises PolicyError with all mistakes."""
    policy, _ = parse_traced(sources)
    return policy


def parse_traced(sources: Sequence[Source]) -> tuple[Policy, Draft]:
    """Return the policy, and the draft with the place of each value (for provenance.py). Raises PolicyError."""
    problems = Problems()
    draft = Draft()
    try:
        for file, source in enumerate(sources):
            read_file(source, file, draft, problems)
        policy = _resolve(draft, tuple(source.path for source in sources), problems)
    except TooManyProblems:
        raise PolicyError(problems[:MOST_PROBLEMS]) from None
    if problems:
        raise PolicyError(sorted(problems, key=lambda problem: _rank(problem, sources)))
    return policy, draft


def _rank(problem: Problem, sources: Sequence[Source]) -> tuple[int, int, int]:
    """Sort key of a mistake: file by file, from the top."""
    paths = [source.path for source in sources]
    return paths.index(problem.path), problem.line, problem.column


def _resolve(draft: Draft, paths: tuple[str, ...], problems: Problems) -> Policy:
    """Complete the draft to a policy. If there are problems, the result is unusable, but the rest of them is found."""
    environments = dict(BUILT_IN.environments)
    for title, given in draft.environments.items():
        noted = problems if title not in draft.unsound else None
        environments[title] = _complete(built_in(title), _BUILT_IN_FILE, given, noted)
    environment, sound = _environment(draft, environments, problems)
    base, file = environments[environment], _limited_by(draft, environment)
    rules = tuple(
        Rule(
            rule.name,
            rule.match,
            _complete(base, file, rule.given, problems if sound and rule.sound else None),
            given=tuple(key for key, (filled, _) in keys.LIMITS.items() if filled in rule.given),
        )
        for rule in draft.rules
    )
    return Policy(
        environment=environment,
        poll_usec=draft.top["poll_usec"].value if "poll_usec" in draft.top else BUILT_IN.poll_usec,
        environments=MappingProxyType(environments),
        rules=rules,
        ceiling=_ceiling(draft, problems),
        brake=replace(BUILT_IN.brake, **_values(draft.brake)),
        terminal_servers=(
            draft.top["terminal_servers"].value if "terminal_servers" in draft.top else BUILT_IN.terminal_servers
        ),
        sources=paths,
    )


def _environment(draft: Draft, environments: Collection[str], problems: Problems) -> tuple[str, bool]:
    """Return the host's environment, and whether everything that the files say about it is valid."""
    wanted = draft.top.get("environment")
    name = wanted.value if wanted else BUILT_IN.environment
    if name in environments:
        return name, draft.whole and name not in draft.unsound
    if wanted and draft.whole:
        problems.note(wanted.place.error(f"there is no environment {name}", suggestion(name, environments)))
    return BUILT_IN.environment, False


def _limited_by(draft: Draft, environment: str) -> int:
    """Return the number of the last file that affects the limits of the host's environment."""
    given = draft.environments.get(environment, {})
    says = (draft.top.get("environment"), *(given.get(key) for key in _TIMES))
    return max((entry.file for entry in says if entry), default=_BUILT_IN_FILE)


def built_in(environment: str) -> Limits:
    """Return the limits that an environment of that name has if no file says anything."""
    return BUILT_IN.environments.get(environment, BUILT_IN.environments[BUILT_IN.environment])


def written(given: Fields) -> dict[str, Any]:
    """Return limits by field as they are written, including warnings that do not fit."""
    values = _values(given)
    if "warn_usec" in values:
        values["warn_usec"] = tuple(lead for lead, _ in values["warn_usec"])
    return values


def _values(given: Fields) -> dict[str, Any]:
    return {filled: entry.value for filled, entry in given.items()}


def _ceiling(draft: Draft, problems: Problems) -> Ceiling:
    values = _values(draft.ceiling)
    exempt = values.pop("exempt", ())
    for rule, place in exempt:
        if rule not in draft.named and draft.whole:
            hint = suggestion(rule, draft.named) if draft.named else "there are no rules"
            problems.note(place.error(f"there is no rule {rule}", hint))
    return Ceiling(**values, exempt=tuple(dict.fromkeys(rule for rule, _ in exempt)))


def _complete(base: Limits, base_file: int, given: Fields, problems: Problems | None) -> Limits:
    """Return `base` with the given fields; check its warnings against its limits, and its lock against `notify`.

    `base_file` is the number of the file that `base` has its limits from. Without `problems` nothing is reported: if
    the limits are invalid, the warning may be right.
    """
    limits = inherit(base, written(given))
    if is_lock_impossible(limits) and problems is not None:
        problems.note(_impossible_lock(given))
    leads = given.get("warn_usec")
    if leads is None:
        return limits
    longest = longest_lead(limits.idle_usec, limits.max_usec)
    limited = max(given[key].file if key in given else base_file for key in _TIMES)
    if longest is None or limited > leads.file or problems is None:
        return fit_leads(limits)
    for lead, place in leads.value:
        if lead > longest:
            near = format_duration(longest + TTY_STEP_USEC)
            hint = f"{format_duration(longest)} at most: 8s must pass between the last key and the first warning"
            message = f"the warning {format_duration(lead)} before a limit of {near} is too early"
            problems.note(place.error(message, hint))
    return fit_leads(limits)


def _impossible_lock(given: Fields) -> PolicyError:
    """Return the error for `action: lock` under `notify: none`."""
    inherited = "" if "notify" in given else ", which comes from the environment"
    message = f"action: lock needs to write on the terminals, which notify: none forbids{inherited}"
    return given["action"].place.error(message, "write action: terminate, or notify: terminal")
