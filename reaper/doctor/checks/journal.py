"""Whether the journal keeps what reaper writes into it. Pure: journald's settings go in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reaper.decide.text.number import parse_whole
from reaper.doctor.findings import Finding, note, warning

CONFIGURATION = "/etc/systemd/journald.conf"
FEWEST_LINES = 1000
"""Of a burst: a hundred sessions that end together write several lines each; journald's own value is 10000."""


@dataclass(frozen=True)
class JournalFacts:
    """journald's settings. `storage` as journald.conf(5) has it; `has_directory`: /var/log/journal is there.

    `burst` is RateLimitBurst=, None where nobody set it. `has_catalog` is None where that could not be told.
    """

    storage: str
    has_directory: bool
    burst: int | None = None
    has_catalog: bool | None = None


def parse_settings(text: str) -> tuple[str, int | None]:
    """Storage= and RateLimitBurst= in journald.conf with its drop-ins one after the other: the last value wins."""
    storage, burst = "auto", None
    for line in text.split("\n"):
        name, equals, value = (part.strip() for part in line.partition("="))
        if equals and name == "Storage":
            storage = value.lower() or "auto"
        elif equals and name == "RateLimitBurst":
            burst = parse_whole(value)
    return storage, burst


def check(journal: JournalFacts) -> Iterator[Finding]:
    """What of the record is lost."""
    if journal.storage == "none":
        yield warning(
            "journal-off",
            "The journal keeps nothing (Storage=none): there is no record of what was done to sessions.",
            f"Storage=persistent in {CONFIGURATION}, then systemctl restart systemd-journald.service",
        )
    elif journal.storage == "volatile" or (journal.storage == "auto" and not journal.has_directory):
        yield warning(
            "journal-volatile",
            "The journal is kept in memory: the record of what was done to sessions is lost at the next boot.",
            f"Storage=persistent in {CONFIGURATION}, then systemctl restart systemd-journald.service",
        )
    if journal.burst is not None and 0 < journal.burst < FEWEST_LINES:
        yield warning(
            "journal-rate",
            f"journald drops what a service writes beyond {journal.burst} lines in a short time (RateLimitBurst):"
            " of many sessions that end together, some leave no record.",
            f"RateLimitBurst={FEWEST_LINES} or more in {CONFIGURATION}",
        )
    if journal.has_catalog is False:
        message = "The journal's catalog does not have reaper's messages: journalctl -x explains none."
        yield note("catalog-missing", message, "journalctl --update-catalog")
