"""What a user may have meant who wrote a word that is not known. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def suggestion(written: str, words: Iterable[str]) -> str:
    """The remedy for a word that is not known."""
    import difflib  # only for who made a mistake

    known = sorted(words)
    near = difflib.get_close_matches(written[:64], known, 1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
