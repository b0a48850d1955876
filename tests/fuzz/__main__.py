"""python -m tests.fuzz [TARGET ...] [--minutes N] [--replay FILE]: see the package's docstring (__init__.py)."""

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
    """Returns the names of all targets, those in C first."""
    return [*native.SOURCES, *TARGETS]


def search_for(name: str, seconds: float, seed: str) -> Figures:
    """Searches for `seconds`, starting with what earlier searches kept. Raises Finding with the path of its input."""
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
    """Searches, and prints the result; returns whether nothing was found."""
    try:
        print(row(name, search_for(name, seconds, seed)), flush=True)
    except Finding as finding:
        print(f"{name:<16}{'FOUND':>12}\n{finding}", flush=True)
        return False
    return True


def row(name: str, figures: Figures) -> str:
    """Returns a row of the table."""
    rate = figures.runs / max(figures.seconds, 0.001)
    unit = "edges" if name in native.SOURCES else "lines"
    counts = f"{figures.runs:>12,}{rate:>12,.0f}{figures.inputs:>8}"
    return f"{name:<16}{counts}  {figures.reached} of {figures.entered} {unit}"


def main() -> int:
    """Runs the targets. Returns the exit status: 0 if nothing was found, 1 if something was."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all ({' '.join(names())})")
    parser.add_argument("--minutes", type=float, default=10, help="in all, shared by the targets (10)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="seed of the mutations (the time)")
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
