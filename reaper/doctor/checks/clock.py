"""Whether the time of day can be trusted. Pure: what was read goes in. No limit but `hours` depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reaper.decide.policy.rules import Policy
from reaper.doctor.findings import Finding, error, note, warning


@dataclass(frozen=True)
class Clock:
    """`is_set`: it shows a time after reaper was made. `is_synchronized` is None where nothing tells."""

    is_set: bool
    is_synchronized: bool | None = None


def check(clock: Clock, policy: Policy | None) -> Iterator[Finding]:
    """What a wrong clock does."""
    rules = [rule.name for rule in policy.rules if rule.match.hours] if policy else []
    if not clock.is_set and rules:
        yield error(
            "clock-not-set",
            f"The time of day is not set: {', '.join(rules)} (hours) applies at the wrong times.",
            "timedatectl set-time",
        )
    elif not clock.is_set:
        message = "The time of day is not set: the record of what was done to sessions has wrong times."
        yield warning("clock-not-set", message, "timedatectl set-time")
    elif clock.is_synchronized is False:
        yield note("clock-alone", "Nothing sets the clock by that of others: records have this host's own time.")
