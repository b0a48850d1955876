"""Write the merged policy as YAML, for people and for the daemon's saved state. Pure.

PyYAML is not used: the format is small and fixed, and a daemon whose policy file is all comments then never loads
PyYAML (2.5 MiB of its 20).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from reaper.decide.policy.rules import Policy, document

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._@/-]*|[0-9]+(us|ms|s|min|h|d|w)( [0-9]+(us|ms|s|min|h|d|w))*")
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
"""Words that YAML 1.1 does not read as text without quotes, in any case."""


def describe(policy: Policy) -> str:
    """Return the whole policy as the text of one file, of which parse() makes the same policy."""
    return "".join(f"{line}\n" for line in _lines(document(policy)))


def _lines(mapping: dict[str, Any]) -> Iterator[str]:
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield f"{_scalar(key)}:"
            yield from (f"  {line}" for line in _lines(value))
        elif value and isinstance(value, list) and isinstance(value[0], dict):
            yield f"{_scalar(key)}:"
            for item in value:
                first, *rest = _lines(item)
                yield f"  - {first}"
                yield from (f"    {line}" for line in rest)
        else:
            yield f"{_scalar(key)}: {flow(value)}"


def flow(value: str | int | list[str]) -> str:
    """Return a value as YAML on one line."""
    return f"[{', '.join(map(_scalar, value))}]" if isinstance(value, list) else _scalar(value)


def _scalar(value: str | int) -> str:
    """Return a scalar: without quotes if every YAML reader reads it as the same text, else quoted as in JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
