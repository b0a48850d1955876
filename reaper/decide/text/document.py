"""Parse JSON that reaper itself has written: the saved state and the files of a lock. Pure."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse_document(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError, or RecursionError if it is nested too deeply.

    Fractions, NaN and Infinity are refused: reaper writes none, and int() of an infinity (1e999 is one too) raises
    OverflowError, which no reader of these files expects.
    """
    return json.loads(text, parse_float=_refuse, parse_constant=_refuse)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is not an integer")
