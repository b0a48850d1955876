"""Whole numbers in text."""

from __future__ import annotations

import pytest

from reaper.decide.text.number import parse_whole


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("18446744073709551615", 2**64 - 1)])
def test_whole_numbers(text, number):
    assert parse_whole(text) == number


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", " 1", "1 ", "1\n", "1_0", "1.5", "0x1", "²", "٣", "Ⅷ", "9" * 21, "9" * 5000]
)
def test_any_other_text_is_none(text):
    assert parse_whole(text) is None
