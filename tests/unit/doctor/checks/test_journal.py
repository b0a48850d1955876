"""Findings about the journal, and journald.conf parsed."""

from __future__ import annotations

import pytest

from reaper.doctor.checks import journal
from reaper.doctor.checks.journal import JournalFacts
from tests.unit.doctor.facts import ids


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (JournalFacts("auto", True), []),
        (JournalFacts("persistent", False), []),
        (JournalFacts("auto", False), [("warning", "journal-volatile")]),
        (JournalFacts("volatile", True), [("warning", "journal-volatile")]),
        (JournalFacts("none", True), [("warning", "journal-off")]),
        (JournalFacts("auto", True, burst=20), [("warning", "journal-rate")]),
        (JournalFacts("auto", True, burst=0), []),  # no limit
        (JournalFacts("auto", True, has_catalog=False), [("note", "catalog-missing")]),
        (JournalFacts("auto", True, user_files=49), []),  # the files in use and one archived of each
        (JournalFacts("auto", True, user_files=50), [("warning", "journal-files")]),
        (JournalFacts("auto", True, most_files=1000, user_files=50), []),
        (JournalFacts("auto", True, most_files=0, user_files=5000), []),  # no limit
    ],
)
def test_journal_findings(read: JournalFacts, expected: list[tuple[str, str]]) -> None:
    assert ids(journal.check(read)) == expected


def test_journald_conf_is_parsed() -> None:
    text = (
        "# /etc/a\n[Journal]\n#Storage=none\nStorage=Volatile\nRateLimitBurst=5\n# b\n[Journal]\nRateLimitBurst = 10\n"
    )
    assert journal.parse_settings(text) == ("volatile", 10, 100)
    assert journal.parse_settings("SystemMaxFiles=1000") == ("auto", None, 1000)
    assert journal.parse_settings("") == ("auto", None, 100)


@pytest.mark.parametrize(("users", "files"), [(50, 1000), (99, 2000), (1000, 13000)])
def test_remedy_is_enough(users: int, files: int) -> None:
    (finding,) = journal.check(JournalFacts("auto", True, user_files=users))
    assert f"SystemMaxFiles={files} in" in finding.remedy
    assert list(journal.check(JournalFacts("auto", True, most_files=files, user_files=users))) == []


@pytest.mark.parametrize("number", ["²", "٣", "9" * 5000, "-1", ""])
def test_number_that_is_not_one_is_ignored(number: str) -> None:
    assert journal.parse_settings(f"RateLimitBurst={number}\nSystemMaxFiles={number}") == ("auto", None, 100)
