"""The merged policy as YAML, for people and for the daemon's saved state.  Pure.

Written by hand and not by PyYAML: the shape is fixed and small, and a daemon whose file is all comments then never
loads PyYAML (2.5 MiB of its 20).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from reaper.decide.policy.rules import Policy, document

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._@/-]*|[0-9]+(us|ms|s|min|h|d|w)( [0-9]+(us|ms|s|min|h|d|w))*")
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
"""YAML 1.1: plain, these are no text, in whatever case."""


def describe(policy: Policy) -> str:
    """The whole policy as one file, which parse() makes the same policy of again."""
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
    """A value as it stands on one line."""
    return f"[{', '.join(map(_scalar, value))}]" if isinstance(value, list) else _scalar(value)


def _scalar(value: str | int) -> str:
    """Plain where every reader of YAML takes it for the same text; else quoted as JSON does, which YAML shares."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
