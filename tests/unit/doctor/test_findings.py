"""Findings sorted by severity."""

from __future__ import annotations

from reaper.doctor.findings import error, note, warning, worst_first


def test_worst_first_keeps_the_order_within_a_severity():
    found = [note("a", ""), warning("b", "", "x"), error("c", "", "x"), warning("d", "", "x"), error("e", "", "x")]
    assert [each.id for each in worst_first(found)] == ["c", "e", "b", "d", "a"]
