"""Templates for warnings: the administrator's text, with placeholders for values of the moment.

Pure. The text is parsed when the policy is read, so that the administrator learns of a mistake, and not the user whose
session is about to end. It is not a Python format string: a placeholder is a name in braces and nothing else, because
conversions, widths and attributes would give access to more than the values.
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
"""Name: the most bytes of its value. Only names of users and hosts can be longer; they are cut."""

MOST_CHARACTERS = 400
MOST_LINES = 5
"""Limits on the length, so that a message does not hide the work on the screen."""

MOST_BYTES = 4095
"""Less than a page: a terminal's buffer takes it at once or not at all (see act/terminal_output.py)."""

LINE_BYTES = 16
"""Bytes around each line: "reaper: ", an escape sequence that erases the rest of the row, and the line end, to which
the terminal adds a byte."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")
_BRACES = {"{{": "{", "}}": "}"}
_UNBALANCED = {
    "{": ("a { without a closing }", "write {{ for the brace itself"),
    "}": ("a } without an opening {", "write }} for the brace itself"),
}


@dataclass(frozen=True)
class Slot:
    """A placeholder; `name` is one of PLACEHOLDERS."""

    name: str


Part = Union[str, Slot]


@dataclass(frozen=True)
class Template:
    """Literal texts and placeholders in order; no part is empty, and no two texts follow each other.

    A template without parts stands for the built-in text. parse_template() reads str() of it back.
    """

    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        return "".join(
            f"{{{part.name}}}" if isinstance(part, Slot) else part.replace("{", "{{").replace("}", "}}")
            for part in self.parts
        )

    def fill(self, values: Mapping[str, str]) -> list[str]:
        """Return the lines with the values filled in.

        Lines that are blank then are left out, so that a placeholder may have an empty value. `values` has a printable
        text for each placeholder.
        """
        text = "".join(_filled_in(part.name, values) if isinstance(part, Slot) else part for part in self.parts)
        return [line.rstrip() for line in text.split("\n") if line.strip()]

    @property
    def most_bytes(self) -> int:
        """The most bytes that the message can have on a terminal, whatever the values are."""
        sizes = (PLACEHOLDERS[part.name] if isinstance(part, Slot) else len(part.encode()) for part in self.parts)
        return sum(sizes) + LINE_BYTES * (str(self).count("\n") + 2)  # it begins with a bell and a fresh line


class TemplateError(ReaperError):
    """A text is not a valid template; `faults` has every mistake with its remedy."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("template-invalid", *faults[0])
        self.faults = tuple(faults)


def parse_template(text: str) -> Template:
    """Parse a text; empty lines at its end, as YAML blocks have, are ignored. Raises TemplateError."""
    text = text.rstrip("\n")
    if len(text) > MOST_CHARACTERS:
        raise TemplateError([(f"the message has {len(text)} characters", f"{MOST_CHARACTERS} at most")])
    faults = _layout_faults(text)
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
            what, remedy = _UNBALANCED.get(token[0]) or _unknown_placeholder(token[1])
            faults.append((f"{what}, in '{_context_of(text, token)}'" if token[1] is None else what, remedy))
    _append(parts, text[end:])
    template = Template(tuple(parts))
    if text and not faults:
        faults = _content_faults(template)
    if faults:
        raise TemplateError(faults)
    return template


def _append(parts: list[Part], text: str) -> None:
    if parts and isinstance(parts[-1], str):
        parts[-1] += text
    elif text:
        parts.append(text)


def _filled_in(name: str, values: Mapping[str, str]) -> str:
    value, most = values[name], PLACEHOLDERS[name]
    assert value.isprintable(), name
    octets = value.encode()
    return value if len(octets) <= most else octets[: most - 3].decode("utf-8", "ignore") + "..."


def _layout_faults(text: str) -> list[tuple[str, str]]:
    lines = text.split("\n")
    faults = [
        (
            f"'{excerpt(line)}' has a character that does not print",
            "remove it; for several lines, use a | block",
        )
        for line in lines
        if not line.isprintable()
    ]
    if len(lines) > MOST_LINES:
        faults.append((f"the message has {len(lines)} lines", f"{MOST_LINES} at most"))
    return faults


def _unknown_placeholder(name: str) -> tuple[str, str]:
    """Return what is wrong with a name in braces that is not a placeholder, and the remedy."""
    known = re.match(r"\s*([a-z]+)\s*(?=[!:.\[]|\Z)", name)
    if known and known[1] in PLACEHOLDERS:
        return f"'{{{excerpt(name)}}}' is more than the name of a placeholder", f"write {{{known[1]}}}"
    words = [f"{{{each}}}" for each in PLACEHOLDERS]
    return f"'{{{excerpt(name)}}}' is not a placeholder", suggestion(f"{{{name.strip().lower()}}}", words)


def _context_of(text: str, token: re.Match[str]) -> str:
    """Return the offending brace with the text next to it on its line."""
    line = text[text.rfind("\n", 0, token.start()) + 1 :].partition("\n")[0]
    at = token.start() - text.rfind("\n", 0, token.start()) - 1
    return excerpt(line[max(0, at - 10) : at + 20])


def _content_faults(template: Template) -> list[tuple[str, str]]:
    if not {Slot("left"), Slot("deadline")} & set(template.parts):
        return [
            (
                f"the message '{excerpt(str(template))}' does not say when the session ends",
                'use {left} or {deadline} in it; "" is the built-in text',
            )
        ]
    if template.most_bytes > MOST_BYTES:
        hint = f"{MOST_BYTES} at most: use fewer placeholders"
        return [(f"the message can have {template.most_bytes} bytes with its values", hint)]
    return []
