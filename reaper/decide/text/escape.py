"""Untrusted text made safe to show: what does not print is written as an escape. Pure."""

from __future__ import annotations


def plain(text: str) -> str:
    """`text` with everything that a terminal could obey, or an eye mistake, written as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def excerpt(text: str, most: int = 60) -> str:
    """The offending text as a message may carry it: one line, printable, not a page."""
    return plain(text[:most]) + "..." * (len(text) > most)
