"""Amounts of data as text, both ways."""

from __future__ import annotations

import pytest

from reaper.decide.text.size import KIB, SizeError, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "octets"),
    [("0", 0), ("16", 16), ("16B", 16), ("1500 B", 1500), ("16KiB", 16 * KIB), ("2 MiB", 2 << 20), ("3GiB", 3 << 30)],
)
def test_parse(text, octets):
    assert parse_size(text) == octets


@pytest.mark.parametrize(
    "text", ["", "KiB", "-1", "1.5KiB", "1kB", "1KB", "1kib", "16  KiB", " 16", "16 ", "1_0", "٣", "9" * 16, "1TiB"]
)
def test_what_is_no_size_is_refused_with_a_remedy(text):
    with pytest.raises(SizeError, match="KiB, MiB or GiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("octets", "text"),
    [(0, "0B"), (1, "1B"), (1023, "1023B"), (1024, "1KiB"), (1500, "1500B"), (3 << 20, "3MiB"), (5 << 30, "5GiB")],
)
def test_format_gives_the_shortest_exact_spelling(octets, text):
    assert format_size(octets) == text
    assert parse_size(text) == octets
