"""The text of a policy file, and the mistakes in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reaper.errors import ReaperError

MOST_PROBLEMS = 100
"""The most that are reported. A file with more is the wrong file, and each suggestion takes time."""


@dataclass(frozen=True)
class Source:
    """The text of one policy file; `path` is the path to show to people."""

    path: str
    text: str


@dataclass(frozen=True)
class Problem:
    """One mistake and its remedy. Line and column count from 1; line 0 is the file as a whole."""

    path: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: {self.message} ({self.hint})" if self.hint else f"{place}: {self.message}"


class PolicyError(ReaperError):
    """The policy files are invalid. `problems` are in the order of the files; str() has one on each line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems
        first = problems[0]
        others = len(problems) - 1
        more = f", and {others} more mistake{'s' * (others > 1)}" if others else ""
        super().__init__("policy-invalid", f"{first}{more}", "reaperctl check shows every mistake")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
