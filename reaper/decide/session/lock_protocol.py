"""A lock as text, and back: what reaperd asks of the program that holds a session's terminals, and what that tells.

Pure. Both files are root's alone, below /run/reaper/locks/NAME/: `order` is written by reaperd, once; `state` by
reaper-lock, whenever it changes. The lock stands on these files and not on the memory of either program, so that a
restart of one or the other opens nothing.
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
"""Of both files. Who raises it goes on reading those of the version before: locks outlive an upgrade of the package."""
MAX_FAILURES = 5
"""After so many attempts that fail, the session ends: a lock is not there to be guessed at."""
GROUP = "reaper-lock"
"""The control group, in the session's scope, of what is stopped."""
_NAME = re.compile(r"[A-Za-z0-9]{1,32}(\.[0-9]{1,20})?", re.ASCII)
_SCOPE = re.compile(r"/user\.slice/(?:[^/]+/)*session-[A-Za-z0-9]+\.scope", re.ASCII)


class Stage(enum.Enum):
    """How far a lock is."""

    LOCKING = "locking"  # being established: nothing may be open, and nothing is promised yet
    LOCKED = "locked"
    UNLOCKING = "unlocking"  # the person has proved who they are: everything is being put back
    UNLOCKED = "unlocked"
    FAILED = "failed"  # it could not be established; everything is as it was
    REFUSED = "refused"  # too many attempts failed: locked until the session ends


OVER = (Stage.UNLOCKED, Stage.FAILED)
"""Nothing is locked any more, or was."""


@dataclass(frozen=True)
class LockOrder:
    """What to lock, and what to say. Times are microseconds since boot.

    `heading` is shown above the prompt, and is fit for a terminal. `fields` are those of the journal's records about
    this session, without their prefix.
    """

    session: Session
    heading: str
    fields: Mapping[str, str]
    locked_usec: int
    until_usec: int | None


@dataclass(frozen=True)
class LockState:
    """What has become of a lock, as the process `keeper` last said; `why` is what stood in the way, where it failed."""

    stage: Stage
    since_usec: int
    failures: int
    why: str
    keeper: ProcessId


def is_standing(order: LockOrder, state: LockState | None, key: SessionKey) -> bool:
    """Whether a lock holds the session of this key, or may at any moment; another may have had its name before."""
    return order.session.key == key and (state is None or state.stage not in OVER)


def is_name(name: str) -> bool:
    """Whether a session's name can be that of a directory and of a unit's instance, as all that logind gives can."""
    return _NAME.fullmatch(name) is not None


def is_scope(group: str) -> bool:
    """Whether a control group is the scope of a session: any other may hold other people's, or the system."""
    return _SCOPE.fullmatch(group) is not None and ".." not in group.split("/")


def encode_order(order: LockOrder) -> str:
    """The text of an order."""
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
    """Reads an order back. Raises ReaperError for one that is broken, or of another version."""
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
    """The text of a state; `more` is what reaper-lock keeps there for itself, in plain JSON types."""
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
    """Reads a state back, with the whole document. Raises ReaperError for one that is broken, or of another version."""
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
