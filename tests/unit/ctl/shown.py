"""Answers of the daemon, for the tests of what displays them."""

from __future__ import annotations

from typing import Any

from tests.unit.simulated import MINUTE, SECOND

HOSTILE = "\x1b]0;owned\x07\u202e\r\n\x9b2J"


def session(name: str, user: str, **fields: Any) -> dict[str, Any]:
    """Returns a session that is idle for 4 seconds and has a limit of 15 minutes, with these fields changed."""
    return {
        "session": name,
        "user": user,
        "login": "",
        "uid": 1000,
        "origin": "ssh",
        "remote": "192.0.2.7",
        "service": "sshd",
        "terminals": ["pts/0"],
        "leader": 100,
        "elevated": False,
        "opened_usec": 90 * MINUTE,
        "phase": "active",
        "evidence": "input",
        "idle_usec": 4 * SECOND,
        "rule": "environment:standard",
        "action": "terminate",
        "next": "warn",
        "next_usec": 596 * SECOND,
        "left_usec": 896 * SECOND,
        "limit_usec": 900 * SECOND,
        "reason": "idle",
        **fields,
    }


def answer(*sessions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Returns the daemon's answer with these sessions."""
    return {"sessions": list(sessions), "policy": "p0l1cy", "brake_usec": None, **fields}


ANN = session("12", "ann", terminals=["pts/0", "pts/4"], opened_usec=95 * MINUTE)
BOB = session(
    "15", "bob", remote="192.0.2.9", phase="warned", idle_usec=850 * SECOND, left_usec=50 * SECOND, terminals=["pts/3"]
)
CAROL = session(
    "4711.287364",
    "carol-of-the-long-name",
    elevated=True,
    remote="2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
    action="observe",
    idle_usec=12 * MINUTE,
    left_usec=3 * MINUTE,
    rule="watched",
    opened_usec=MINUTE,
)
DAVE = session(
    "c3",
    "dave",
    origin="console",
    remote="",
    terminals=["tty1"],
    phase="held",
    hold={"left_usec": 120 * MINUTE, "by": "root", "why": "migration"},
    service="login",
)
ERIN = session("9", "erin", terminals=[], left_usec=None, limit_usec=None, next="nothing", next_usec=None)
CROWD = answer(ANN, BOB, CAROL, DAVE, ERIN)
