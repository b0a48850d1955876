"""The argument that names a session, and the call of a daemon's method with it."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Mapping
from typing import Any

from reaper.control.client import DaemonRefusedError, call

SELF = "self"


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Adds the argument that names a session."""
    parser.add_argument(
        "session", metavar="SESSION", help="the name of a session, one of its terminals (pts/3), or self for your own"
    )


def call_for(method: str, session: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Calls a method of the daemon for one session; raises what client.call() raises.

    `self` is the session of the terminal that this process runs on. If that terminal belongs to no session, as within
    tmux or under sudo, the daemon takes the session that this process belongs to.
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
