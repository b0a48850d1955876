"""What the host's name services know of users and groups: an answer may take minutes, or never come.

So nothing in the daemon's own process calls this: `reaperctl` does, and the child process that nameservice.py starts.
That runs this very file as a program: it imports nothing of reaper.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import sys
from collections.abc import Iterator
from typing import Any


def read_account(user: str) -> tuple[str, int] | None:
    """The account that a name is one of: its own name and its id. None where no name service tells."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return None
    return account.pw_name, account.pw_uid


def read_groups(user: str, uid: int) -> frozenset[str] | None:
    """The names of a user's groups, primary and supplementary; numbers where a group has no name.

    None where the host does not know the user.
    """
    try:
        primary = pwd.getpwuid(uid).pw_gid
        ids = os.getgrouplist(user, primary)
    except (KeyError, OSError):
        return None
    return frozenset(_group_name(gid) or str(gid) for gid in ids)


def _group_name(gid: int) -> str | None:
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OverflowError):
        return None


def _group_id(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):  # a NUL in it, or a lone surrogate
        return None


def answers(questions: list[Any]) -> Iterator[list[Any]]:
    """Answers each question, a group's name or number, with the pair of it and the other; None where none is known."""
    for question in questions:
        yield [question, _group_name(question) if isinstance(question, int) else _group_id(question)]


def main() -> None:
    """Reads the questions from standard input, and writes a line for each answer as soon as it has come."""
    for answer in answers(json.load(sys.stdin)):
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
