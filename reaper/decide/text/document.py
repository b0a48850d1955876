"""JSON that reaper itself has written: the saved state, and the files of a lock.  Pure."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse_document(text: str) -> Any:
    """Returns what a text says in JSON.  Raises ValueError, or RecursionError where it is nested too deeply.

    Refuses fractions, NaN and Infinity: reaper writes none, and int() of an infinity (also of 1e999) is an
    OverflowError, which no reader of these files expects.
    """
    return json.loads(text, parse_float=_refuse, parse_constant=_refuse)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is not an integer")
