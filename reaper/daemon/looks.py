"""What a look at a session takes in: which terminals are its own, and what happened on them since the last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reaper.decide import evidence, signs, ssh_traffic, tracking
from reaper.decide.duration import USEC_PER_SEC
from reaper.decide.lifecycle import Phase
from reaper.decide.model import Instant, Line, Reading, SessionKey
from reaper.decide.policy import Activity, Origin, Robots
from reaper.decide.robots import Observation
from reaper.decide.signs import Clues
from reaper.decide.tracking import Change, Tracked
from reaper.errors import ReaperError
from reaper.sense.host import Host

# What leaves no trace on a terminal's times is looked for in sessions that seem idle for this long, and as often.
PROBE_USEC = 60 * USEC_PER_SEC
UNCOUNTED = "traffic"
"""The evidence of a connection that cannot be counted: it may have been a key."""


class Looks:
    """Looks at sessions, as little as will do."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._strangers: dict[str, int] = {}  # ptys that are nobody's terminal, with their ctime
        self._unread: dict[str, int] = {}  # the most that lay unread on a terminal since something was read there
        self._read_until: dict[str, int] = {}  # until when more may have been read without a trace
        self._lines: dict[SessionKey, Line] = {}  # of sessions that seem idle, as of the last probe
        self._typed: dict[SessionKey, tuple[int, int | None]] = {}  # at the last look for robots
        self._polls = 0
        self._problems: dict[str, ReaperError | None] = {}  # why connections cannot be counted; None once reported
        self.poll_usec = PROBE_USEC  # between two polls

    def moved(self, sessions: Mapping[SessionKey, Tracked]) -> set[SessionKey]:
        """The sessions that may have other terminals than before; to be asked once a poll.

        A pty that was not there before might be any session's of its owner. One that is nobody's terminal (tmux's, or
        not yet handed over by sshd) is looked at again when its ctime moves, as it does when it changes hands or is
        made anew. Whether a console counts can change without a trace on it: a display server takes it over and gives
        it back.
        """
        self._polls += 1
        ours = {reading.name for tracked in sessions.values() for reading in tracked.readings}
        self._host.keep_lines(ours)
        for name in (self._unread.keys() | self._read_until.keys()) - ours:
            self._forget_unread(name)
        self._lines = {key: line for key, line in self._lines.items() if key in sessions}
        self._typed = {key: typed for key, typed in self._typed.items() if key in sessions}
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

    def is_quiet(self, tracked: Tracked, now: Instant) -> bool:
        """Whether nothing happened on any of its terminals since the last look: most sessions at most polls."""
        if signs.counts_work(tracked, bool(tracked.readings)) or self.is_probed(tracked, now) or _asks_robots(tracked):
            return False
        try:
            return all(map(self._host.is_unchanged, tracked.readings))
        except OSError:  # whatever it is, the look itself tells, behind its barrier
            return False

    def is_probed(self, tracked: Tracked, now: Instant) -> bool:
        """Whether it is a session's turn: a share of them at each poll, and all who have been warned."""
        if tracked.life.phase is Phase.WARNED:
            return True
        limit_usec = tracked.limits.idle_usec if tracked.limits is not None else None
        probe_usec = PROBE_USEC if limit_usec is None else min(PROBE_USEC, limit_usec // 8)
        if now.boot_usec - tracked.life.evidence_usec < probe_usec:
            return False
        return (tracked.session.key.pid + self._polls) % max(1, probe_usec // self.poll_usec) == 0

    def take(
        self, tracked: Tracked, previous: Instant, now: Instant, *, is_moved: bool = False, is_probed: bool = True
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
        typing = self._typing(tracked, readings, previous, now) if readings and _asks_robots(tracked) else None
        self._heed_reads(tracked, readings, previous, now)
        unseen_usec, unseen = self._unseen(tracked, readings, now) if is_probed else (0, "")
        work = None
        if signs.counts_work(tracked, bool(readings)):
            work = self._host.read_work(tracked.session, bool(readings))
        is_same = readings == tracked.readings and not unseen_usec and work is None and tracked.work is None
        if is_same and typing is None and tracked.rhythm is None:
            return None
        return tracking.look(tracked, readings, previous, now, Clues(unseen_usec, unseen, work, typing))

    def _typing(self, tracked: Tracked, readings: Iterable[Reading], previous: Instant, now: Instant) -> Observation:
        """What is typed since the last look that asked, whether that was a poll or not.

        A look that could not count is left out: the next one that can tells of all that was typed since the last.
        """
        key = tracked.session.key
        since_usec, before = self._typed.get(key, (previous.boot_usec, None))
        line = self._host.read_line(tracked.session, [reading.name for reading in readings])
        after = ssh_traffic.count_typed(line) if line is not None else None
        octets = None if before is None or after is None or after < before else after - before
        if before is None or after is not None:
            self._typed[key] = (now.boot_usec, after)
        return Observation(min(since_usec, now.boot_usec), now.boot_usec, self._host.clock().boot_usec, octets)

    def _ask_desktop(self, tracked: Tracked, previous: Instant, now: Instant) -> Change | None:
        """A graphical session's person types to a display server, and only its desktop knows when."""
        if not tracking.is_limited(tracked):
            return None
        idle_usec = self._host.read_idle_usec(tracked.session) or 0
        return tracking.look(tracked, (), previous, now, Clues(unseen_usec=now.boot_usec - idle_usec, unseen="desktop"))

    def _heed_reads(self, tracked: Tracked, readings: Iterable[Reading], previous: Instant, now: Instant) -> None:
        """Forgets what lay unread on a terminal where something was read since: what lies there now may be new.

        What was read shows by an atime that counts as evidence, and by no other: a program that sets it by hand has
        read nothing. More can be read in the same 8 seconds and leave no trace, so until they are over, too.
        """
        known = signs.known(tracked, readings)
        for reading in readings:
            if reading.name not in known:
                self._forget_unread(reading.name)
                continue
            read_usec = evidence.weigh(known[reading.name], reading, previous, now).input_usec
            if read_usec is not None:
                self._read_until[reading.name] = read_usec

    def _forget_unread(self, name: str) -> None:
        self._unread.pop(name, None)
        self._read_until.pop(name, None)

    def _unseen(self, tracked: Tracked, readings: Iterable[Reading], now: Instant) -> tuple[int, str]:
        """The latest sign that left no trace on the terminals' times, and its kind; 0 for none later than is known.

        Nothing has read what was typed yet, or a file is transferred beside the terminals; or input was read through
        /dev/tty, on a kernel that dates it there. The last is weak: it may have been read on any terminal of the host.
        But who pages must not be taken for gone.
        """
        names = [reading.name for reading in readings]
        grown = [name for name in names if self._has_grown(name, now.boot_usec)]  # of each what is unread is kept
        if grown:
            return now.boot_usec, Activity.INPUT.value
        before, after = self._look_at_line(tracked, names)
        crossed = None
        if before is not None and after is not None and tracked.limits is not None:
            crossed = self._weigh_line(tracked, before, after)
        if crossed is Activity.INPUT and after is not None:
            kind = crossed.value if after.traffic.socket else UNCOUNTED
            return min(now.boot_usec, after.traffic.heard_usec), kind
        if crossed is not None:
            return now.boot_usec, crossed.value
        if before is not None and after is not None and after.traffic.socket:
            return 0, ""  # all keys since the last probe were counted
        return self._read_apart(tracked, names, now), Activity.INPUT.value

    def _look_at_line(self, tracked: Tracked, names: list[str]) -> tuple[Line | None, Line | None]:
        """The connection as of the last probe, and now. One that cannot be counted now is held against the next."""
        key = tracked.session.key
        before, after = self._lines.get(key), self._host.read_line(tracked.session, names) if names else None
        if after is None:
            self._lines.pop(key, None)
        elif before is None or after.traffic.is_settled:
            self._lines[key] = after
        if after is not None and after.traffic.hindrance:
            self._problems.setdefault(after.traffic.hindrance, _uncounted(tracked, after.traffic.hindrance))
        return before, after

    def problems(self) -> list[ReaperError]:
        """Why connections cannot be counted; each reason once."""
        found = [problem for problem in self._problems.values() if problem is not None]
        self._problems = dict.fromkeys(self._problems)
        return found

    def _weigh_line(self, tracked: Tracked, before: Line, after: Line) -> Activity | None:
        """What the connection shows since the last probe."""
        assert tracked.limits is not None
        activity = tracked.limits.activity
        counts_network = not activity or Activity.NETWORK in activity
        floor = tracked.limits.network_floor_bytes if counts_network else None
        return ssh_traffic.weigh_line(before, after, floor, is_last=tracked.life.phase is Phase.WARNED)

    def _read_apart(self, tracked: Tracked, names: list[str], now: Instant) -> int:
        """The latest input that can have been read through /dev/tty."""
        shared = self._host.read_dev_tty()
        if shared is None or shared.is_ahead:
            return 0
        read_usec = min(evidence.bucket_end(shared, now), now.boot_usec)
        is_later = read_usec > tracked.life.evidence_usec
        return read_usec if is_later and self._host.pages_apart(tracked.session, names) else 0

    def _has_grown(self, name: str, now_usec: int) -> bool:
        """Whether more lies unread than ever since something was read.

        A program can make the count fall and rise again as often as it likes: what lies unread is counted by lines in
        canonical mode, and by bytes in raw mode.
        """
        if name in self._read_until:
            self._unread.pop(name, None)
            if now_usec > self._read_until[name]:
                del self._read_until[name]
        before, count = self._unread.get(name, 0), self._host.unread(name)
        if count > before:
            self._unread[name] = count
        return count > before

    def remember(self, tracked: Tracked, now: Instant) -> None:
        """Takes what lies unread on a session's terminals now for typed before."""
        for name in tracked.terminals:
            self._has_grown(name, now.boot_usec)


def _uncounted(tracked: Tracked, why: str) -> ReaperError:
    return ReaperError(
        "connection-uncounted",
        f"what is typed in session {tracked.session.name} cannot be counted: {why}; any traffic of a connection like it"
        " counts as typed while nothing is printed, keepalives too",
        "reaperctl doctor",
    )


def _asks_robots(tracked: Tracked) -> bool:
    """Whether its rule asks if what is typed is a robot's: then it is looked at with each poll."""
    return tracked.limits is not None and tracked.limits.robots is Robots.IGNORE
