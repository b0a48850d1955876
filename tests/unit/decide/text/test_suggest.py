"""The remedy for a word that is not known."""

from __future__ import annotations

from reaper.decide.text.suggest import suggestion


def test_the_nearest_word_is_suggested():
    assert suggestion("idel", ["max", "idle", "warn"]) == "did you mean idle?"


def test_without_a_near_word_all_are_named_in_order():
    assert suggestion("zzz", ["warn", "idle", "max"]) == "known: idle, max, warn"


def test_a_long_word_is_compared_by_its_beginning():
    """A megabyte of text must not take the time that comparing it would."""
    assert suggestion("idle" + "x" * 1_000_000, ["idle"]) == "known: idle"
