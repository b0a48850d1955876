"""Checks that the time of day is set and synchronized. Pure. Only rules with `hours` depend on the time of day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reaper.decide.policy.rules import Policy
from reaper.doctor.findings import Finding, error, note, warning


@dataclass(frozen=True)
class Clock:
    """The clock's state.

    `is_set`: it shows a time after reaper was built. `is_synchronized` is None if that is unknown.
    """

    is_set: bool
    is_synchronized: bool | None = None


REMEDY = "timedatectl set-ntp true; without a time server: timedatectl set-ntp false, then set-time 'YYYY-MM-DD HH:MM'"


def check(clock: Clock, policy: Policy | None) -> Iterator[Finding]:
    """Yields what a wrong clock affects."""
    rules = [rule.name for rule in policy.rules if rule.match.hours] if policy else []
    if not clock.is_set and rules:
        yield error(
            "clock-not-set",
            f"The time of day is not set: rules with hours ({', '.join(rules)}) apply at the wrong times.",
            REMEDY,
        )
    elif not clock.is_set:
        message = "The time of day is not set: the journal records what reaper does with wrong times."
        yield warning("clock-not-set", message, REMEDY)
    elif clock.is_synchronized is False:
        message = "The clock of this host is not synchronized: times in the journal may differ from other hosts' times."
        yield note("clock-alone", message)
