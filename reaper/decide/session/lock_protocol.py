"""The two files by which reaperd and reaper-lock speak about a lock, encoded and decoded. Pure.

Both are in /run/reaper/locks/NAME/ and belong to root alone. `order` is written once by reaperd; `state` is written by
reaper-lock, the keeper, whenever it changes. The lock depends on these files and not on the memory of either program,
so that a restart of one or the other unlocks nothing.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reaper.decide.session.codec import decode_session, encode_session, integer, string
from reaper.decide.session.model import ProcessId, Session, SessionKey
from reaper.decide.text.document import parse_document
from reaper.errors import ReaperError

VERSION = 1
"""Of both files. A new version must still read the one before it, because locks outlive an upgrade of the package."""
MAX_FAILURES = 5
"""Failed attempts after which the session ends, so that passwords cannot be guessed."""
GROUP = "reaper-lock"
"""The control group of the frozen processes, within the session's scope."""
_NAME = re.compile(r"[A-Za-z0-9]{1,32}(\.[0-9]{1,20})?", re.ASCII)
_SCOPE = re.compile(r"/user\.slice/(?:[^/]+/)*session-[A-Za-z0-9]+\.scope", re.ASCII)


class Stage(enum.Enum):
    """The stage of a lock."""

    LOCKING = "locking"  # it is being established; the session is not yet safe
    LOCKED = "locked"
    UNLOCKING = "unlocking"  # the user has been authenticated; everything is being restored
    UNLOCKED = "unlocked"
    FAILED = "failed"  # it could not be established; everything is as it was before
    REFUSED = "refused"  # too many attempts failed; locked until the session ends


OVER = (Stage.UNLOCKED, Stage.FAILED)
"""The stages in which the session is not locked and will not be."""


@dataclass(frozen=True)
class LockOrder:
    """What to lock, and what to say. Times are microseconds since boot.

    `heading` is shown above the prompt and is safe for a terminal. `fields` are the journal fields about this session,
    without their prefix.
    """

    session: Session
    heading: str
    fields: Mapping[str, str]
    locked_usec: int
    until_usec: int | None


@dataclass(frozen=True)
class LockState:
    """The state of a lock, as last written by the process `keeper`; `why` is the reason if it failed."""

    stage: Stage
    since_usec: int
    failures: int
    why: str
    keeper: ProcessId


def is_standing(order: LockOrder, state: LockState | None, key: SessionKey) -> bool:
    """Return whether a lock holds the session of this key, or may do so at any moment.

    An order with the same name can be of an earlier session.
    """
    return order.session.key == key and (state is None or state.stage not in OVER)


def is_name(name: str) -> bool:
    """Return whether a session's name can name a directory and a unit's instance; all names of logind's can."""
    return _NAME.fullmatch(name) is not None


def is_scope(group: str) -> bool:
    """Return whether a control group is the scope of a session; others may contain other users' or system processes."""
    return _SCOPE.fullmatch(group) is not None and ".." not in group.split("/")


def encode_order(order: LockOrder) -> str:
    """Return the text of an order."""
    session = order.session
    document = {
        "version": VERSION,
        **encode_session(session),
        "heading": order.heading,
        "fields": dict(order.fields),
        "locked_usec": order.locked_usec,
        "until_usec": order.until_usec,
    }
    return json.dumps(document, separators=(",", ":")) + "\n"


def decode_order(text: str) -> LockOrder:
    """Return the order of a text. Raises ReaperError if it is invalid or of another version."""
    try:
        value = parse_document(text)
        if value["version"] != VERSION:
            raise ValueError(f"it is of version {value['version']!r}, not {VERSION}")
        session = decode_session(value)
        return LockOrder(
            session,
            string(value["heading"]),
            {string(name): string(field) for name, field in value["fields"].items()},
            integer(value["locked_usec"]),
            None if value["until_usec"] is None else integer(value["until_usec"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ReaperError("lock-order", f"the order of a lock is broken: {type(error).__name__}: {error}") from error


def encode_state(state: LockState, **more: Any) -> str:
    """Return the text of a state; `more` is what reaper-lock keeps there for itself, in plain JSON types."""
    document = {
        **more,
        "version": VERSION,
        "stage": state.stage.value,
        "since_usec": state.since_usec,
        "failures": state.failures,
        "why": state.why,
        "keeper": list(state.keeper),
    }
    return json.dumps(document, separators=(",", ":")) + "\n"


def decode_state(text: str) -> tuple[LockState, dict[str, Any]]:
    """Return the state of a text, and the whole document. Raises ReaperError if it is invalid or of another version."""
    try:
        value = parse_document(text)
        if value["version"] != VERSION:
            raise ValueError(f"it is of version {value['version']!r}, not {VERSION}")
        state = LockState(
            Stage(value["stage"]),
            integer(value["since_usec"]),
            integer(value["failures"]),
            string(value["why"]),
            ProcessId(*map(integer, value["keeper"])),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ReaperError("lock-state", f"the state of a lock is broken: {type(error).__name__}: {error}") from error
    return state, value
