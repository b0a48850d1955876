"""Runs Python targets on a corpus and on mutations of it, and keeps inputs that reach new lines of the package."""

from __future__ import annotations

import dis
import hashlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Callable

from .mutator import Mutator

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).resolve().parent / "corpus"
MOST_SECONDS = 2.0  # of CPU time, so that a busy machine does not matter; a parser takes milliseconds
MOST_BYTES = 512 * 1024 * 1024  # more than the interpreter has before the run
_REDUCING_SECONDS = 5.0
_LOOK_EVERY = 64  # runs between two looks at the clock

Run = Callable[[bytes], object]


@dataclass(frozen=True)
class Target:
    """A function of bytes, and the longest input that it takes. `written` are inputs that the package itself writes."""

    name: str
    run: Run
    longest: int
    written: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Figures:
    """The figures of a search; `reached` lines (edges in C) of the `entered` lines of all called functions."""

    runs: int
    seconds: float
    inputs: int
    reached: int
    entered: int


@dataclass(eq=False)
class Finding(Exception):
    """An input for which a target raised an exception; faults of the same `kind` count as one."""

    target: str
    data: bytes
    text: str
    kind: tuple[str, str] = ("", "")
    path: Path | None = None

    def __str__(self) -> str:
        again = f"\nto run it again: python -m tests.fuzz {self.target} --replay {self.path}" if self.path else ""
        shown = repr(self.data[:400]) + ("..." if len(self.data) > 400 else "")
        return f"{self.target}: {self.text}\n{len(self.data)} bytes: {shown}{again}"


class TooSlow(BaseException):
    """An input took too long. It is no Exception, so that the package does not catch it."""


TARGETS: dict[str, Target] = {}


def target(*, longest: int = 65536, written: Sequence[bytes] = ()) -> Callable[[Run], Run]:
    """Registers a function of bytes under its own name, with hyphens."""

    def register(run: Run) -> Run:
        name = getattr(run, "__name__", "").replace("_", "-")
        assert name not in TARGETS, name
        TARGETS[name] = Target(name, run, longest, tuple(written))
        return run

    return register


@contextmanager
def refusing(kind: type[Exception], law: Callable[[Any], object] = lambda _error: True) -> Iterator[None]:
    """Allows a target to refuse an input with this exception, if `law` holds for it."""
    try:
        yield
    except kind as error:
        if not law(error):
            raise


class Coverage:
    """Records which lines of the package have run. A function whose lines have all run is no longer traced."""

    def __init__(self, below: str = str(ROOT / "reaper")) -> None:
        self._below = below
        self._missing: dict[CodeType, set[int]] = {}
        self.entered = 0
        self.has_news = False

    @property
    def reached(self) -> int:
        """How many lines have run."""
        return self.entered - sum(map(len, self._missing.values()))

    def trace(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        """The trace function for sys.settrace(), called at each call of a function."""
        missing = self._missing.get(frame.f_code)
        if missing is None:
            missing = self._missing[frame.f_code] = self._lines(frame.f_code)
            self.entered += len(missing)
        return self._line if missing else None

    def _lines(self, code: CodeType) -> set[int]:
        is_ours = code.co_filename.startswith(self._below)
        return {line for _, line in dis.findlinestarts(code) if line} if is_ours else set()

    def _line(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        missing = self._missing[frame.f_code]
        if frame.f_lineno in missing:
            missing.discard(frame.f_lineno)
            self.has_news = True
        return self._line if missing else None


@contextmanager
def limits() -> Iterator[None]:
    """Makes an input that runs too long raise TooSlow (see attempt()), and one that needs too much MemoryError."""

    def expire(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow(f"more than {MOST_SECONDS:g} s of CPU time")

    with open("/proc/self/statm", encoding="ascii") as stream:
        size = int(stream.read().split()[0]) * resource.getpagesize()
    before, handler = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGPROF, expire)
    resource.setrlimit(resource.RLIMIT_AS, (size + MOST_BYTES, before[1]))
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def attempt(run: Run, data: bytes, coverage: Coverage | None = None) -> BaseException | None:
    """Runs one input, and returns what it raised. An input that is too slow only under tracing runs again without."""
    before = sys.gettrace()
    try:
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
        try:
            if coverage is not None:
                sys.settrace(coverage.trace)
            run(data)
        finally:
            sys.settrace(before)
            signal.setitimer(signal.ITIMER_PROF, 0)
    except TooSlow as error:
        return error if coverage is None else attempt(run, data)
    except Exception as error:
        return error
    return None


def search(
    wanted: Target, *, seed: str, runs: int | None = None, until: float | None = None, kept: Path | None = None
) -> Figures:
    """Runs the corpus and then mutations of it, for `runs` runs in all or until time.monotonic() is `until`.

    Inputs that reach new lines are saved in the directory `kept`, with which the next search also begins. Raises
    Finding.
    """
    corpus = [b"", *seeds(wanted, *([kept] if kept else []))]
    pending, coverage = list(reversed(corpus)), Coverage()
    mutator = Mutator(f"{seed} {wanted.name}", corpus, wanted.longest)
    began, done = time.monotonic(), 0

    def is_over() -> bool:
        if until is not None and done % _LOOK_EVERY == 0 and time.monotonic() >= until:
            return True
        return runs is not None and done >= runs

    with limits():
        while pending or not is_over():
            is_new = not pending
            data = mutator.mutate(corpus) if is_new else pending.pop()
            coverage.has_news = False
            error = attempt(wanted.run, data, coverage)
            if error is not None:
                raise reduced(wanted, data, error)
            if coverage.has_news and is_new:
                corpus.append(data)
                if kept:
                    save(kept, data)
            done += 1
    return Figures(done, time.monotonic() - began, len(corpus), coverage.reached, coverage.entered)


def seeds(wanted: Target, *others: Path) -> list[bytes]:
    """Returns the inputs of a target's corpus in the order of their names, and those of other directories."""
    places = [place for place in (CORPUS / wanted.name, *others) if place.is_dir()]
    found = [path.read_bytes() for place in places for path in sorted(place.iterdir())]
    return list(dict.fromkeys([*wanted.written, *found]))


def replay(wanted: Target, data: bytes) -> None:
    """Runs one input. Raises Finding."""
    with limits():
        error = attempt(wanted.run, data)
    if error is not None:
        raise found(wanted, data, error)


def found(wanted: Target, data: bytes, error: BaseException) -> Finding:
    """Returns a failure as a Finding with its traceback."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__)[-12:])
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames and not isinstance(error, TooSlow) else ""
    return Finding(wanted.name, data, text, (type(error).__name__, place))


def reduced(wanted: Target, data: bytes, error: BaseException) -> Finding:
    """Returns the same fault with its input made as short as possible in a few seconds."""
    best, end, size = found(wanted, data, error), time.monotonic() + _REDUCING_SECONDS, max(1, len(data) // 2)
    while size:
        at = 0
        while at < len(best.data) and time.monotonic() < end:
            shorter = best.data[:at] + best.data[at + size :]
            again = attempt(wanted.run, shorter)
            other = None if again is None else found(wanted, shorter, again)
            if other is not None and other.kind == best.kind:
                best = other
            else:
                at += size
        size //= 2
    return best


def save(directory: Path, data: bytes) -> Path:
    """Writes an input to a file named by its hash; returns the path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path


def cache() -> Path:
    """Returns the directory of inputs that are not committed."""
    return Path(os.environ.get("REAPER_TEST_CACHE", "/var/cache/reaper-tests")) / "fuzz"
