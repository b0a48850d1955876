"""Checks that sudo opens a PAM session, by which an elevation is marked. Pure.

Of sudoers(5), only the Defaults lines and the includes are read, by the grammar of sudo 1.9 (plugins/sudoers/toke.l).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Union

from reaper.decide.policy.rules import Policy
from reaper.doctor.checks.pam import ELEVATORS
from reaper.doctor.findings import Finding, error, note

# toke.l: # and a number is a user ID, and # anything else begins a comment.
_COMMENT = re.compile(r"#(?![0-9-])")
# A quote that is not closed takes the rest of the line: to search for the end of each would take quadratic time.
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\Z)', re.DOTALL)
_SEPARATORS = re.compile(r"[\s,]")
_NEGATED = re.compile(r"!\s+")
_WORD = re.compile(r"[^\s,]+")
_INCLUDE = re.compile(r"[@#](include|includedir)\s+(\S.*)")
_SCOPES = "@:>!"
_SERVICES = ("pam_service", "pam_login_service")


class Include(NamedTuple):
    """An include of a file, or of a directory of files."""

    path: str
    is_directory: bool


class Default(NamedTuple):
    """One setting of a Defaults line. `value` is None for a flag. `scope` restricts it; "" applies to everybody."""

    name: str
    is_on: bool
    value: str | None
    scope: str
    place: str


Entry = Union[Include, Default]


@dataclass(frozen=True)
class Sudo:
    """The settings by which sudo opens no PAM session that is marked, each as its place and its text."""

    unmarked: tuple[tuple[str, str], ...] = ()


def parse_sudoers(path: str, text: str) -> tuple[Entry, ...]:
    """Returns the includes and the Defaults settings of a file, in order."""
    found: list[Entry] = []
    for number, line in _joined(text):
        include = _INCLUDE.fullmatch(line)
        if include:
            name = include[2].strip().strip('"').replace("\\ ", " ")
            found.append(Include(name, include[1] == "includedir"))
        elif line.startswith("Defaults"):
            found += _defaults(line[len("Defaults") :], f"{path}:{number}")
    return tuple(found)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Yields each line with its number; a line that ends in a backslash is joined with the next."""
    parts: list[str] = []
    first = 1
    for number, line in enumerate(text.split("\n"), 1):
        first = first if parts else number
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        yield first, "".join([*parts, line]).strip()
        parts = []
    yield first, "".join(parts).strip()


def _defaults(rest: str, place: str) -> Iterator[Default]:
    """Yields the settings after the word Defaults. A scope follows it directly; the next words may belong to it."""
    plain = _QUOTED.sub(lambda quoted: _SEPARATORS.sub("", quoted[1]), rest)
    plain = _NEGATED.sub("!", _COMMENT.split(plain, maxsplit=1)[0])
    if plain[:1] not in ("", " ", "\t", *_SCOPES):
        return  # a longer word that begins with Defaults
    words = _with_values(_WORD.findall(plain))
    scope = words.pop(0) if plain[:1] in tuple(_SCOPES) and words else ""
    for word in words:
        bare = word.lstrip("!")
        name, equals, value = bare.partition("=")
        is_on = (len(word) - len(bare)) % 2 == 0
        yield Default(name.rstrip("+-"), is_on, value if equals else None, scope, place)


def _with_values(words: Iterable[str]) -> list[str]:
    """Joins the words around an equals sign into one."""
    joined: list[str] = []
    for word in words:
        if joined and (word.startswith("=") or joined[-1].endswith("=")):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def interpret(defaults: Iterable[Default]) -> Sudo:
    """Combines settings: of those for everybody the last one applies, and of those with a scope every one."""
    for_all: dict[str, Default] = {}
    unmarked: list[tuple[str, str]] = []
    for each in defaults:
        if not _is_about_pam(each):
            continue
        if not each.scope:
            for_all[each.name] = each
        elif _prevents_mark(each):
            unmarked.append((each.place, f"{_written(each)} for some (Defaults{each.scope})"))
    unmarked += [(each.place, _written(each)) for each in for_all.values() if _prevents_mark(each)]
    return Sudo(tuple(dict.fromkeys(unmarked)))


def _is_about_pam(default: Default) -> bool:
    return default.name == "pam_session" or default.name in _SERVICES


def _prevents_mark(default: Default) -> bool:
    if default.name == "pam_session":
        return not default.is_on
    return default.value is not None and default.value not in ELEVATORS


def _written(default: Default) -> str:
    value = "" if default.value is None else f"={default.value}"
    return f"{'' if default.is_on else '!'}{default.name}{value}"


def _remedy(place: str, setting: str) -> str:
    path, _, line = place.rpartition(":")
    return f"visudo -f {path}, and remove {setting} from line {line}" if path else f"remove {setting} from {place}"


def check(sudo: Sudo, policy: Policy | None) -> Iterator[Finding]:
    """Yields that root shells by sudo are not marked, and why."""
    if not sudo.unmarked:
        return
    rules = [rule.name for rule in policy.rules if rule.match.elevated is not None] if policy else []
    what = "; ".join(f"{setting} in {place}" for place, setting in sudo.unmarked)
    message = f"sudo does not open the PAM session by which root shells are marked ({what})"
    remedy = "; ".join(_remedy(place, setting) for place, setting in sudo.unmarked)
    if rules:
        yield error("sudo-unmarked", f"{message}, but rules match elevated: {', '.join(rules)}.", remedy)
    else:
        yield note(
            "sudo-unmarked", f"{message}: a session in which root acts by sudo is not shown as elevated.", remedy
        )
