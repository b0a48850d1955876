"""Encode and decode a session as plain JSON values, for the saved state and the files of a lock. Pure.

The decoders raise TypeError, ValueError or KeyError for invalid values.
"""

from __future__ import annotations

from typing import Any

from reaper.decide.policy.match import Origin
from reaper.decide.session.model import Session, SessionKey


def encode_session(session: Session) -> dict[str, Any]:
    """Return the fields of a session."""
    return {
        "leader": list(session.key),
        "id": session.session_id,
        "user": session.user,
        "login": session.login,
        "uid": session.uid,
        "service": session.service,
        "origin": session.origin.value,
        "remote": session.remote,
        "tty": session.tty,
        "scope": session.scope,
        "opened_usec": session.opened_usec,
        "source": session.source,
    }


def decode_session(value: Any) -> Session:
    """Return the session of fields that encode_session() has returned."""
    return Session(
        key=SessionKey(*map(integer, value["leader"])),
        session_id=string(value["id"]),
        user=string(value["user"]),
        login=string(value.get("login", "")),  # not written by 0.1.0
        uid=integer(value["uid"]),
        service=string(value["service"]),
        origin=Origin(value["origin"]),
        remote=string(value["remote"]),
        tty=string(value["tty"]),
        scope=string(value["scope"]),
        opened_usec=integer(value["opened_usec"]),
        source=string(value["source"]),
    )


def integer(value: Any) -> int:
    """Return a value that is an integer and not a boolean. Raises TypeError for any other."""
    if type(value) is not int:
        raise TypeError(f"{value!r} is not an integer")
    return value


def string(value: Any) -> str:
    """Return a value that is a string. Raises TypeError for any other."""
    if type(value) is not str:
        raise TypeError(f"{value!r} is not a string")
    return value
