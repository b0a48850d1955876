"""Whole numbers as programs print them.  Pure."""

from __future__ import annotations

import re

_WHOLE = re.compile(r"[0-9]{1,20}")


def parse_whole(text: str) -> int | None:
    """Returns a whole number; None for anything else than ASCII digits, of which 2**64 has twenty.

    str.isdigit() takes more than int() does: "\u00b2" raises ValueError.  So do 4,300 digits and more, since Python
    3.10.7, and int() takes more than a program prints: "1_0", " 1", "-1" and the digits of other scripts.
    """
    return int(text) if _WHOLE.fullmatch(text) else None
