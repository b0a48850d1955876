"""The scenarios, by theme; importing this package adds them all to scenario.ALL."""

from __future__ import annotations

from . import away, beyond, clients, console, forged, inner, lines, several, transfers, tunnels, typing

__all__ = [
    "away",
    "beyond",
    "clients",
    "console",
    "forged",
    "inner",
    "lines",
    "several",
    "transfers",
    "tunnels",
    "typing",
]
