"""Whether sudo opens a PAM session, without which no elevation is marked. Pure: the text of sudo's files goes in.

sudo's grammar is that of sudoers(5); what is read of it is the Defaults lines and the includes, as sudo 1.9 takes them
(plugins/sudoers/toke.l).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Union

from reaper.decide.policy.rules import Policy
from reaper.doctor.checks.pam import ELEVATORS
from reaper.doctor.findings import Finding, error, note

# toke.l: a number after # is a user id, anything else there a comment.
_COMMENT = re.compile(r"#(?![0-9-])")
# One that is not closed takes the rest of the line: to look for the end of each would take quadratic time.
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\Z)', re.DOTALL)
_SEPARATORS = re.compile(r"[\s,]")
_NEGATED = re.compile(r"!\s+")
_WORD = re.compile(r"[^\s,]+")
_INCLUDE = re.compile(r"[@#](include|includedir)\s+(\S.*)")
_SCOPES = "@:>!"
_SERVICES = ("pam_service", "pam_login_service")


class Include(NamedTuple):
    """A file, or a directory of files, that is read at this place."""

    path: str
    is_directory: bool


class Default(NamedTuple):
    """One setting of a Defaults line; `value` is None for a flag. `scope` is for whom it holds, "" for everybody."""

    name: str
    is_on: bool
    value: str | None
    scope: str
    place: str


Entry = Union[Include, Default]


@dataclass(frozen=True)
class Sudo:
    """The places, with what they set, by which sudo opens no PAM session that is marked."""

    unmarked: tuple[tuple[str, str], ...] = ()


def parse_sudoers(path: str, text: str) -> tuple[Entry, ...]:
    """The includes and the defaults of a file, in their order."""
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
    """Each line with its number; one that ends in a backslash has the next appended to it."""
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
    """The settings after the word Defaults. A scope stands right after it; the next words may be more of the scope."""
    plain = _QUOTED.sub(lambda quoted: _SEPARATORS.sub("", quoted[1]), rest)
    plain = _NEGATED.sub("!", _COMMENT.split(plain, maxsplit=1)[0])
    if plain[:1] not in ("", " ", "\t", *_SCOPES):
        return  # another word, which begins in the same way
    words = _with_values(_WORD.findall(plain))
    scope = words.pop(0) if plain[:1] in tuple(_SCOPES) and words else ""
    for word in words:
        bare = word.lstrip("!")
        name, equals, value = bare.partition("=")
        is_on = (len(word) - len(bare)) % 2 == 0
        yield Default(name.rstrip("+-"), is_on, value if equals else None, scope, place)


def _with_values(words: Iterable[str]) -> list[str]:
    """The words, those that stand at the sides of an equals sign joined to one."""
    joined: list[str] = []
    for word in words:
        if joined and (word.startswith("=") or joined[-1].endswith("=")):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def interpret(defaults: Iterable[Default]) -> Sudo:
    """What the defaults come to: the last one for everybody holds, and each that is for some is named."""
    for_all: dict[str, Default] = {}
    unmarked: list[tuple[str, str]] = []
    for each in defaults:
        if not _is_about_marks(each):
            continue
        if not each.scope:
            for_all[each.name] = each
        elif _unmarks(each):
            unmarked.append((each.place, f"{_written(each)} for some (Defaults{each.scope})"))
    unmarked += [(each.place, _written(each)) for each in for_all.values() if _unmarks(each)]
    return Sudo(tuple(dict.fromkeys(unmarked)))


def _is_about_marks(default: Default) -> bool:
    return default.name == "pam_session" or default.name in _SERVICES


def _unmarks(default: Default) -> bool:
    if default.name == "pam_session":
        return not default.is_on
    return default.value is not None and default.value not in ELEVATORS


def _written(default: Default) -> str:
    value = "" if default.value is None else f"={default.value}"
    return f"{'' if default.is_on else '!'}{default.name}{value}"


def _taken_out(place: str, setting: str) -> str:
    path, _, line = place.rpartition(":")
    return f"visudo -f {path}, and take {setting} out of line {line}" if path else f"take {setting} out of {place}"


def check(sudo: Sudo, policy: Policy | None) -> Iterator[Finding]:
    """That root shells by sudo are not marked."""
    if not sudo.unmarked:
        return
    rules = [rule.name for rule in policy.rules if rule.match.elevated is not None] if policy else []
    what = "; ".join(f"{setting} in {place}" for place, setting in sudo.unmarked)
    message = f"sudo opens no PAM session by which root shells are marked ({what})"
    remedy = "; ".join(_taken_out(place, setting) for place, setting in sudo.unmarked)
    if rules:
        yield error("sudo-unmarked", f"{message}, and {', '.join(rules)} matches on them (elevated).", remedy)
    else:
        yield note("sudo-unmarked", f"{message}: sessions in which root acts by sudo do not show it.", remedy)
