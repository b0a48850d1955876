"""Checks that the journal keeps what reaper logs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from reaper.decide.text.number import parse_whole
from reaper.doctor.findings import Finding, note, warning

CONFIGURATION = "/etc/systemd/journald.conf"
FEWEST_LINES = 1000
"""The least RateLimitBurst=: 100 sessions that end together log several lines each. journald's default is 10000."""
DEFAULT_FILES = 100
"""SystemMaxFiles= if it is not set."""


@dataclass(frozen=True)
class JournalFacts:
    """journald's settings and its catalog.

    `storage` is Storage= of journald.conf(5). `has_directory`: /var/log/journal exists. `burst` is RateLimitBurst=,
    None if it is not set. `has_catalog`: the catalog contains reaper's messages; None if that is unknown.
    `most_files` is SystemMaxFiles=, 0 for no limit; `user_files` is the number of users who have a journal file.
    """

    storage: str
    has_directory: bool
    burst: int | None = None
    has_catalog: bool | None = None
    most_files: int = DEFAULT_FILES
    user_files: int = 0


class Settings(NamedTuple):
    """Storage=, RateLimitBurst= (None if it is not set) and SystemMaxFiles= of journald.conf(5)."""

    storage: str = "auto"
    burst: int | None = None
    most_files: int = DEFAULT_FILES


def parse_settings(text: str) -> Settings:
    """Returns the settings of journald.conf followed by its drop-ins: the last value wins."""
    settings = Settings()
    for line in text.split("\n"):
        name, equals, value = (part.strip() for part in line.partition("="))
        if equals and name == "Storage":
            settings = settings._replace(storage=value.lower() or "auto")
        elif equals and name == "RateLimitBurst":
            settings = settings._replace(burst=parse_whole(value))
        elif equals and name == "SystemMaxFiles":
            most_files = parse_whole(value)
            settings = settings._replace(most_files=DEFAULT_FILES if most_files is None else most_files)
    return settings


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
    # At a rotation journald archives its own file and each user's, and then deletes all but the newest: those that it
    # writes to count, but stay.
    if journal.most_files and journal.most_files < 2 * (journal.user_files + 1):
        yield warning(
            "journal-files",
            f"{journal.user_files} users have a journal file of their own, and journald keeps {journal.most_files}"
            " files (SystemMaxFiles): each time it starts new files it deletes the older ones, and with them the record"
            " of what reaper did to sessions.",
            f"SystemMaxFiles={_enough_files(journal.user_files)} in {CONFIGURATION}, then systemctl restart"
            " systemd-journald.service",
        )
    if journal.has_catalog is False:
        message = "The journal's catalog lacks reaper's messages: journalctl -x does not explain them."
        yield note("catalog-missing", message, "journalctl --update-catalog")


def _enough_files(user_files: int) -> int:
    """Returns a value of SystemMaxFiles= that keeps the files of about ten rotations, in whole thousands."""
    return -(-12 * (user_files + 1) // 1000) * 1000
