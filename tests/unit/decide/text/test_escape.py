"""Text that is safe to show."""

from __future__ import annotations

import pytest

from reaper.decide.text.escape import excerpt, plain


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("", ""),
        ("grüße 日本", "grüße 日本"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\r\t", "a\\nb\\r\\t"),
        ("\u202eabc", "\\u202eabc"),  # RIGHT-TO-LEFT OVERRIDE
        ("\udc80", "\\udc80"),  # a byte that is not UTF-8, as os.fsdecode() gives it
        ("\u2028\x85\x7f\0", "\\u2028\\x85\\x7f\\x00"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_what_does_not_print_is_escaped(text, escaped):
    assert plain(text) == escaped
    assert plain(text).isprintable()


def test_printable_text_stays_as_it_is():
    text = "".join(map(chr, range(32, 127)))
    assert plain(text) == text


def test_long_text_is_cut():
    assert excerpt("x" * 60) == "x" * 60
    assert excerpt("x" * 61) == "x" * 60 + "..."
    assert excerpt("abcd", most=3) == "abc..."


def test_text_is_cut_before_it_is_escaped():
    """A message cannot be made longer than four or ten times its limit."""
    assert excerpt("\x1b" * 100, most=2) == "\\x1b\\x1b..."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("alice", "alice"),
        ("Ünïcödé 名", "Ünïcödé 名"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("a\r\nb", "a\\r\\nb"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_hostile_text_is_escaped(text, shown):
    assert plain(text) == shown
