"""Observes sessions: which terminals they have, and what evidence of use there is since the last observation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reaper.daemon.connection_counter import NO_SAMPLES, ConnectionCounter, ConnectionSamples, weigh
from reaper.daemon.unread import Unread
from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Robots
from reaper.decide.policy.match import Origin
from reaper.decide.session import observation, ssh_traffic, terminal_evidence, tracked_session
from reaper.decide.session.model import ActivitySample, Instant, SessionKey, TerminalSample
from reaper.decide.session.observation import ExtraEvidence
from reaper.decide.session.rhythm import Observation
from reaper.decide.session.snapshot import Counted
from reaper.decide.session.state import Phase
from reaper.decide.session.tracked_session import Change, TrackedSession
from reaper.decide.text.duration import USEC_PER_SEC
from reaper.errors import ReaperError
from reaper.sense.host import Host

# A session that seems idle for this long is probed for evidence that leaves no trace on a terminal's times, and again
# as often as this.
PROBE_USEC = 60 * USEC_PER_SEC


class Observer:
    """Observes sessions with as few reads as possible.

    `written` is how many bytes the daemon has written to each session's terminals; the session did not print them.
    """

    def __init__(self, host: Host, written: dict[SessionKey, int]) -> None:
        self._host, self._written = host, written
        self._foreign_ptys: dict[str, int] = {}  # ptys that are no session's terminal, with their ctime
        self._unread = Unread(host)
        self._connections = ConnectionCounter(host, written)
        self._typing_seen_usec: dict[SessionKey, int] = {}  # the last time that asked for robots
        self._polls = 0
        self.poll_usec = PROBE_USEC  # between two polls

    def with_new_terminals(self, sessions: Mapping[SessionKey, TrackedSession]) -> set[SessionKey]:
        """Returns the sessions that may have other terminals than before. Call it once a poll.

        A new pty may belong to any session of its owner. A pty that is no session's terminal (of tmux, or not yet
        handed over by sshd) is checked again when its ctime changes, as it does when the pty gets another owner or is
        created again. A console can begin or cease to count without a trace on it, as a display server takes it over
        and gives it back.
        """
        self._polls += 1
        ours = {reading.name for tracked in sessions.values() for reading in tracked.readings}
        self._host.keep_lines(ours)
        self._unread.keep_only(ours)
        foreign_ptys: dict[str, int] = {}
        owners = set()
        for reading in self._host.glance(self._host.other_ptys(ours)):
            foreign_ptys[reading.name] = reading.ctime_ns
            if self._foreign_ptys.get(reading.name) != reading.ctime_ns:
                owners.add(reading.uid)
        self._foreign_ptys = foreign_ptys
        is_roots = 0 in owners  # a gateway does not always give the pty that it serves to the user
        return {
            key
            for key, each in sessions.items()
            if each.session.uid in owners
            or (each.session.tty and not each.session.tty.startswith("pts/"))
            or (is_roots and not each.readings)
        }

    def forget(self, key: SessionKey) -> None:
        """Forgets a session that is gone."""
        self._connections.forget(key)
        self._typing_seen_usec.pop(key, None)

    def is_unchanged(self, tracked: TrackedSession, now: Instant) -> bool:
        """Whether nothing happened on a session's terminals since the last observation: most sessions at most polls."""
        if (
            observation.counts_work(tracked, bool(tracked.readings))
            or self.is_probe_due(tracked, now)
            or _asks_robots(tracked)
        ):
            return False
        try:
            return all(map(self._host.is_unchanged, tracked.readings)) and not self._connections.is_due(tracked, now)
        except OSError:  # the observation meets the same error, and the barrier around it logs it
            return False

    def is_probe_due(self, tracked: TrackedSession, now: Instant) -> bool:
        """Whether a session is to be probed: a share of the idle ones at each poll, and all that have been warned."""
        if tracked.life.phase is Phase.WARNED:
            return True
        limit_usec = tracked.limits.idle_usec if tracked.limits is not None else None
        probe_usec = PROBE_USEC if limit_usec is None else min(PROBE_USEC, limit_usec // 8)
        if now.boot_usec - tracked.life.evidence_usec < probe_usec:
            return False
        return (tracked.session.key.pid + self._polls) % max(1, probe_usec // self.poll_usec) == 0

    def observe(
        self,
        tracked: TrackedSession,
        previous: Instant,
        now: Instant,
        *,
        has_new_terminals: bool = False,
        is_probed: bool = True,
    ) -> Change | None:
        """Observes a session; returns its change, or None if there is nothing new.

        `has_new_terminals`: its terminals may be others than before. `is_probed`: also search for evidence that leaves
        no trace on the terminals' times and, if the session has no terminal, for one: its processes can take a terminal
        that existed before.
        """
        if tracked.life.phase is Phase.ENDING:
            return None  # it is losing its terminals; its rule and its journal events stay with those that it had
        has_new_terminals = has_new_terminals or (is_probed and not tracked.readings)
        readings = () if has_new_terminals else self._host.read_terminals(tracked.terminals)
        if has_new_terminals or len(readings) < len(tracked.readings):
            # If one has gone, a pty that was no session's may have taken its place: mosh's, when its ssh ends.
            readings = self._host.read_terminals(self._host.terminal_names(tracked.session))
        elif any(new.ctime_ns != old.ctime_ns for new, old in zip(readings, tracked.readings)):
            names = self._host.terminal_names(tracked.session)
            readings = tuple(reading for reading in readings if reading.name in names)
        if tracked.session.origin is Origin.GRAPHICAL and not (readings or tracked.readings):
            return self._look_at_desktop(tracked, previous, now) if is_probed else None
        asks_robots = bool(readings) and _asks_robots(tracked)
        is_probed = (
            is_probed or asks_robots or (readings == tracked.readings and self._connections.is_due(tracked, now))
        )
        samples = self._connections.count(tracked, readings, now) if readings and is_probed else NO_SAMPLES
        typing = self._observe_typing(tracked, samples, previous, now) if asks_robots else None
        self._note_reads(tracked, readings, previous, now)
        unseen_usec, unseen = (
            self._find_unseen(tracked, readings, samples, now) if is_probed else (0, EvidenceKind.INPUT)
        )
        work = None
        if observation.counts_work(tracked, bool(readings)):
            work = self._read_activity(tracked, bool(readings))
        is_same = readings == tracked.readings and not unseen_usec and work is None and tracked.work is None
        if is_same and typing is None and tracked.rhythm is None:
            return None
        return observation.look(tracked, readings, previous, now, ExtraEvidence(unseen_usec, unseen, work, typing))

    def _read_activity(self, tracked: TrackedSession, has_terminal: bool) -> ActivitySample | None:
        work = self._host.read_work(tracked.session, has_terminal)
        own = self._written.get(tracked.session.key, 0)
        return work if work is None else work._replace(printed=work.printed - own)

    def _observe_typing(
        self, tracked: TrackedSession, samples: ConnectionSamples, previous: Instant, now: Instant
    ) -> Observation:
        """Returns what was typed since the last observation that asked for robots, at a poll or not.

        An observation that could not count is left out: the next one that can counts all input since the last that did.
        """
        key, (before, after) = tracked.session.key, samples
        since_usec, self._typing_seen_usec[key] = self._typing_seen_usec.get(key, previous.boot_usec), now.boot_usec
        typed = ssh_traffic.count_typed(before, after) if before is not None and after is not None else None
        octets = typed.most if typed is not None and typed.least == typed.most else None
        dated = None
        if octets is not None and before is not None and after is not None:
            since_usec = before.boot_usec
            dated = (since_usec, after.traffic.heard_usec) if octets else None
        return Observation(min(since_usec, now.boot_usec), now.boot_usec, self._host.clock().boot_usec, octets, dated)

    def _look_at_desktop(self, tracked: TrackedSession, previous: Instant, now: Instant) -> Change | None:
        """Observes a graphical session by its desktop: only the desktop knows when the user last typed."""
        if not tracked_session.is_limited(tracked):
            return None
        idle_usec = self._host.read_idle_usec(tracked.session) or 0
        return observation.look(
            tracked,
            (),
            previous,
            now,
            ExtraEvidence(unseen_usec=now.boot_usec - idle_usec, unseen=EvidenceKind.DESKTOP),
        )

    def _note_reads(
        self, tracked: TrackedSession, readings: Iterable[TerminalSample], previous: Instant, now: Instant
    ) -> None:
        """Resets the unread counts of terminals on which input was read: what is unread there now may be new.

        Only an atime that counts as evidence shows a read: a program that sets the atime by hand has read nothing.
        """
        known = observation.previous_readings(tracked, readings)
        for reading in readings:
            if reading.name not in known:
                self._unread.forget(reading.name)
                continue
            read_usec = terminal_evidence.weigh(known[reading.name], reading, previous, now).input_usec
            if read_usec is not None:
                self._unread.note_read(reading.name, read_usec)

    def _find_unseen(
        self, tracked: TrackedSession, readings: Iterable[TerminalSample], samples: ConnectionSamples, now: Instant
    ) -> tuple[int, EvidenceKind]:
        """Returns the latest evidence without a trace on the terminals' times, and its kind; 0 for none that is new.

        Such evidence is input that no program has read yet, a file transfer on the same connection, and input that was
        read through /dev/tty, on a kernel that dates it there. The last is weak: it may have been read on any terminal
        of the host. But a user who reads in a pager must not be taken for gone.
        """
        names = [reading.name for reading in readings]
        grown = [self._unread.has_grown(name, now.boot_usec) for name in names]  # a list: each must be counted
        if any(grown):
            return now.boot_usec, EvidenceKind.INPUT
        line_usec, kind, is_counted = weigh(tracked, samples, now)
        if line_usec or is_counted:  # if all keys since the last evidence were counted
            return line_usec, kind
        return self._dev_tty_input_usec(tracked, names, now), EvidenceKind.INPUT

    def problems(self) -> list[ReaperError]:
        """Returns why connections cannot be counted, each reason once."""
        return self._connections.problems()

    def _dev_tty_input_usec(self, tracked: TrackedSession, names: list[str], now: Instant) -> int:
        """Returns when a session's pager can last have read input through /dev/tty; 0 for no new input."""
        shared = self._host.read_dev_tty()
        if shared is None or shared.is_ahead:
            return 0
        read_usec = min(terminal_evidence.bucket_end(shared, now), now.boot_usec)
        is_later = read_usec > tracked.life.evidence_usec
        return read_usec if is_later and self._host.pages_apart(tracked.session, names) else 0

    @property
    def counted(self) -> Counted:
        """The counts so far, with which the next daemon continues."""
        return Counted(self._connections.samples, self._unread.counts, self._written)

    def restore(self, counted: Counted, sessions: Iterable[TrackedSession], now: Instant) -> None:
        """Continues from an earlier daemon's counts; without saved unread counts, unread input is no evidence yet."""
        self._connections.samples = dict(counted.lines)
        self._written.update(counted.written)
        if counted.unread is not None:
            self._unread.restore(counted.unread)
            return
        for name in {name for tracked in sessions for name in tracked.terminals}:
            self._unread.has_grown(name, now.boot_usec)


def _asks_robots(tracked: TrackedSession) -> bool:
    """Whether the rule of a session ignores robots (`robots: ignore`): then it is observed at each poll."""
    return tracked.limits is not None and tracked.limits.robots is Robots.IGNORE
