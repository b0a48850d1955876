"""Make untrusted text safe to display: characters that do not print become escapes. Pure."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return the text with each character that does not print, such as a terminal's control codes, as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def excerpt(text: str, most: int = 60) -> str:
    """Return the beginning of an offending text for an error message: printable, on one line, cut after `most`."""
    return plain(text[:most]) + "..." * (len(text) > most)
