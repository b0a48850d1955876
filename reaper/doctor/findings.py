"""What the doctor has to say: one finding a thing, with its remedy. Pure data."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Severity(enum.Enum):
    """How bad a finding is, the worst first."""

    ERROR = "error"  # a limit is not enforced, or will not be after the next boot
    WARNING = "warning"  # something interferes, or there is less evidence
    NOTE = "note"  # nothing needs to be done


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    `id` is a stable word for programs, `message` one or two sentences, `remedy` a command or a line of a file, or "".
    Both may hold text from files and from commands: whoever prints them escapes them.
    """

    id: str
    severity: Severity
    message: str
    remedy: str = ""


def error(name: str, message: str, remedy: str) -> Finding:
    """A finding for which the exit status is 1."""
    return Finding(name, Severity.ERROR, message, remedy)


def warning(name: str, message: str, remedy: str) -> Finding:
    """A finding that leaves the limits in force."""
    return Finding(name, Severity.WARNING, message, remedy)


def note(name: str, message: str, remedy: str = "") -> Finding:
    """A finding that is good to know."""
    return Finding(name, Severity.NOTE, message, remedy)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """In the order in which to read them; those of one severity stay in theirs."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))
