"""Parse whole numbers as programs print them. Pure."""

from __future__ import annotations

import re

_WHOLE = re.compile(r"[0-9]{1,20}")


def parse_whole(text: str) -> int | None:
    """Return a whole number of up to 20 ASCII digits (2**64 has 20); None for any other text.

    str.isdigit() accepts more than int() does: "\u00b2" raises ValueError. So do more than 4,300 digits since Python
    3.10.7. And int() accepts more than a program prints: "1_0", " 1", "-1" and the digits of other scripts.
    """
    return int(text) if _WHOLE.fullmatch(text) else None
