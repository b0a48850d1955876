"""How a person names a session on the command line."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Mapping
from typing import Any

from reaper.control.client import DaemonRefusedError, call

SELF = "self"


def add_argument(parser: argparse.ArgumentParser) -> None:
    """The argument that names a session."""
    parser.add_argument(
        "session", metavar="SESSION", help="a session's id, one of its terminals (pts/3), or self for your own"
    )


def call_for(method: str, session: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Calls a method of the daemon's that is about one session; raises what client.call() does.

    One's own is that of the terminal that one types on. Where that is none of a session's, as in tmux or below sudo, it
    is the session that this very process belongs to, which the daemon knows.
    """
    if session == SELF:
        try:
            return call(method, {**parameters, "session": _terminal() or SELF})
        except DaemonRefusedError as error:
            if error.name != "io.reaper.NoSuchSession":
                raise
    return call(method, {**parameters, "session": session})


def _terminal() -> str:
    for fd in (0, 1, 2):
        with contextlib.suppress(OSError):
            return os.ttyname(fd)
    return ""
