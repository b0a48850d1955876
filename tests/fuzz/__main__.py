"""python -m tests.fuzz [TARGET ...] [--minutes N] [--replay FILE]: see the package's own words (__init__.py)."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

from . import native
from .engine import CORPUS, TARGETS, Figures, Finding, cache, replay, save, search

for _module in sorted(Path(__file__).resolve().parent.glob("targets_*.py")):
    importlib.import_module(f".{_module.stem}", __package__)


def names() -> list[str]:
    """Every target, those of C first."""
    return [*native.SOURCES, *TARGETS]


def search_for(name: str, seconds: float, seed: str) -> Figures:
    """Searches for so long, with what earlier searches have kept. Raises Finding, with its input's path."""
    kept = cache() / "kept" / name
    if name not in native.SOURCES:
        try:
            return search(TARGETS[name], seed=seed, until=time.monotonic() + seconds, kept=kept)
        except Finding as finding:
            finding.path = save(cache() / "found" / name, finding.data)
            raise
    kept.mkdir(parents=True, exist_ok=True)
    program = native.build(name, cache() / "built")
    limits = [f"-max_total_time={max(1, round(seconds))}", f"-seed={int(seed) % 2**31 or 1}"]
    return native.run(program, name, cache() / "found", *limits, str(kept), str(CORPUS / name))


def replay_file(name: str, path: Path) -> None:
    """Runs one input again. Raises Finding."""
    if name in native.SOURCES:
        native.run(native.build(name, cache() / "built"), name, cache() / "found", str(path))
    else:
        replay(TARGETS[name], path.read_bytes())


def is_clean(name: str, seconds: float, seed: str) -> bool:
    """Searches, and prints what comes of it; whether nothing was found."""
    try:
        print(row(name, search_for(name, seconds, seed)), flush=True)
    except Finding as finding:
        print(f"{name:<16}{'FOUND':>12}\n{finding}", flush=True)
        return False
    return True


def row(name: str, figures: Figures) -> str:
    """A line of the table."""
    rate = figures.runs / max(figures.seconds, 0.001)
    unit = "edges" if name in native.SOURCES else "lines"
    counts = f"{figures.runs:>12,}{rate:>12,.0f}{figures.inputs:>8}"
    return f"{name:<16}{counts}  {figures.reached} of {figures.entered} {unit}"


def main() -> int:
    """0 where nothing was found, 1 where something was."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all, if left out: {' '.join(names())}")
    parser.add_argument("--minutes", type=float, default=10, help="in all, shared by the targets (10)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the mutations (the time)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run the one target on this input")
    arguments = parser.parse_args()
    wanted = arguments.targets or names()
    unknown = set(wanted) - set(names())
    if unknown or (arguments.replay and len(wanted) != 1):
        parser.error(f"no target {', '.join(sorted(unknown))}" if unknown else "--replay needs the name of its target")
    if arguments.replay:
        try:
            replay_file(wanted[0], arguments.replay)
        except Finding as finding:
            print(finding)
            return 1
        return 0
    print(f"{len(wanted)} targets, {arguments.minutes:g} minutes, seed {arguments.seed}")
    print(f"{'target':<16}{'runs':>12}{'a second':>12}{'inputs':>8}  reached", flush=True)
    seconds = arguments.minutes * 60 / len(wanted)
    clean = [is_clean(name, seconds, str(arguments.seed)) for name in wanted]
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
