"""`make scoreboard`: plays the scenarios under each enforcer on each suite, and shows which of them were right."""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import time
from collections.abc import Sequence

from tests.host.lab import DEFAULT_SUITES, LabError, require_tools
from tests.host.lab.tools import TOOLS
from tests.host.lab.trees import only_one

from . import scenarios as _scenarios  # noqa: F401 - importing them enters them in ALL
from .enforcers import ENFORCERS, REAL
from .page import judged, page, summary, words
from .play import Cell, play_pass
from .results import PATH, Results, load, merge, save
from .scenario import ALL, ENDED, KEPT, Scenario

CLIENTS = {"rsync": "rsync", "mosh": "mosh"}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench.scoreboard", description=__doc__)
    parser.add_argument("--suite", action="append", help="suite of a host (default: bookworm and trixie)")
    parser.add_argument("--enforcer", action="append", choices=list(ENFORCERS), help="default: all but `nobody`")
    parser.add_argument("--only", metavar="GLOB", action="append", help="play only scenarios whose names match")
    parser.add_argument("--write", action="store_true", help="write the results to results.json and RESULTS.md")
    parser.add_argument("--page", action="store_true", help="make RESULTS.md from results.json, and play nothing")
    parser.add_argument("--list", action="store_true", help="list the scenarios, and play nothing")
    return parser.parse_args()


def main() -> int:
    options = parse()
    chosen = [each for each in ALL.values() if any(fnmatch.fnmatch(each.name, glob) for glob in options.only or ["*"])]
    if options.list or not chosen:
        for each in chosen:
            print(f"{each.expect:<6} {each.name:<20} {each.title}")
        print(*(f"{sum(each.expect == kind for each in chosen)} {kind}" for kind in (KEPT, ENDED)), sep=", ")
        return 0 if chosen else 2
    if options.page:
        write_page(load())
        return 0
    require_tools({**TOOLS, **CLIENTS})
    results: Results = {}
    for suite in options.suite or DEFAULT_SUITES:
        for enforcer in options.enforcer or REAL:
            one_pass(results, suite, enforcer, chosen, write=options.write)
    print("\n" + summary(results))
    columns = [columns["reaper"] for columns in results.values() if "reaper" in columns]
    return 1 if any(cell.right is False for column in columns for cell in column.cells.values()) else 0


def one_pass(results: Results, suite: str, enforcer: str, chosen: Sequence[Scenario], *, write: bool) -> None:
    began = time.monotonic()
    say(f"== {suite}, {enforcer}: {len(chosen)} scenarios")

    def report(scenario: Scenario, cell: Cell) -> None:
        mark = ("right" if cell.right else "WRONG") if judged(scenario, enforcer) else "     "
        at = f"{time.monotonic() - began:5.0f} s  {enforcer:<8}"
        say(f"{at} {scenario.expect:<6} {scenario.name:<20} {mark}  {words(cell, judge=False)}  {cell.error}")

    version, cells = play_pass(suite, ENFORCERS[enforcer], chosen, report)
    merge(results, suite, enforcer, version, cells)
    if write:
        with only_one("scoreboard"):
            known = load()
            merge(known, suite, enforcer, version, cells)
            save(known)
            write_page(known)


def write_page(results: Results) -> None:
    with open(os.path.join(os.path.dirname(PATH), "RESULTS.md"), "w", encoding="utf-8") as stream:
        stream.write(page(results))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"scoreboard: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
