"""Finds TMOUT in the files that login shells read. Pure.

The files are read, not run: a TMOUT that is set under a condition counts as set. bash and ksh exit at a prompt at which
nothing was entered for TMOUT seconds; TMOUT never ends a program in the foreground (bash(1)).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# An assignment, also with export or declare; and pam_env.conf(5)'s syntax: TMOUT DEFAULT=600.
_SET = re.compile(r"""(?:^|[;&\s])TMOUT(?:=|\s+(?:DEFAULT|OVERRIDE)=)["']?([0-9]{1,9})\b""")
_READONLY = re.compile(r"\b(?:readonly|(?:declare|typeset)\s+-(?=\w*r)\w+)\b")
_NAME = re.compile(r"\bTMOUT\b")
_END = re.compile(r"[;&#]")


@dataclass(frozen=True)
class Tmout:
    """A line that sets TMOUT to more than 0."""

    path: str
    line: int
    seconds: int
    is_readonly: bool


def parse_tmout(path: str, text: str) -> tuple[Tmout, ...]:
    """Returns the lines that set TMOUT; they count as readonly if any line of the file makes it readonly."""
    lines = [line for line in enumerate(text.split("\n"), 1) if not line[1].lstrip().startswith("#")]
    is_readonly = any(_makes_readonly(command) for _, line in lines for command in _END.split(line))
    found = [(number, match) for number, line in lines for match in _SET.finditer(line)]
    return tuple(Tmout(path, number, int(match[1]), is_readonly) for number, match in found if int(match[1]))


def _makes_readonly(command: str) -> bool:
    """Whether a command makes TMOUT readonly. Searches for each pattern once, to take linear time."""
    readonly = _READONLY.search(command)
    return readonly is not None and _NAME.search(command, readonly.end()) is not None
