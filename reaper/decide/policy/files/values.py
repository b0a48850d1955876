"""Read the values of the policy file: one small function for each kind of value.

Pure. Each takes a node of the tree and returns the value for a field of the policy, or raises PolicyError with
everything that is wrong in it. Checks that involve another key (a warning against its limit) are in parse.py.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any, TypeVar

from reaper.decide.policy.evidence_kind import CONFIGURABLE, EvidenceKind
from reaper.decide.policy.files import yaml_tree
from reaper.decide.policy.files.problems import MOST_PROBLEMS, PolicyError, Problem
from reaper.decide.policy.files.yaml_tree import Node, Place, ScalarNode, kind
from reaper.decide.policy.limits import AUTO, NEVER, SHORTEST_LIMIT_USEC
from reaper.decide.policy.match import parse_network
from reaper.decide.policy.rules import UNLIMITED
from reaper.decide.policy.template import Template, TemplateError, parse_template
from reaper.decide.text.duration import USEC_PER_SEC, USEC_PER_WEEK, DurationError, format_duration, parse_duration
from reaper.decide.text.escape import excerpt
from reaper.decide.text.hours import Hours, HoursError, parse_hours
from reaper.decide.text.size import SizeError, format_size, parse_size
from reaper.decide.text.suggest import suggestion

T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)
Value = Callable[[Node], Any]

NOT_YET = "is not in this version of reaper"

LONGEST_PATTERN = 256
"""Characters: LOGIN_NAME_MAX, which is more than any terminal, PAM service or host name (253, RFC 1035) has."""

MOST_WARNINGS = 8
"""Each is a message over the user's work, and wakes the daemon for every session."""

