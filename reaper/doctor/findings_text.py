"""Formats a diagnosis as lines for a terminal of 80 columns. Pure; text from the host is escaped here."""

from __future__ import annotations

import textwrap

from reaper.decide.text.escape import plain
from reaper.doctor.checks.precedence import sentence
from reaper.doctor.diagnose import Diagnosis
from reaper.doctor.findings import Severity

_WIDTH = 80
_INDENT = " " * 9


def report(diagnosis: Diagnosis, *, only_errors: bool = False) -> list[str]:
    """Returns the findings, the worst first, and what ends each kind of session first."""
    if only_errors:
        return _findings(diagnosis, only_errors=True)
    opening = "Nothing was found that keeps the limits from being enforced."
    return [
        *([opening] if diagnosis.is_enforced() else []),
        *_findings(diagnosis, only_errors=False),
        *_table(diagnosis),
    ]


def _findings(diagnosis: Diagnosis, *, only_errors: bool) -> list[str]:
    lines = []
    for finding in diagnosis.findings:
        if finding.severity is Severity.ERROR or not only_errors:
            lines += _wrapped(f"{finding.severity.value:<8} {finding.message} [{finding.id}]")
            # Not wrapped, so that a command can be copied.
            lines += [f"{_INDENT}> {plain(finding.remedy)}"] if finding.remedy else []
    return lines


def _table(diagnosis: Diagnosis) -> list[str]:
    lines = ["", "What ends an idle session first:"]
    for row in diagnosis.table:
        lines += _wrapped(f"{row.kind.words}: {sentence(row)}.")
    return lines if diagnosis.table else []


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(plain(text), _WIDTH, subsequent_indent=_INDENT, break_on_hyphens=False, break_long_words=False)
