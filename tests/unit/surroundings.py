"""What changes around the logins of FakeHost: who becomes root, local time, and the daemon's own work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from reaper.decide.session.model import NS_PER_SEC, ProcessId, Session, SessionKey
from reaper.decide.text.hours import LocalMoment, LocalTime
from reaper.sense.elevations import BRIEF_USEC, Elevated
from tests.unit.simulated import Clock


@dataclass
class FakeSudo:
    """One su or sudo within a session."""

    process: ProcessId
    session: SessionKey
    began_usec: int
    is_alive: bool = True


def utc(wall_ns: int) -> LocalMoment:
    """Returns a moment in UTC, as local time."""
    at = datetime.fromtimestamp(wall_ns // NS_PER_SEC, timezone.utc)
    return LocalMoment((at.year, at.month, at.day), LocalTime(at.weekday(), at.hour * 60 + at.minute))


class FakeSurroundings:
    """The part of FakeHost that answers for elevation, local time, the daemon's own work and the kernel's features."""

    def __init__(self) -> None:
        self.time = Clock()
        self.worked = 0
        self.kills_at_once = True  # cgroup.kill
        self.local = LocalTime(0, 0)
        self.asked_time = 0
        self.marks: list[FakeSudo] = []

    # What a test does to the host.

    def work(self, usec: int) -> None:
        """Has the daemon work for a while."""
        self.worked += usec
        self.time.boot_usec += usec

    def become_root(self, session: Session, now_usec: int) -> FakeSudo:
        """Has the user run sudo."""
        self.marks.append(FakeSudo(ProcessId(9000 + len(self.marks), 9), session.key, now_usec))
        return self.marks[-1]

    def leave_root(self, sudo: FakeSudo) -> None:
        """Has the user exit from root's shell; sudo closes its PAM session."""
        self.marks.remove(sudo)

    # What the daemon asks of the host.

    def worked_usec(self) -> int:
        return self.worked

    def is_killed_at_once(self, session: Session) -> bool:
        return self.kills_at_once and bool(session.scope)

    def local_time(self) -> LocalTime:
        self.asked_time += 1
        return self.local

    def local_moment(self, wall_ns: int) -> LocalMoment:
        return utc(wall_ns)

    def elevated(self, sessions: Iterable[Session], now_usec: int, *, has_new_sessions: bool) -> Elevated:
        dead = [mark.process for mark in self.marks if not mark.is_alive]
        self.marks = [mark for mark in self.marks if mark.is_alive]
        settled = {mark.session for mark in self.marks if now_usec >= mark.began_usec + BRIEF_USEC}
        return Elevated(frozenset(settled & {session.key for session in sessions}), dead, [])
