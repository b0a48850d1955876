"""Write a traced policy as YAML with the place of each value in a comment, for terminals of 80 columns. Pure.

The result is itself a policy file that parse() reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from reaper.decide.policy.files.provenance import CEILING, GRAPHICAL, LIMIT, NOTIFY, TERMINAL, Setting, Tree
from reaper.decide.policy.files.render import flow

COLUMNS = 80
_COMMENT = 29
"""The column of comments: the longest key of a limit fits before it, and the path of a drop-in after it."""

_CHANGES = {
    LIMIT: "fitted to the limit",
    TERMINAL: "no terminal to warn on",
    GRAPHICAL: "no rule names graphical",
    NOTIFY: "notify: none cannot lock",
}


class AnnotatedLine(NamedTuple):
    """A line of YAML, and its comment in parts that are not broken across lines."""

    text: str
    comment: tuple[str, ...] = ()


def annotate(tree: Tree) -> str:
    """Return the tree of provenance.trace() as the text of a file, ending in a newline."""
    return lay_out(_lines(tree, "the file"))


def lay_out(lines: Iterable[AnnotatedLine]) -> str:
    """Return the lines with their comments in one column; a comment that does not fit continues on the next line."""
    written = []
    for text, comment in lines:
        line, start = text, max(len(text) + 2, _COMMENT)
        for part in comment:
            if line != text and len(line) + 1 + len(part) <= COLUMNS:
                line = f"{line} {part}"
            elif line == text and (start == _COMMENT or start + 2 + len(part) <= COLUMNS):
                line = f"{line:<{start}}# {part}"
            else:
                written.append(line)
                line = f"{'':<{_COMMENT}}# {part}"
        written.append(line)
    return "".join(f"{line}\n" for line in written)


def line_of(key: str, setting: Setting, owner: str) -> AnnotatedLine:
    """Return the line of a value, with its place. `owner` is what has the value: "the rule"."""
    return AnnotatedLine(f"{flow(key)}: {flow(setting.value)}", _comment_parts(setting, owner))


def place_of(setting: Setting) -> str:
    """Return where a value is written: ``/etc/reaper/reaper.yaml:12``."""
    return f"{setting.path}:{setting.line}" if setting.line else "built-in"


def _lines(tree: Tree, owner: str) -> Iterator[AnnotatedLine]:
    owners = {"environments": "the environment", "ceiling": "the ceiling", "brake": "the brake", "rules": "the rule"}
    for key, value in tree.items():
        if isinstance(value, Setting):
            yield line_of(key, value, owner)
        elif not value:
            yield AnnotatedLine(f"{flow(key)}: {'[]' if isinstance(value, list) else '{}'}", ("built-in",))
        elif isinstance(value, list):
            yield AnnotatedLine(f"{flow(key)}:")
            for item in value:
                first, *rest = _lines(item, owners[key])
                yield AnnotatedLine(f"  - {first.text}", first.comment)
                yield from (AnnotatedLine(f"    {text}", comment) for text, comment in rest)
        else:
            yield AnnotatedLine(f"{flow(key)}:")
            yield from (AnnotatedLine(f"  {text}", comment) for text, comment in _lines(value, owners.get(key, owner)))


def _comment_parts(setting: Setting, owner: str) -> tuple[str, ...]:
    before = setting.instead_of
    if before is None:
        return ("environment,", place_of(setting)) if setting.environment else (place_of(setting),)
    change = f"ceiling, {place_of(setting)}" if setting.changed_by == CEILING else _CHANGES[setting.changed_by]
    says = f"{'the environment' if before.environment else owner} says {flow(before.value)}"
    return (f"{change};", f"{says},", place_of(before))
