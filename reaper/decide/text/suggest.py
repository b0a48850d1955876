"""Suggest the known word that a user may have meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def suggestion(written: str, words: Iterable[str]) -> str:
    """Return the hint for a word that is not known: the most similar known word, or else all known words."""
    import difflib  # here, so that it is loaded only after a mistake

    known = sorted(words)
    near = difflib.get_close_matches(written[:64], known, 1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
