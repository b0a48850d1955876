"""What the daemon records of a process that it cannot read, and what the next daemon does with it."""

from __future__ import annotations

import pytest

from reaper.daemon.distrusting import Distrusting
from reaper.decide.session import stuck
from reaper.decide.session.stuck import Stuck


class FakeStuckHost:
    """A host with a process that cannot be read."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.distrusted: tuple[Stuck, ...] = ()
        self.found: Stuck | None = Stuck(5, 1000, False, 7)
        self.over: Stuck | None = None

    def read_state(self, path: str) -> str:
        assert path == "/run/reaper/stuck"
        return self.text

    def distrust(self, known) -> None:
        self.distrusted = tuple(known)

    def blame(self, path: str) -> Stuck | None:
        return self.found

    def probe(self, now_usec: int) -> Stuck | None:
        return self.over


class Bench:
    def __init__(self, text: str = "") -> None:
        self.host = FakeStuckHost(text)
        self.written: list[str] = []
        self.notes: list[str] = []
        self.ends = 0
        self.trouble: OSError | None = None
        self.distrusting = Distrusting(self.host, self, self.write, self.end)  # type: ignore[arg-type]

    def write(self, text: str) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.written.append(text)

    def note(self, _priority, message: str) -> None:
        self.notes.append(message)

    def end(self) -> None:
        self.ends += 1


def test_next_daemon_distrusts_what_was_written():
    first = Bench()
    first.distrusting.give_up("/proc/5/stat")
    assert first.ends == 1
    second = Bench(first.written[0])
    second.distrusting.restore()
    assert second.host.distrusted == (Stuck(5, 1000, False, 7),)
    assert "process 5 of uid 1000 cannot be read" in second.notes[0]


def test_process_that_is_gone_ends_no_daemon():
    bench = Bench()
    bench.host.found = None
    bench.distrusting.give_up("/proc/5/stat")
    assert not bench.ends
    assert not bench.written


def test_daemon_that_cannot_write_the_record_still_ends():
    bench = Bench()
    bench.trouble = OSError(28, "no space left")
    with pytest.raises(OSError):
        bench.distrusting.give_up("/proc/5/stat")
    assert bench.ends == 1


def test_process_that_can_be_read_again_is_trusted_and_recorded():
    bench = Bench(stuck.encode([Stuck(5, 1000, False, 7)]))
    bench.distrusting.restore()
    bench.distrusting.look(8)
    assert len(bench.notes) == 1
    bench.host.over = bench.host.distrusted[0]
    bench.distrusting.look(9)
    over = (Stuck(5, 1000, False, 7, is_over=True),)
    assert bench.host.distrusted == over == stuck.decode(bench.written[0])
    assert "uid 1000 can be read again" in bench.notes[1]


def test_next_daemon_does_not_report_what_is_over():
    bench = Bench(stuck.encode([Stuck(5, 1000, False, 7, is_over=True)]))
    bench.distrusting.restore()
    assert not bench.notes
