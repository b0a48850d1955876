"""The policy out of the text of its files, and back into text.

Pure: text in, Policy out.  Reading happens in three steps, and every mistake of every step and file is told at once:

1. Each file by itself: syntax, keys and values (yamltree.py, keys.py, values.py).
2. The files over each other, in order (draft.py, which has the rules of merging).
3. The whole: environments and rules complete with what they inherit, names that must exist, warnings against limits.

A warning must fit the limit that it stands beside or was written for: who writes both together, or the warning later,
made a mistake where it does not fit.  A warning that is older than the limit (built in, of an earlier file) or that a
rule inherits gives way, as policy.fit_leads() says: a drop-in can shorten a limit without knowing of every warning.
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
"""The rank of what no file says: before the first."""

_TIMES = ("idle_usec", "max_usec")


def parse(sources: Sequence[Source]) -> Policy:
    """The policy that the files make together, over the built-in one.  Raises PolicyError with all mistakes."""
    policy, _ = parse_traced(sources)
    return policy


def parse_traced(sources: Sequence[Source]) -> tuple[Policy, Draft]:
    """The same with the draft that it was made of, which knows where each value stands (provenance.py)."""
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
    """Mistakes are told as a person reads: file by file, from the top."""
    paths = [source.path for source in sources]
    return paths.index(problem.path), problem.line, problem.column


def _resolve(draft: Draft, paths: tuple[str, ...], problems: Problems) -> Policy:
    """The draft made whole.  With problems the result is of no use, but finds the rest of them."""
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
    """The host's environment, and whether all that the files say of it is sound."""
    wanted = draft.top.get("environment")
    name = wanted.value if wanted else BUILT_IN.environment
    if name in environments:
        return name, draft.whole and name not in draft.unsound
    if wanted and draft.whole:
        problems.note(wanted.place.error(f"there is no environment {name}", suggestion(name, environments)))
    return BUILT_IN.environment, False


def _limited_by(draft: Draft, environment: str) -> int:
    """The latest file that has a say in the limits of the host's environment."""
    given = draft.environments.get(environment, {})
    says = (draft.top.get("environment"), *(given.get(key) for key in _TIMES))
    return max((entry.file for entry in says if entry), default=_BUILT_IN_FILE)


def built_in(environment: str) -> Limits:
    """What an environment of that name has where no file says anything."""
    return BUILT_IN.environments.get(environment, BUILT_IN.environments[BUILT_IN.environment])


def written(given: Fields) -> dict[str, Any]:
    """Limits by field as they are written, the warnings whether they fit or not."""
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
    """`base` with what is given, its warnings held against its limits and its lock against `notify`.

    `base_file` is the file that `base` has its limits from.  Without `problems` nothing is noted: where the limits are
    not sound, a warning is not to blame.
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
    """What is wrong with a lock that is written where nothing is written on the terminals."""
    inherited = "" if "notify" in given else ", which comes from the environment"
    message = f"action: lock asks on the terminals, and nothing is written on them under notify: none{inherited}"
    return given["action"].place.error(message, "write action: terminate, or notify: terminal")
