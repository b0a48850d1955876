"""JSON that reaper has written, read again."""

from __future__ import annotations

import pytest

from reaper.decide.text.document import parse_document


def test_json_is_read_without_fractions():
    assert parse_document('{"a": [1, -2, "x", null, true]}') == {"a": [1, -2, "x", None, True]}


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "1.5", "2E2", "", "{"])
def test_fractions_and_infinities_are_refused(text):
    """int() of an infinity raises OverflowError, which no reader of a saved state expects."""
    with pytest.raises(ValueError):
        parse_document(text)
