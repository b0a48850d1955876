"""Tables of every key of the policy file, with the field that it sets and the values that it takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reaper.decide.policy.files.values import (
    Value,
    activity,
    boolean,
    busy_max,
    duration,
    each,
    glob,
    hours,
    leads,
    limit,
    message,
    name,
    one_of,
    or_never,
    program,
    remote,
    sessions,
    size,
    terminal,
    without_places,
)
from reaper.decide.policy.limits import LONGEST_HOLD_USEC, Action, Kill, Notify, Robots, Share
from reaper.decide.policy.match import Origin
from reaper.decide.text.duration import USEC_PER_DAY, USEC_PER_MIN, USEC_PER_MSEC, USEC_PER_SEC

_LOCK_FOR = or_never(duration(USEC_PER_SEC, None, "the user needs time to unlock the session"))
_HOLD_MAX = duration(0, LONGEST_HOLD_USEC, "a hold is a temporary exception: from 0, for none, to 1w")

LIMITS: Mapping[str, tuple[str, Value]] = {
    "idle": ("idle_usec", limit),
    "max": ("max_usec", limit),
    "warn": ("warn_usec", leads),
    "message": ("message", message),
    "notify": ("notify", one_of(Notify)),
    "action": ("action", one_of(Action)),
    "lock_for": ("lock_for_usec", _LOCK_FOR),
    "kill": ("kill", one_of(Kill)),
    "grace": (
        "grace_usec",
        duration(USEC_PER_SEC, 10 * USEC_PER_MIN, "programs need a moment to save their data, but no more"),
    ),
    "activity": ("activity", activity),
    "network_floor": ("network_floor_bytes", size(1, "0 bytes are not evidence")),
    "cpu_floor": ("cpu_floor_usec", duration(10 * USEC_PER_MSEC, USEC_PER_MIN, "of a minute's CPU time")),
    "share_activity": ("share_activity", one_of(Share)),
    "robots": ("robots", one_of(Robots)),
    "busy": ("busy", without_places(each(program, empty=""))),
    "busy_max": ("busy_max_usec", busy_max),
    "hold_max": ("hold_max_usec", _HOLD_MAX),
}
"""Key: the field of Limits, and the reader of its value. describe() writes the keys in this order."""

MATCH: Mapping[str, tuple[str, Value]] = {
    "user": ("user", without_places(each(glob, "remove the key to match every user"))),
    "group": ("group", without_places(each(glob, "remove the key to match every group"))),
    "origin": ("origin", without_places(each(one_of(Origin), "remove the key to match every origin"))),
    "from": ("remote", without_places(each(remote, "remove the key to match every host"))),
    "terminal": ("terminal", without_places(each(terminal, "remove the key, or write none"))),
    "service": ("service", without_places(each(glob, "remove the key to match every service"))),
    "elevated": ("elevated", boolean),
    "hours": ("hours", without_places(each(hours, "remove the key to match at all hours"))),
}
"""Key: the field of Match, and the reader of its value."""

CEILING: Mapping[str, tuple[str, Value]] = {
    "idle": ("idle_usec", limit),
    "max": ("max_usec", limit),
    "lock_for": ("lock_for_usec", _LOCK_FOR),
    "busy_max": ("busy_max_usec", or_never(busy_max)),
    "hold_max": ("hold_max_usec", or_never(_HOLD_MAX)),
    "except": ("exempt", each(name, empty="")),
}

BRAKE: Mapping[str, tuple[str, Value]] = {
    "sessions": ("sessions", sessions),
    "per": ("per_usec", duration(USEC_PER_SEC, USEC_PER_DAY, "a brake works over a time from 1s to 1d")),
}

TOP: Mapping[str, tuple[str, Value]] = {
    "environment": ("environment", name),
    "poll": (
        "poll_usec",
        duration(USEC_PER_SEC, 5 * USEC_PER_MIN, "a shorter poll wastes CPU time, a longer one dates input badly"),
    ),
    "terminal_servers": ("terminal_servers", without_places(each(name, empty=""))),
}
"""The keys with a single value or list; those of SECTIONS are merged entry by entry."""

SECTIONS = ("environments", "ceiling", "brake", "rules")
