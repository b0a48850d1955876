"""Looks up users and groups in the host's name services, which may take minutes to answer or never do.

The daemon's own process therefore never calls these functions: `reaperctl` does, and the child process that
name_service.py starts. The child runs this very file as a program, so it imports nothing of reaper.
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
    """Returns the name and the id of the account that a login name stands for; None where no name service knows it."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return None
    return account.pw_name, account.pw_uid


def read_groups(user: str, uid: int) -> frozenset[str] | None:
    """Returns the names of a user's groups, primary and supplementary; the number of a group that has no name.

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
    except (KeyError, ValueError):  # the name has a NUL or a lone surrogate in it
        return None


def answers(questions: list[Any]) -> Iterator[list[Any]]:
    """Yields each question, a group's name or number, with the number or name that answers it, or None."""
    for question in questions:
        yield [question, _group_name(question) if isinstance(question, int) else _group_id(question)]


def main() -> None:
    """Reads the questions from standard input and writes one line for each answer as soon as it is known."""
    for answer in answers(json.load(sys.stdin)):
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
