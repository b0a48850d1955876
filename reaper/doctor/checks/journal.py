"""Checks that the journal keeps what reaper logs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reaper.decide.text.number import parse_whole
from reaper.doctor.findings import Finding, note, warning

CONFIGURATION = "/etc/systemd/journald.conf"
FEWEST_LINES = 1000
"""The least RateLimitBurst=: 100 sessions that end together log several lines each. journald's default is 10000."""


@dataclass(frozen=True)
class JournalFacts:
    """journald's settings and its catalog.

    `storage` is Storage= of journald.conf(5). `has_directory`: /var/log/journal exists. `burst` is RateLimitBurst=,
    None if it is not set. `has_catalog`: the catalog contains reaper's messages; None if that is unknown.
    """

    storage: str
    has_directory: bool
    burst: int | None = None
    has_catalog: bool | None = None


def parse_settings(text: str) -> tuple[str, int | None]:
    """Returns Storage= and RateLimitBurst= of journald.conf followed by its drop-ins: the last value wins."""
    storage, burst = "auto", None
    for line in text.split("\n"):
        name, equals, value = (part.strip() for part in line.partition("="))
        if equals and name == "Storage":
            storage = value.lower() or "auto"
        elif equals and name == "RateLimitBurst":
            burst = parse_whole(value)
    return storage, burst


def check(journal: JournalFacts) -> Iterator[Finding]:
    """Yields which journal entries get lost."""
    if journal.storage == "none":
        yield warning(
            "journal-off",
            "The journal keeps nothing (Storage=none): there is no record of what reaper does to sessions.",
            f"Storage=persistent in {CONFIGURATION}, then systemctl restart systemd-journald.service",
        )
    elif journal.storage == "volatile" or (journal.storage == "auto" and not journal.has_directory):
        yield warning(
            "journal-volatile",
            "The journal is kept in memory: the record of what reaper did to sessions is lost at the next boot.",
            f"Storage=persistent in {CONFIGURATION}, then systemctl restart systemd-journald.service",
        )
    if journal.burst is not None and 0 < journal.burst < FEWEST_LINES:
        yield warning(
            "journal-rate",
            f"journald drops all but {journal.burst} lines that a service logs within a short time (RateLimitBurst):"
            " if many sessions end together, some of them leave no record.",
            f"RateLimitBurst={FEWEST_LINES} or more in {CONFIGURATION}, then systemctl restart"
            " systemd-journald.service",
        )
    if journal.has_catalog is False:
        message = "The journal's catalog lacks reaper's messages: journalctl -x does not explain them."
        yield note("catalog-missing", message, "journalctl --update-catalog")
