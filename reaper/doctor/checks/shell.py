"""TMOUT in the files that login shells read. Pure: their text goes in.

Files are read, not run: a TMOUT that is set under a condition counts as set. bash and ksh end at a prompt where nothing
was entered for so many seconds; what runs in the foreground is never ended by it (bash(1)).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# An assignment, exported or declared or not; and pam_env.conf(5)'s own way: TMOUT DEFAULT=600.
_SET = re.compile(r"""(?:^|[;&\s])TMOUT(?:=|\s+(?:DEFAULT|OVERRIDE)=)["']?([0-9]{1,9})\b""")
_READONLY = re.compile(r"\b(?:readonly|(?:declare|typeset)\s+-(?=\w*r)\w+)\b")
_NAME = re.compile(r"\bTMOUT\b")
_END = re.compile(r"[;&#]")


@dataclass(frozen=True)
class Tmout:
    """One place where TMOUT is set, to more than 0."""

    path: str
    line: int
    seconds: int
    is_readonly: bool


def parse_tmout(path: str, text: str) -> tuple[Tmout, ...]:
    """Where a file sets TMOUT; readonly if any line of the file makes it that."""
    lines = [line for line in enumerate(text.split("\n"), 1) if not line[1].lstrip().startswith("#")]
    is_readonly = any(_makes_readonly(command) for _, line in lines for command in _END.split(line))
    found = [(number, match) for number, line in lines for match in _SET.finditer(line)]
    return tuple(Tmout(path, number, int(match[1]), is_readonly) for number, match in found if int(match[1]))


def _makes_readonly(command: str) -> bool:
    """Whether a command makes TMOUT readonly. Each pattern is looked for once: the time grows with the line alone."""
    readonly = _READONLY.search(command)
    return readonly is not None and _NAME.search(command, readonly.end()) is not None
