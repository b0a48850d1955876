"""Keeps the results as JSON beside the page, so that a single column can be played again."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from .play import Cell

PATH = os.path.join(os.path.dirname(__file__), "results.json")


@dataclass
class Column:
    """One enforcer on one suite."""

    version: str
    date: str
    kernel: str
    cells: dict[str, Cell] = field(default_factory=dict)


Results = dict[str, dict[str, Column]]  # by suite, then by enforcer


def load() -> Results:
    """Returns the results that were written last; empty if there are none."""
    if not os.path.exists(PATH):
        return {}
    with open(PATH, encoding="utf-8") as stream:
        raw = json.load(stream)
    return {
        suite: {
            enforcer: Column(
                column["version"],
                column["date"],
                column["kernel"],
                {name: Cell(**cell) for name, cell in column["cells"].items()},
            )
            for enforcer, column in columns.items()
        }
        for suite, columns in raw.items()
    }


def merge(into: Results, suite: str, enforcer: str, version: str, cells: Mapping[str, Cell]) -> None:
    """Replaces the cells of a column that were played again."""
    column = Column(version, time.strftime("%Y-%m-%d"), platform.release().partition("-")[0])
    old = into.setdefault(suite, {}).get(enforcer)
    column.cells = {**(old.cells if old else {}), **cells}
    into[suite][enforcer] = column


def save(results: Results) -> None:
    """Writes all results, sorted, so that differences between versions stay small."""
    raw = {
        suite: {
            enforcer: {**asdict(column), "cells": {name: asdict(cell) for name, cell in sorted(column.cells.items())}}
            for enforcer, column in sorted(columns.items())
        }
        for suite, columns in sorted(results.items())
    }
    with open(PATH, "w", encoding="utf-8") as stream:
        json.dump(raw, stream, indent=1)
        stream.write("\n")