MOST_SESSIONS = 100_000
"""More sessions than a host can carry: a larger number is a typing error."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_ADDRESS_GLOB = re.compile(r"[0-9.*?\[\]-]*[0-9][0-9.*?\[\]-]*")
_HOST_GLOB = re.compile(r"[A-Za-z0-9._*?\[\]!-]+")


def text(node: Node) -> str:
    """Read a printable text; it may be empty if quoted, but not left out."""
    if not isinstance(node, ScalarNode):
        raise node.place.error(f"expected a single value, not {kind(node)}", "write key: value")
    if node.text is None:
        raise node.place.error("the value is missing", "write one, or remove the key")
    if not node.text.isprintable():
        raise node.place.error(f"'{excerpt(node.text)}' has a character that does not print", "write it on one line")
    return node.text


def duration(shortest: int, longest: int | None, why: str) -> Value:
    """Return a reader of durations within bounds, in microseconds; `why` is the reason for the bounds, as a hint."""

    def value(node: Node) -> int:
        written = text(node)
        try:
            usec = parse_duration(written)
        except DurationError as error:
            hint = "never is not possible here: write a duration" if written == NEVER else error.hint
            raise node.place.error(excerpt(error.message, 200), hint) from None
        if usec < shortest:
            raise node.place.error(f"{excerpt(written)} is shorter than {format_duration(shortest)}", why)
        if longest is not None and usec > longest:
            raise node.place.error(f"{excerpt(written)} is longer than {format_duration(longest)}", why)
        return usec

    return value


def or_never(value: Value) -> Value:
    """Return a reader that also accepts `never`, as None."""
    return lambda node: None if text(node) == NEVER else value(node)


_limit = duration(
    SHORTEST_LIMIT_USEC,
    None,
    "the kernel dates input in steps of 8 seconds, and a limit needs two: one to see the input, one to warn",
)
limit = or_never(_limit)
_lead = duration(USEC_PER_SEC, None, "nobody can react in less time")
busy_max = duration(0, USEC_PER_WEEK, "a program delays an end but does not prevent it: from 0 to 1w")


def each(value: Callable[[Node], T], empty: str) -> Callable[[Node], tuple[tuple[T, Place], ...]]:
    """Return a reader of lists, each entry with its place; a single value stands for a list of one.

    `empty` is the hint for a list without entries; if it is "", such a list is allowed.
    """

    def values(node: Node) -> tuple[tuple[T, Place], ...]:
        items = node.items if isinstance(node, yaml_tree.ListNode) else [node]
        if not items and empty:
            raise node.place.error("the list is empty", empty)
        found: list[tuple[T, Place]] = []
        problems: list[Problem] = []
        for item in items:
            try:
                found.append((value(item), item.place))
            except PolicyError as error:  # noqa: PERF203 - all mistakes at once
                problems.extend(error.problems)
                if len(problems) >= MOST_PROBLEMS:
                    break
        if problems:
            raise PolicyError(problems)
        return tuple(found)

    return values


def without_places(values: Callable[[Node], tuple[tuple[T, Place], ...]]) -> Callable[[Node], tuple[T, ...]]:
    """Return a reader of the same list without the places, for entries that need no later check."""
    return lambda node: tuple(value for value, _ in values(node))


def leads(node: Node) -> tuple[tuple[int, Place], ...]:
    """Read the warnings before a limit, the longest first."""
    found = each(_lead, empty="")(node)
    if len(found) > MOST_WARNINGS:
        raise node.place.error(f"{len(found)} warnings are too many", f"{MOST_WARNINGS} at most: each is a message")
    seen: set[int] = set()
    for lead, place in found:
        if lead in seen:
            raise place.error(f"the warning {format_duration(lead)} before the limit appears twice", "remove one")
        seen.add(lead)
    return tuple(sorted(found, key=lambda entry: -entry[0]))


def message(node: Node) -> Template:
    """Read the text of a warning; empty for the built-in one."""
    if not isinstance(node, ScalarNode):
        raise node.place.error(f"expected a text, not {kind(node)}", "put a text with braces into quotes")
    if node.text is None:
        raise node.place.error("the value is missing", 'write "" for the built-in text')
    try:
        return parse_template(node.text)
    except TemplateError as error:
        raise PolicyError([node.place.problem(*fault) for fault in error.faults]) from None


def one_of(members: type[E]) -> Callable[[Node], E]:
    """Return a reader of an enum's members by their values."""

    def value(node: Node) -> E:
        written = text(node)
        words = [str(member.value) for member in members]
        if written not in words:
            raise node.place.error(f"'{excerpt(written)}' is not known here", suggestion(written, words))
        return members(written)

    return value


def activity(node: Node) -> tuple[EvidenceKind, ...]:
    """Read kinds of evidence; () for `auto`."""
    if isinstance(node, ScalarNode) and node.text == AUTO:
        return ()
    return tuple(
        dict.fromkeys(without_places(each(_evidence, f"without evidence every session is idle: write {AUTO}"))(node))
    )


def _evidence(node: Node) -> EvidenceKind:
    written = text(node)
    if written == "output":
        raise node.place.error(f"'{written}' {NOT_YET}", "a program's output does not show a user: remove it")
    words = [each.value for each in CONFIGURABLE]
    if written not in words:
        raise node.place.error(f"'{excerpt(written)}' is not known here", suggestion(written, [*words, AUTO]))
    return EvidenceKind(written)


def size(smallest: int, why: str) -> Value:
    """Return a reader of sizes in bytes, at least `smallest`; `why` is the reason for that, as a hint."""

    def value(node: Node) -> int:
        written = text(node)
        try:
            octets = parse_size(written)
        except SizeError as error:
            raise node.place.error(f"'{excerpt(written)}' is not a size", str(error)) from None
        if octets < smallest:
            raise node.place.error(f"{excerpt(written)} is less than {format_size(smallest)}", why)
        return octets

    return value


def sessions(node: Node) -> int | None:
    """Read a number of sessions; None for `unlimited`."""
    written = text(node)
    if written == UNLIMITED:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", written) or not 1 <= int(written) <= MOST_SESSIONS:
        hint = f"write {UNLIMITED}, or a number from 1 to {MOST_SESSIONS}; to end none, use action: observe"
        raise node.place.error(f"'{excerpt(written)}' is not a number of sessions", hint)
    return int(written)


