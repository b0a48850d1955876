"""What a look at a session takes in: which terminals are its own, and what happened on them since the last."""

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

# What leaves no trace on a terminal's times is looked for in sessions that seem idle for this long, and as often.
PROBE_USEC = 60 * USEC_PER_SEC


class Observer:
    """Looks at sessions, as little as will do.

    `written`: how much the daemon has written on each session's terminals, which is nothing that the session prints.
    """

    def __init__(self, host: Host, written: dict[SessionKey, int]) -> None:
        self._host, self._written = host, written
        self._strangers: dict[str, int] = {}  # ptys that are nobody's terminal, with their ctime
        self._unread = Unread(host)
        self._connections = ConnectionCounter(host, written)
        self._heard_usec: dict[SessionKey, int] = {}  # the last look for robots
        self._polls = 0
        self.poll_usec = PROBE_USEC  # between two polls

    def moved(self, sessions: Mapping[SessionKey, TrackedSession]) -> set[SessionKey]:
        """The sessions that may have other terminals than before; to be asked once a poll.

        A pty that was not there before might be any session's of its owner. One that is nobody's terminal (tmux's, or
        not yet handed over by sshd) is looked at again when its ctime moves, as it does when it changes hands or is
        made anew. Whether a console counts can change without a trace on it: a display server takes it over and gives
        it back.
        """
        self._polls += 1
        ours = {reading.name for tracked in sessions.values() for reading in tracked.readings}
        self._host.keep_lines(ours)
        self._unread.keep(ours)
        strangers: dict[str, int] = {}
        owners = set()
        for reading in self._host.glance(self._host.other_ptys(ours)):
            strangers[reading.name] = reading.ctime_ns
            if self._strangers.get(reading.name) != reading.ctime_ns:
                owners.add(reading.uid)
        self._strangers = strangers
        is_roots = 0 in owners  # a gateway need not make the pty that it serves the user's
        return {
            key
            for key, each in sessions.items()
            if each.session.uid in owners
            or (each.session.tty and not each.session.tty.startswith("pts/"))
            or (is_roots and not each.readings)
        }

    def forget(self, key: SessionKey) -> None:
        """A session is gone."""
        self._connections.forget(key)
        self._heard_usec.pop(key, None)

    def is_quiet(self, tracked: TrackedSession, now: Instant) -> bool:
        """Whether nothing happened on any of its terminals since the last look: most sessions at most polls."""
        if (
            observation.counts_work(tracked, bool(tracked.readings))
            or self.is_probed(tracked, now)
            or _asks_robots(tracked)
        ):
            return False
        try:
            return all(map(self._host.is_unchanged, tracked.readings)) and not self._connections.is_due(tracked, now)
        except OSError:  # whatever it is, the look itself tells, behind its barrier
            return False

    def is_probed(self, tracked: TrackedSession, now: Instant) -> bool:
        """Whether it is a session's turn: a share of them at each poll, and all who have been warned."""
        if tracked.life.phase is Phase.WARNED:
            return True
        limit_usec = tracked.limits.idle_usec if tracked.limits is not None else None
        probe_usec = PROBE_USEC if limit_usec is None else min(PROBE_USEC, limit_usec // 8)
        if now.boot_usec - tracked.life.evidence_usec < probe_usec:
            return False
        return (tracked.session.key.pid + self._polls) % max(1, probe_usec // self.poll_usec) == 0

    def take(
        self,
        tracked: TrackedSession,
        previous: Instant,
        now: Instant,
        *,
        is_moved: bool = False,
        is_probed: bool = True,
    ) -> Change | None:
        """Looks at a session; None where there is nothing new.

        `is_moved`: its terminals may be others than before. `is_probed`: what leaves no trace on their times is looked
        for as well, and so is a terminal where there is none: a process can take one that was there before.
        """
        if tracked.life.phase is Phase.ENDING:
            return None  # it loses its terminals by that; its rule, and what is told of it, are of those that it had
        is_moved = is_moved or (is_probed and not tracked.readings)
        readings = () if is_moved else self._host.read_terminals(tracked.terminals)
        if is_moved or len(readings) < len(tracked.readings):
            # Where one has gone, another that was nobody's may have taken its place: mosh's, when its ssh ends.
            readings = self._host.read_terminals(self._host.terminal_names(tracked.session))
        elif any(new.ctime_ns != old.ctime_ns for new, old in zip(readings, tracked.readings)):
            names = self._host.terminal_names(tracked.session)
            readings = tuple(reading for reading in readings if reading.name in names)
        if tracked.session.origin is Origin.GRAPHICAL and not (readings or tracked.readings):
            return self._ask_desktop(tracked, previous, now) if is_probed else None
        asks_robots = bool(readings) and _asks_robots(tracked)
        is_probed = (
            is_probed or asks_robots or (readings == tracked.readings and self._connections.is_due(tracked, now))
        )
        lines = self._connections.count(tracked, readings, now) if readings and is_probed else NO_SAMPLES
        typing = self._typing(tracked, lines, previous, now) if asks_robots else None
        self._heed_reads(tracked, readings, previous, now)
        unseen_usec, unseen = self._unseen(tracked, readings, lines, now) if is_probed else (0, EvidenceKind.INPUT)
        work = None
        if observation.counts_work(tracked, bool(readings)):
            work = self._work(tracked, bool(readings))
        is_same = readings == tracked.readings and not unseen_usec and work is None and tracked.work is None
        if is_same and typing is None and tracked.rhythm is None:
            return None
        return observation.look(tracked, readings, previous, now, ExtraEvidence(unseen_usec, unseen, work, typing))

    def _work(self, tracked: TrackedSession, has_terminal: bool) -> ActivitySample | None:
        work = self._host.read_work(tracked.session, has_terminal)
        own = self._written.get(tracked.session.key, 0)
        return work if work is None else work._replace(printed=work.printed - own)

    def _typing(
        self, tracked: TrackedSession, lines: ConnectionSamples, previous: Instant, now: Instant
    ) -> Observation:
        """What is typed since the last look that asked, whether that was a poll or not.

        A look that could not count is left out: the next one that can tells of all that was typed since the last.
        """
        key, (before, after) = tracked.session.key, lines
        since_usec, self._heard_usec[key] = self._heard_usec.get(key, previous.boot_usec), now.boot_usec
        typed = ssh_traffic.count_typed(before, after) if before is not None and after is not None else None
        octets = typed.most if typed is not None and typed.least == typed.most else None
        dated = None
        if octets is not None and before is not None and after is not None:
            since_usec = before.boot_usec
            dated = (since_usec, after.traffic.heard_usec) if octets else None
        return Observation(min(since_usec, now.boot_usec), now.boot_usec, self._host.clock().boot_usec, octets, dated)

    def _ask_desktop(self, tracked: TrackedSession, previous: Instant, now: Instant) -> Change | None:
        """A graphical session's person types to a display server, and only its desktop knows when."""
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

    def _heed_reads(
        self, tracked: TrackedSession, readings: Iterable[TerminalSample], previous: Instant, now: Instant
    ) -> None:
        """Forgets what lay unread on a terminal where something was read since: what lies there now may be new.

        What was read shows by an atime that counts as evidence, and by no other: a program that sets it by hand has
        read nothing.
        """
        known = observation.previous_readings(tracked, readings)
        for reading in readings:
            if reading.name not in known:
                self._unread.forget(reading.name)
                continue
            read_usec = terminal_evidence.weigh(known[reading.name], reading, previous, now).input_usec
            if read_usec is not None:
                self._unread.make_room(reading.name, read_usec)

    def _unseen(
        self, tracked: TrackedSession, readings: Iterable[TerminalSample], lines: ConnectionSamples, now: Instant
    ) -> tuple[int, EvidenceKind]:
        """The latest sign that left no trace on the terminals' times, and its kind; 0 for none later than is known.

        Nothing has read what was typed yet, or a file is transferred beside the terminals; or input was read through
        /dev/tty, on a kernel that dates it there. The last is weak: it may have been read on any terminal of the host.
        But who pages must not be taken for gone.
        """
        names = [reading.name for reading in readings]
        grown = [
            name for name in names if self._unread.has_grown(name, now.boot_usec)
        ]  # of each what is unread is kept
        if grown:
            return now.boot_usec, EvidenceKind.INPUT
        line_usec, kind, is_counted = weigh(tracked, lines, now)
        if line_usec or is_counted:  # all keys since the last sign were counted
            return line_usec, kind
        return self._read_apart(tracked, names, now), EvidenceKind.INPUT

    def problems(self) -> list[ReaperError]:
        """Returns why connections cannot be counted, each reason once."""
        return self._connections.problems()

    def _read_apart(self, tracked: TrackedSession, names: list[str], now: Instant) -> int:
        """The latest input that can have been read through /dev/tty."""
        shared = self._host.read_dev_tty()
        if shared is None or shared.is_ahead:
            return 0
        read_usec = min(terminal_evidence.bucket_end(shared, now), now.boot_usec)
        is_later = read_usec > tracked.life.evidence_usec
        return read_usec if is_later and self._host.pages_apart(tracked.session, names) else 0

    @property
    def counted(self) -> Counted:
        """What was counted by now, for the next daemon to go on from."""
        return Counted(self._connections.samples, self._unread.counts, self._written)

    def restore(self, counted: Counted, sessions: Iterable[TrackedSession], now: Instant) -> None:
        """Goes on from what another daemon has counted; where that has not told, what lies unread was typed before."""
        self._connections.samples = dict(counted.lines)
        self._written.update(counted.written)
        if counted.unread is not None:
            self._unread.restore(counted.unread)
            return
        for name in {name for tracked in sessions for name in tracked.terminals}:
            self._unread.has_grown(name, now.boot_usec)


def _asks_robots(tracked: TrackedSession) -> bool:
    """Whether its rule asks if what is typed is a robot's: then it is looked at with each poll."""
    return tracked.limits is not None and tracked.limits.robots is Robots.IGNORE
