"""Read YAML text into a tree whose nodes know their places. Pure; the only module that reads with PyYAML.

The tree is built from the parser's events, not from its objects. Nothing is constructed, so no tag can run code.
Scalars stay the text that was written, so a user named ``no`` is not a boolean and ``15:00`` is not a number. Nothing
recurses, so no file can exhaust the stack. Aliases, tags and second documents are refused: a policy does not need them,
and an alias can turn one line into megabytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from reaper.decide.policy.files.problems import PolicyError, Problem, Source
from reaper.decide.text.escape import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

DEEPEST = 8
"""Levels of nesting. A policy has five at most: rules, a rule, its match, a key, an entry."""

_NULL = ("", "~", "null", "Null", "NULL")
"""The spellings of null in YAML 1.1, without quotes."""

_TAG_PREFIX = "tag:yaml.org,2002:"
"""The parser's form of ``!!``."""

_SYNTAX_HINTS = (
    ("mapping values are not allowed here", "check the indentation, or put a value with a colon into quotes"),
    ("cannot start any token", "put the value into quotes"),
    ("unexpected end of stream", "close the quotes"),
    ("while parsing a block", "indent all lines of a block by the same number of spaces"),
    ("could not find expected ':'", "write key: value, with a space after the colon"),
    ("while parsing a flow", "close the bracket"),
)
"""A part of PyYAML's message, and the remedy."""

_PLACEHOLDER = re.compile(r"\{[a-z]+\}")
"""A placeholder of a message; without quotes around the text, YAML reads it as a mapping."""


@dataclass(frozen=True)
class Place:
    """A position in a file; line and column count from 1."""

    path: str
    line: int
    column: int

    def problem(self, message: str, hint: str = "") -> Problem:
        """Return a mistake at this position."""
        return Problem(self.path, self.line, self.column, message, hint)

    def error(self, message: str, hint: str = "") -> PolicyError:
        """Return an exception for one mistake at this position."""
        return PolicyError([self.problem(message, hint)])


@dataclass(frozen=True)
class ScalarNode:
    """A text; None for a missing value (``key:`` or ``key: ~``)."""

    text: str | None
    place: Place


@dataclass(frozen=True)
class ListNode:
    """A list, in the order of the file."""

    items: list[Node]
    place: Place


@dataclass(frozen=True)
class MappingNode:
    """A mapping, in the order of the file and with duplicate keys."""

    entries: list[tuple[ScalarNode, Node]]
    place: Place


Node = Union[ScalarNode, ListNode, MappingNode]


def kind(node: Node) -> str:
    """Return what the node is, for messages: ``a list``."""
    if isinstance(node, ScalarNode):
        return "empty" if node.text is None else f"'{excerpt(node.text)}'"
    return "a list" if isinstance(node, ListNode) else "a mapping"


def read_tree(source: Source) -> Node | None:
    """Return the document of a file; None if it has only comments. Raises PolicyError."""
    if all(not line.strip() or line.lstrip().startswith("#") for line in source.text.split("\n")):
        return None  # the installed file has only comments: PyYAML is not imported for it
    import yaml

    loader = None
    try:
        loader = yaml.SafeLoader(source.text)
        return _Builder(source.path).build(iter(loader.get_event, None))
    except yaml.reader.ReaderError as error:
        before = source.text[: error.position]
        place = Place(source.path, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise place.error(f"the character U+{error.character:04X} is not allowed", "remove it") from None
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(source, error) from None
    except (ValueError, OverflowError):
        # PyYAML lets these through from int() and chr(): "\UFFFFFFFF", and a %YAML version of 5,000 digits.
        assert loader is not None
        place = _place(source.path, loader.get_mark())
        raise place.error("an escape or a version here is out of range", "correct it") from None


def _place(path: str, mark: yaml.Mark) -> Place:
    return Place(path, mark.line + 1, mark.column + 1)


def _syntax_error(source: Source, error: yaml.MarkedYAMLError) -> PolicyError:
    mark = error.problem_mark or error.context_mark
    place = _place(source.path, mark) if mark else Place(source.path, 1, 1)
    lines = source.text.split("\n")
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return place.error("a tab indents this line", "YAML indents by spaces only")
    if error.context == "while scanning an alias":
        return place.error("a value starts with *", "put a pattern into quotes: '*'")
    said = ", ".join(part for part in (error.context, error.problem) if part)
    if _PLACEHOLDER.search(line) and "while parsing" in said:
        return place.error(f"not YAML: {said}", "put a text with braces into quotes")
    hint = next((hint for words, hint in _SYNTAX_HINTS if words in said), "see reaper.yaml(5) for an example")
    return place.error(f"not YAML: {said}", hint)


class _Builder:
    """Builds nodes from events, with a stack of the open collections."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: list[ListNode | MappingNode] = []
        self._keys: list[ScalarNode | None] = []
        """For each open collection, the key that has no value yet."""
        self._root: Node | None = None

    def build(self, events: Iterator[Any]) -> Node | None:
        import yaml

        documents = 0
        for event in events:
            place = _place(self._path, event.start_mark)
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise place.error("a second document starts here", "remove the ---, or use a drop-in file")
            elif isinstance(event, yaml.NodeEvent):
                self._refuse(event, place)
                self._node(event, place)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._open.pop()
                self._keys.pop()
        return None if isinstance(self._root, ScalarNode) and self._root.text is None else self._root

    def _refuse(self, event: Any, place: Place) -> None:
        import yaml

        if isinstance(event, yaml.AliasEvent):
            name = excerpt(str(event.anchor))
            raise place.error(f"*{name} is an alias", f"write out the value, or quote a pattern: '*{name}'")
        if event.anchor is not None:
            raise place.error(f"&{excerpt(event.anchor)} is an anchor", "write out the value wherever it is needed")
        if event.tag is not None:
            tag = excerpt(event.tag.replace(_TAG_PREFIX, "!!"))
            raise place.error(f"{tag} is a tag", "remove it: a value has the type of its key")

    def _node(self, event: Any, place: Place) -> None:
        import yaml

        node: Node
        if isinstance(event, yaml.ScalarEvent):
            self._add(ScalarNode(None if event.style is None and event.value in _NULL else event.value, place))
            return
        if len(self._open) == DEEPEST:
            raise place.error("nested too deeply", f"a policy has at most {DEEPEST} levels")
        node = ListNode([], place) if isinstance(event, yaml.SequenceStartEvent) else MappingNode([], place)
        self._add(node)
        self._open.append(node)
        self._keys.append(None)

    def _add(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if isinstance(parent, ListNode):
            parent.items.append(node)
            return
        key = self._keys[-1]
        if key is not None:
            parent.entries.append((key, node))
            self._keys[-1] = None
        elif isinstance(node, ScalarNode) and node.text is not None:
            self._keys[-1] = node
        else:
            raise node.place.error(f"a key is {kind(node)}", "a key is one word")
