"""Parse and format amounts of data: "16KiB", "2MiB", or a number of bytes. Pure."""

from __future__ import annotations

import re

KIB = 1024
_UNITS = {"": 1, "B": 1, "KiB": KIB, "MiB": KIB**2, "GiB": KIB**3}
_WRITTEN = re.compile(r"([0-9]{1,15})(?: ?([A-Za-z]{1,3}))?", re.ASCII)


class SizeError(ValueError):
    """A text is not a size; the message is the remedy."""


def parse_size(text: str) -> int:
    """Return a size in bytes. Raises SizeError."""
    match = _WRITTEN.fullmatch(text)
    if not match or (match[2] or "") not in _UNITS:
        raise SizeError("write a whole number with B, KiB, MiB or GiB, as 16KiB")
    return int(match[1]) * _UNITS[match[2] or ""]


def format_size(octets: int) -> str:
    """Return the shortest exact spelling of a size, which parse_size() reads: "16KiB", "1500B"."""
    for unit, factor in reversed(list(_UNITS.items())):
        if unit and octets and octets % factor == 0:
            return f"{octets // factor}{unit}"
    return f"{octets}B"
