"""The kinds of events in the journal: their names, message ids, priorities and fields. Pure.

Each row has one entry in systemd/reaper.catalog (a test in tests/repo compares them). An Event is data; act/journal.py
writes it. Fields are named without their prefix: ``user`` becomes REAPER_USER.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

FIELDS = frozenset(
    [
        "session",
        "user",
        "uid",
        "origin",
        "remote",
        "service",
        "terminals",
        "leader",
        "rule",
        "action",
        "reason",
        "evidence",
        "idle_usec",
        "limit_usec",
        "left_usec",
        "policy",
        "freed_processes",
        "freed_rss",
        "freed_cpu_usec",
        "by",
        "why",
        "observed",
        "notify",
        "previous",
    ]
)


class Priority(enum.IntEnum):
    """The priorities of syslog(3) that are used."""

    ALERT = 1
    ERR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


class _EventKind(NamedTuple):
    word: str
    message_id: str
    priority: Priority


class EventKind(enum.Enum):
    """What happened; each has a name, a message id that never changes, and a priority."""

    OPENED = _EventKind("opened", "3ad82131ac7246f6ad5d294cf378461b", Priority.INFO)
    REAUTHENTICATED = _EventKind("reauthenticated", "d551fcd9acf74f55b89b47015f1aadc4", Priority.NOTICE)
    CLOSED = _EventKind("closed", "66a46f89429b4ef79b9083877e7ec7aa", Priority.INFO)
    RESUMED = _EventKind("resumed", "029b48be2814458784d164c672e18344", Priority.INFO)
    WARNED = _EventKind("warned", "7eab3d14b7a247b68c03872203913e8f", Priority.NOTICE)
    CANCELLED = _EventKind("cancelled", "f9228caff8e14b0993002bc81824f00a", Priority.NOTICE)
    DEFERRED = _EventKind("deferred", "e7ac1d75fd794a63aa16aacb0a3b9267", Priority.NOTICE)
    LOCKED = _EventKind("locked", "a2f3d6f26ed9491eb14b68e8eb7a06d5", Priority.NOTICE)
    UNLOCKED = _EventKind("unlocked", "15fe47f354184336be991e1f1a07ff4a", Priority.NOTICE)
    UNLOCK_FAILED = _EventKind("unlock-failed", "2c28e037c5ee43e88b40a08c18601a54", Priority.WARNING)
    ENDING = _EventKind("ending", "d9f3d3cd90634bd0bf5d11a7cfa8ef33", Priority.NOTICE)
    TERMINATED = _EventKind("terminated", "d93fb3156d334cfab510762db1efe643", Priority.NOTICE)
    TERMINATE_FAILED = _EventKind("terminate-failed", "13039777304a45e989609c72235ce666", Priority.ERR)
    OBSERVED = _EventKind("observed", "b557da00e575495594720c4cbdb190d6", Priority.NOTICE)
    HELD = _EventKind("held", "5b6b79da2ad442b09754a5d662027ef9", Priority.NOTICE)
    RELEASED = _EventKind("released", "19b44f8618eb4365b90d1d175c8949f2", Priority.NOTICE)
    TAMPERED = _EventKind("tampered", "644d187004ae45069173d50545f0ea95", Priority.WARNING)
    ROBOT = _EventKind("robot", "599357c4d1df485a8e66384308f458c7", Priority.NOTICE)
    BRAKE = _EventKind("brake", "916906fcdf01465eb5c6961812c0344b", Priority.ALERT)
    CLOCK_STEPPED = _EventKind("clock-stepped", "a220184f92ac4b2ca0e48269f7943d25", Priority.NOTICE)
    POLICY_LOADED = _EventKind("policy-loaded", "714abc0b831b436cb8dabe492645be3b", Priority.NOTICE)
    POLICY_REJECTED = _EventKind("policy-rejected", "0ba23ee813374685b518669766bb19d0", Priority.ERR)
    STARTED = _EventKind("started", "24edbdf633ea4c538e9459a788d9fc7f", Priority.INFO)
    STOPPED = _EventKind("stopped", "fb846b742f654cf2bde7b1bc4f32a69e", Priority.INFO)

    @property
    def word(self) -> str:
        """The value of REAPER_EVENT."""
        return self.value.word

    @property
    def message_id(self) -> str:
        """The MESSAGE_ID under which the catalog explains the event."""
        return self.value.message_id

    @property
    def priority(self) -> Priority:
        """The syslog priority of all events of this kind."""
        return self.value.priority


@dataclass(frozen=True)
class Event:
    """One journal entry: a message that can be understood alone, and its fields."""

    kind: EventKind
    message: str
    fields: Mapping[str, str]

    def __post_init__(self) -> None:
        assert self.fields.keys() <= FIELDS, f"not in the contract: {self.fields.keys() - FIELDS}"
