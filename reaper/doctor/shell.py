"""TMOUT in the files that login shells read. Pure: their text goes in.

Files are read, not run: a TMOUT that is set under a condition counts as set. bash and ksh end at a prompt where nothing
was entered for so many seconds; what runs in the foreground is never ended by it (bash(1)).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# An assignment, exported or declared or not; and pam_env.conf(5)'s own way: TMOUT DEFAULT=600.
_SET = re.compile(r"""(?:^|[;&\s])TMOUT(?:=|\s+(?:DEFAULT|OVERRIDE)=)["']?([0-9]{1,9})\b""")
_READONLY = re.compile(r"\b(?:readonly|(?:declare|typeset)\s+-\w*r\w*)\b[^;&#]*\bTMOUT\b")


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
    is_readonly = any(_READONLY.search(line) for _, line in lines)
    found = [(number, match) for number, line in lines for match in _SET.finditer(line)]
    return tuple(Tmout(path, number, int(match[1]), is_readonly) for number, match in found if int(match[1]))