def name(node: Node) -> str:
    """Read the name of a rule or environment, which appears in the journal and on command lines."""
    written = text(node)
    if not _NAME.fullmatch(written):
        hint = "letters, digits and . _ @ - after a letter or digit, 64 at most"
        raise node.place.error(f"'{excerpt(written)}' is not a valid name", hint)
    return written


def glob(node: Node) -> str:
    """Read a pattern for names, as in fnmatch(3) but without the backslash."""
    written = text(node)
    place = node.place
    if not written:
        raise place.error("the pattern is empty", "write a name or a pattern, or remove the key")
    if len(written) > LONGEST_PATTERN:
        raise place.error(f"the pattern has {len(written)} characters", f"{LONGEST_PATTERN} at most")
    if "," in written:
        raise place.error(f"'{excerpt(written)}' has a comma", "write a list: [one, two]")
    if written.startswith("!"):
        raise place.error(f"'{excerpt(written)}' starts with !", "there is no negation: put a rule for them before it")
    if written != written.strip():
        raise place.error(f"'{excerpt(written)}' begins or ends with a space", "remove it")
    if "[" in re.sub(r"\[(?:!.|[^!])[^]]*]", "", written):
        raise place.error(f"'{excerpt(written)}' has a [ without a closing ]", "write [[] for the character itself")
    return written


def program(node: Node) -> str:
    """Read a glob for the file names of programs."""
    written = glob(node)
    if "/" in written:
        name_of_file = written.rstrip("/").rpartition("/")[2] or "rsync"
        raise node.place.error(
            f"'{excerpt(written)}' is a path", f"write the name of the file: {excerpt(name_of_file)}"
        )
    if not written.strip("*?"):
        hint = "every session has a shell: write the names of programs, such as rsync"
        raise node.place.error(f"'{excerpt(written)}' matches any program", hint)
    return written


def terminal(node: Node) -> str:
    """Read a glob for terminals without /dev/, or `none`, or `any`."""
    written = glob(node)
    return written[len("/dev/") :] if written.startswith("/dev/") and written != "/dev/" else written


def remote(node: Node) -> str:
    """Read an address, a network, or a glob for host names; networks are returned in canonical form."""
    written = glob(node)
    try:
        network = parse_network(written)
    except ValueError as error:
        raise node.place.error(excerpt(str(error), 200), _network_hint(written)) from None
    if network is not None:
        single = network.prefixlen == network.max_prefixlen
        return str(network.network_address) if single else str(network)
    if _ADDRESS_GLOB.fullmatch(written):
        hint = "write one address, or a network as 10.0.0.0/8"
        raise node.place.error(f"'{excerpt(written)}' is not an address", hint)
    if not _HOST_GLOB.fullmatch(written):
        hint = "write an address, a network as 10.0.0.0/8 or fd00::/8, or a pattern as *.example.org"
        raise node.place.error(f"'{excerpt(written)}' is neither an address nor a host name", hint)
    return written.lower().rstrip(".") or written


def boolean(node: Node) -> bool:
    """Read `true` or `false`; YAML's other spellings are refused."""
    written = text(node)
    if written not in ("true", "false"):
        raise node.place.error(f"'{excerpt(written)}' is neither true nor false", "write true or false")
    return written == "true"


def hours(node: Node) -> Hours:
    """Read hours of the week."""
    try:
        return parse_hours(text(node))
    except HoursError as error:
        raise node.place.error(excerpt(error.message, 200), error.hint) from None


def _network_hint(written: str) -> str:
    import ipaddress

    try:
        return f"write {ipaddress.ip_network(written, strict=False)}"
    except ValueError:
        return "write a network as 10.0.0.0/8 or fd00::/8"
