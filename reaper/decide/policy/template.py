"""The administrator's text of a warning, with placeholders for what only the moment of the warning knows.

Pure.  The text is taken apart when the policy is read, so that a mistake in it is told then and not to a person whose
session is about to end.  It is not a format string of Python's: a placeholder is a name in braces and nothing else,
as conversions, widths and attributes would be ways to reach what is not for this text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

from reaper.decide.text.escape import excerpt
from reaper.decide.text.suggest import suggestion
from reaper.errors import ReaperError

PLACEHOLDERS: Mapping[str, int] = {
    "what": 16,
    "left": 48,
    "deadline": 32,
    "reason": 96,
    "limit": 48,
    "host": 128,
    "user": 128,
    "session": 64,
    "stay": 48,
    "key": 16,
    "hold": 128,
}
"""Name: the most bytes of what is filled in.  Only names of users and hosts can be longer; they are cut."""

MOST_CHARACTERS = 400
MOST_LINES = 5
"""A message must not hide the work that it is written over."""

MOST_BYTES = 4095
"""Less than a page goes into a terminal's buffer at once or not at all (notify.write_message)."""

LINE_BYTES = 16
"""What frames a line: "reaper: ", what erases the rest of the row, and the end, to which the terminal adds a byte."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")
_BRACES = {"{{": "{", "}}": "}"}
_UNBALANCED = {
    "{": ("a { that nothing closes", "write {{ for the brace itself"),
    "}": ("a } that nothing opens", "write }} for the brace itself"),
}


@dataclass(frozen=True)
class Slot:
    """A placeholder; `name` is one of PLACEHOLDERS."""

    name: str


Part = Union[str, Slot]


@dataclass(frozen=True)
class Template:
    """Literal texts and placeholders in their order; no part is empty, and no two texts follow each other.

    The one without parts stands for the built-in text.  str() is what parse_template() makes the same of again.
    """

    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        return "".join(
            f"{{{part.name}}}" if isinstance(part, Slot) else part.replace("{", "{{").replace("}", "}}")
            for part in self.parts
        )

    def fill(self, values: Mapping[str, str]) -> list[str]:
        """The lines with the values filled in.

        A line on which nothing but spaces is left goes, so that a placeholder may stand for nothing.  `values` has a
        printable text for each placeholder.
        """
        text = "".join(_fitted(part.name, values) if isinstance(part, Slot) else part for part in self.parts)
        return [line.rstrip() for line in text.split("\n") if line.strip()]

    @property
    def most_bytes(self) -> int:
        """How long it can get on a terminal, whatever is filled in."""
        sizes = (PLACEHOLDERS[part.name] if isinstance(part, Slot) else len(part.encode()) for part in self.parts)
        return sum(sizes) + LINE_BYTES * (str(self).count("\n") + 2)  # it begins with a bell and a fresh line


class TemplateError(ReaperError):
    """The text is no template; `faults` has every mistake with its remedy."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("template-invalid", *faults[0])
        self.faults = tuple(faults)


def parse_template(text: str) -> Template:
    """Takes a text apart; empty lines at its end, as a YAML block has them, do not count.  Raises TemplateError."""
    text = text.rstrip("\n")
    if len(text) > MOST_CHARACTERS:
        raise TemplateError([(f"the message has {len(text)} characters", f"{MOST_CHARACTERS} at most")])
    faults = _foreign(text)
    parts: list[Part] = []
    end = 0
    for token in _TOKEN.finditer(text):
        _append(parts, text[end : token.start()])
        end = token.end()
        if token[0] in _BRACES:
            _append(parts, _BRACES[token[0]])
        elif token[1] in PLACEHOLDERS:
            parts.append(Slot(token[1]))
        else:
            what, remedy = _UNBALANCED.get(token[0]) or _unknown(token[1])
            faults.append((f"{what}, in '{_around(text, token)}'" if token[1] is None else what, remedy))
    _append(parts, text[end:])
    template = Template(tuple(parts))
    if text and not faults:
        faults = _useless(template)
    if faults:
        raise TemplateError(faults)
    return template


def _append(parts: list[Part], text: str) -> None:
    if parts and isinstance(parts[-1], str):
        parts[-1] += text
    elif text:
        parts.append(text)


def _fitted(name: str, values: Mapping[str, str]) -> str:
    value, most = values[name], PLACEHOLDERS[name]
    assert value.isprintable(), name
    octets = value.encode()
    return value if len(octets) <= most else octets[: most - 3].decode("utf-8", "ignore") + "..."


def _foreign(text: str) -> list[tuple[str, str]]:
    lines = text.split("\n")
    faults = [
        (
            f"'{excerpt(line)}' has a character that does not print",
            "remove it; a line ends where the line of a | block does",
        )
        for line in lines
        if not line.isprintable()
    ]
    if len(lines) > MOST_LINES:
        faults.append((f"the message has {len(lines)} lines", f"{MOST_LINES} at most"))
    return faults


def _unknown(name: str) -> tuple[str, str]:
    """What is wrong with a name in braces that is none of ours."""
    known = re.match(r"\s*([a-z]+)\s*(?=[!:.\[]|\Z)", name)
    if known and known[1] in PLACEHOLDERS:
        return f"'{{{excerpt(name)}}}' is more than the name of a placeholder", f"write {{{known[1]}}}"
    words = [f"{{{each}}}" for each in PLACEHOLDERS]
    return f"'{{{excerpt(name)}}}' is no placeholder", suggestion(f"{{{name.strip().lower()}}}", words)


def _around(text: str, token: re.Match[str]) -> str:
    """The offending brace with what stands next to it on its line."""
    line = text[text.rfind("\n", 0, token.start()) + 1 :].partition("\n")[0]
    at = token.start() - text.rfind("\n", 0, token.start()) - 1
    return excerpt(line[max(0, at - 10) : at + 20])


def _useless(template: Template) -> list[tuple[str, str]]:
    if not {Slot("left"), Slot("deadline")} & set(template.parts):
        return [
            (
                f"the message '{excerpt(str(template))}' does not tell when the session ends",
                'name {left} or {deadline} in it; "" is the built-in text',
            )
        ]
    if template.most_bytes > MOST_BYTES:
        hint = f"{MOST_BYTES} at most: use fewer placeholders"
        return [(f"the message can have {template.most_bytes} bytes once it is filled in", hint)]
    return []
