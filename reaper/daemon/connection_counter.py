"""Counts the traffic of sessions' connections, and compares each sample with the one before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.match import Origin
from reaper.decide.session import ssh_traffic
from reaper.decide.session.model import ConnectionSample, Instant, SessionKey, TerminalSample
from reaper.decide.session.state import Phase
from reaper.decide.session.tracked_session import TrackedSession
from reaper.errors import ReaperError
from reaper.sense.host import Host


class ConnectionSamples(NamedTuple):
    """The last sample of a connection that could be kept, and the one taken just now; None for none."""

    before: ConnectionSample | None
    after: ConnectionSample | None


NO_SAMPLES = ConnectionSamples(None, None)


class ConnectionCounter:
    """Keeps the last sample of each session's connection.

    `written` is how many bytes the daemon itself has written to each session's terminals; they do not count.
    """

    def __init__(self, host: Host, written: dict[SessionKey, int]) -> None:
        self._host, self._written = host, written
        self.samples: dict[SessionKey, ConnectionSample] = {}
        self._counted_usec: dict[SessionKey, int] = {}  # when they were taken, even if nothing could be counted
        self._problems: dict[str, ReaperError | None] = {}  # why connections cannot be counted; None once reported

    def forget(self, key: SessionKey) -> None:
        """Forgets a session that is gone."""
        self.samples.pop(key, None)
        self._counted_usec.pop(key, None)

    def is_due(self, tracked: TrackedSession, now: Instant) -> bool:
        """Whether the connection must be counted: it was not since the last evidence, which covers all before it."""
        if tracked.session.origin is not Origin.SSH or not tracked.readings or tracked.limits is None:
            return False
        since_usec, counted_usec = tracked.life.evidence_usec, self._counted_usec.get(tracked.session.key, -1)
        return tracked.life.evidence is not EvidenceKind.SHARED and counted_usec <= since_usec < now.boot_usec

    def count(self, tracked: TrackedSession, readings: Iterable[TerminalSample], now: Instant) -> ConnectionSamples:
        """Samples the connection; returns the last sample that was kept, and the new one.

        A new sample is kept once no byte is on its way (`is_settled`); until then later ones are compared with the old.
        If there is no new sample at all, the old one is forgotten.
        """
        key = tracked.session.key
        before, after = self.samples.get(key), self._host.read_line(tracked.session, [each.name for each in readings])
        if after is not None:
            own = self._written.get(key, 0)
            after = after._replace(traffic=after.traffic._replace(printed=after.traffic.printed - own))
        if after is None:
            self.samples.pop(key, None)
        elif after.traffic.is_settled:
            self.samples[key] = after
        if after is None or after.traffic.is_settled:
            self._counted_usec[key] = now.boot_usec
        if after is not None and after.traffic.hindrance:
            self._problems.setdefault(after.traffic.hindrance, _uncounted(tracked, after.traffic.hindrance))
        return ConnectionSamples(before, after)

    def problems(self) -> list[ReaperError]:
        """Returns why connections cannot be counted; each reason once."""
        found = [problem for problem in self._problems.values() if problem is not None]
        self._problems = dict.fromkeys(self._problems)
        return found


def weigh(tracked: TrackedSession, samples: ConnectionSamples, now: Instant) -> tuple[int, EvidenceKind, bool]:
    """Returns the latest evidence of the connection (0 for none), its kind, and whether all keys were counted."""
    (before, after), life = samples, tracked.life
    if after is None or tracked.limits is None:
        return 0, EvidenceKind.INPUT, False
    traffic = after.traffic
    is_counted = bool(traffic.socket)
    is_older = before is not None and before.boot_usec < life.evidence_usec and life.evidence is not EvidenceKind.SHARED
    is_first = before is None or (is_counted and is_older)
    if is_first and is_counted and traffic.is_settled:
        # Counting begins here. What came since the last evidence came within the last poll, and may be a key.
        is_later = life.evidence_usec < traffic.heard_usec
        return (traffic.heard_usec if is_later else 0), EvidenceKind.INPUT, True
    limits = tracked.limits
    counts_network = not limits.activity or EvidenceKind.NETWORK in limits.activity
    floor = limits.network_floor_bytes if counts_network else None
    is_last = life.phase is Phase.WARNED or (tracked.due_usec or now.boot_usec + 1) <= now.boot_usec
    since = after if is_first or before is None else before
    crossed = ssh_traffic.weigh_line(since, after, floor, is_last=is_last)
    if crossed is EvidenceKind.INPUT:
        kind = crossed if is_counted else EvidenceKind.TRAFFIC
        return (traffic.heard_usec if traffic.is_settled else now.boot_usec), kind, is_counted
    return (now.boot_usec if crossed else 0), crossed or EvidenceKind.NETWORK, is_counted


def _uncounted(tracked: TrackedSession, why: str) -> ReaperError:
    return ReaperError(
        "connections-uncounted",
        f"the input of session {tracked.session.name} cannot be counted: {why}; on such connections, any traffic counts"
        " as input while nothing is printed, even keepalives",
        "reaperctl doctor",
    )
