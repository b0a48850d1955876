"""A login of FakeHost's, with its terminals and processes."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

from reaper.decide.session.model import ActivitySample, ConnectionSample, ProcessId, Session, Usage
from tests.unit.simulated import FakeTty

HUP, CONT, TERM, KILL = signal.SIGHUP, signal.SIGCONT, signal.SIGTERM, signal.SIGKILL
ANY_END = frozenset([HUP, TERM, KILL])
SMALL = Usage(1, 4096, 1000)


@dataclass
class FakeProcess:
    """A process. Of the signals that reach it, those in `ends_on` end it."""

    id: ProcessId
    usage: Usage = SMALL
    tty: str = ""
    in_front: bool = True
    program: str = ""  # the path of its file, if that is root's
    ends_on: frozenset[signal.Signals] = ANY_END
    is_alive: bool = True
    is_stray: bool = False  # in another scope than its session's
    pages_apart: bool = False  # it reads through /dev/tty
    signals: list[signal.Signals] = field(default_factory=list)

    def finish(self) -> None:
        """Exits, its work done."""
        self.is_alive = False

    def take(self, number: signal.Signals) -> None:
        self.signals.append(number)
        if number in self.ends_on:
            self.is_alive = False


@dataclass
class FakeLogin:
    """A login: the leader, its terminals, and the processes of its scope."""

    session: Session
    leader: FakeProcess
    ttys: dict[str, FakeTty] = field(default_factory=dict)
    processes: list[FakeProcess] = field(default_factory=list)
    has_record: bool = True
    is_shared: bool = False  # another login's connection runs in its scope
    line: ConnectionSample | None = None  # what carries its terminals
    typed: int | None = None  # how many bytes, where they are counted
    heard_usec: int = 0  # when the client sent something last
    is_moving: bool = False  # bytes cross its connection all the time
    idle_usec: int | None = None  # by its desktop's word
    work: ActivitySample = field(default_factory=lambda: ActivitySample(0, 501, 4711, 1000, 1000, 1000))
    survivors: list[FakeProcess] = field(default_factory=list)  # what is left of its connection without the leader
    effort_usec: int = 0  # what it takes the daemon to list its processes

    def send(self, size: int = 1) -> None:
        """Has the client send keys, which are counted."""
        assert self.typed is not None
        self.typed += size
        self.heard_usec = next(iter(self.ttys.values())).clock.boot_usec

    @property
    def everything(self) -> list[FakeProcess]:
        return [each for each in (self.leader, *self.survivors, *self.processes) if each.is_alive]
