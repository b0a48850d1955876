"""A finding of the doctor: one problem of the host, its severity and its remedy. Pure data."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Severity(enum.Enum):
    """How bad a finding is, the worst first."""

    ERROR = "error"  # a limit is not enforced, or will not be after the next boot
    WARNING = "warning"  # something interferes with the limits, or reaper has less evidence
    NOTE = "note"  # good to know; nothing has to be done


@dataclass(frozen=True)
class Finding:
    """One problem that a check found.

    `id` is a stable name for programs, `message` one or two sentences, `remedy` a command or an edit of a file, or "".
    `message` and `remedy` may contain text from files and commands: the code that prints them escapes them.
    """

    id: str
    severity: Severity
    message: str
    remedy: str = ""


def error(name: str, message: str, remedy: str) -> Finding:
    """Returns a finding that makes doctor exit with status 1."""
    return Finding(name, Severity.ERROR, message, remedy)


def warning(name: str, message: str, remedy: str) -> Finding:
    """Returns a finding that leaves the limits in force."""
    return Finding(name, Severity.WARNING, message, remedy)


def note(name: str, message: str, remedy: str = "") -> Finding:
    """Returns a finding that is good to know."""
    return Finding(name, Severity.NOTE, message, remedy)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sorts by severity; findings of the same severity keep their order."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))
