"""What people ask the daemon to do with a session: hold it, let it go, warn its person, end it.

Who may ask for what is settled before (control/, service.py); whether it can be is settled here. A request that cannot
be granted raises ReaperError and changes nothing.
"""

from __future__ import annotations

from reaper.act.journal import Journal
from reaper.daemon.core import Daemon
from reaper.decide.output import session_events
from reaper.decide.output.terminal_messages import SILENT, is_silent
from reaper.decide.policy.limits import LONGEST_HOLD_USEC, Action
from reaper.decide.session import hold as holds
from reaper.decide.session import operations, policy_change, tracked_session
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Instant, Order, SessionKey
from reaper.decide.session.state import Phase, Warn
from reaper.decide.session.tracked_session import TrackedSession
from reaper.decide.text.duration import USEC_PER_SEC
from reaper.decide.text.escape import plain
from reaper.errors import ReaperError

PAUSE_USEC = 2 * USEC_PER_SEC


class Requests:
    """Carries requests out. `by` says in words who asks."""

    def __init__(self, daemon: Daemon, journal: Journal) -> None:
        self._daemon, self._journal = daemon, journal
        self._held: dict[SessionKey, int] = {}  # when a hold of each was last granted

    def hold(self, key: SessionKey, wanted: Hold, now: Instant) -> str:
        """Holds a session; returns what made the hold shorter than wanted, or "".

        Raises ReaperError where it would be none at all, or the session is locked or being ended.
        """
        daemon = self._daemon
        self._require_patience(key, wanted)
        limits = daemon.sessions[key].limits
        if wanted.uid != 0 and limits is not None and not limits.hold_max_usec:
            raise ReaperError("not-allowed", _why_not("hold_max", daemon.sessions[key].rule), "ask an administrator")
        tracked = self._look(key, now)
        if tracked.life.phase in (Phase.ENDING, Phase.GONE):
            raise ReaperError("ending", "the session is being ended already")
        if tracked.life.phase is Phase.LOCKED:
            raise ReaperError("locked", "the session is locked", "hold it once it is unlocked")
        _require_own(tracked.hold, wanted.uid)
        shortened = ""
        if daemon.policy is None or tracked.limits is None:
            latest, bound = wanted.since_usec + (LONGEST_HOLD_USEC if wanted.uid == 0 else 0), "no policy"
        else:
            bounds = policy_change.bounds(tracked, daemon.policy, tracked.rule, tracked.limits)
            latest, bound = holds.latest_usec(bounds, wanted.uid, wanted.since_usec)
        if latest <= now.boot_usec:
            raise ReaperError("not-allowed", _why_not(bound, tracked.rule), "ask an administrator")
        if latest < wanted.until_usec:
            wanted, shortened = wanted._replace(until_usec=latest), bound
        self._held[key] = now.boot_usec
        change = operations.hold(tracked, wanted, now.boot_usec)
        daemon.sessions[key], daemon.is_dirty = change.tracked, True
        self._journal.send(session_events.held(change.tracked, daemon.policy_id, now.boot_usec))
        daemon.commit(key, change, now)
        return shortened

    def release(self, key: SessionKey, uid: int, by: str, why: str, now: Instant) -> None:
        """Ends a hold. Raises ReaperError where there is none, or it is another's."""
        hold = self._daemon.sessions[key].hold
        if hold is None:
            raise ReaperError("not-held", "the session is not held")
        _require_own(hold, uid)
        self._daemon.release(key, by, why or "released", now)

    def _require_patience(self, key: SessionKey, wanted: Hold) -> None:
        """Each hold is a record in the journal and a write of the state: not for users to have in a loop."""
        known = self._daemon.sessions
        self._held = {asked: at for asked, at in self._held.items() if asked in known}
        if wanted.uid != 0 and wanted.since_usec - self._held.get(key, -PAUSE_USEC) < PAUSE_USEC:
            raise ReaperError("too-often", "the session was held just now", "ask again in a moment")

    def warn(self, key: SessionKey, by: str, text: str, now: Instant) -> list[str]:
        """Tells the person when their session ends, or what an administrator has to say; returns on which terminals.

        Raises ReaperError where there is nothing to tell, as nothing would end the session, or where its rule wants
        nothing written on its terminals.
        """
        tracked = self._look(key, now)
        if is_silent(tracked):
            raise ReaperError("silent", f"its rule is {tracked.rule}: {SILENT}", "change notify in the rule")
        messenger = self._daemon.messenger
        told = messenger.notify(tracked, by, text) if text else messenger.remind(tracked, _due(tracked, now), now)
        self._journal.send(session_events.warned_by(tracked, self._daemon.policy_id, by, text, told))
        return told

    def _look(self, key: SessionKey, now: Instant) -> TrackedSession:
        """The session as it is at this moment: which terminals are its own, and whether its person has unlocked it."""
        self._daemon.look_closely(key, now)
        self._daemon.look_at_lock(key, now)
        return self._daemon.sessions[key]

    def lock(self, key: SessionKey, by: str, now: Instant) -> None:
        """Locks a session, whatever its limits say, or has its desktop do that; `by` is root or its user.

        Raises ReaperError where it cannot be locked, is held or only observed, or is locked or being ended already.
        """
        daemon = self._daemon
        tracked = self._look(key, now)
        if tracked.life.phase in (Phase.LOCKED, Phase.ENDING, Phase.GONE):
            doing = "locked" if tracked.life.phase is Phase.LOCKED else "being ended"
            raise ReaperError("too-late", f"the session is {doing} already")
        if tracked.hold is not None:
            raise ReaperError("held", f"{plain(tracked.hold.by)} holds the session", "release it first")
        if tracked.limits is not None and tracked.limits.action is Action.OBSERVE:
            raise ReaperError("observed", f"its rule {tracked.rule} only observes", "warn or terminate it")
        is_written_to = not is_silent(tracked)
        why = daemon.locks.examine(tracked) if is_written_to else SILENT
        if why:
            hint = "warn or terminate it" if is_written_to else "terminate it"
            raise ReaperError("not-lockable", f"the session cannot be locked: {why}", hint)
        daemon.lock(key, operations.lock(tracked, now.boot_usec), by, now)

    def terminate(self, key: SessionKey, order: Order, now: Instant, *, force: bool) -> None:
        """Begins the end of a session, whatever its limits, the brake and programs that are busy say.

        Raises ReaperError where it is held or only observed and this is not forced, or where it is being ended already.
        """
        daemon = self._daemon
        tracked = self._look(key, now)
        if tracked.life.phase in (Phase.ENDING, Phase.GONE):
            raise ReaperError("ending", "the session is being ended already")
        if tracked.hold is not None and not force:
            raise ReaperError("held", f"{plain(tracked.hold.by)} holds the session", "release it first, or use --force")
        observed = tracked.limits is not None and tracked.limits.action is Action.OBSERVE
        if observed and tracked.hold is None and not force:
            raise ReaperError("observed", f"its rule {tracked.rule} only observes", "use --force")
        if tracked.hold is not None:
            self._journal.send(session_events.released(tracked, daemon.policy_id, order.by, "the session is ended"))
        change = operations.terminate(tracked, order, now.boot_usec)
        daemon.sessions[key] = change.tracked
        daemon.save()  # before the act, as for any end
        daemon.commit(key, change, now)


def _require_own(hold: Hold | None, uid: int) -> None:
    if hold is not None and uid not in (0, hold.uid):
        raise ReaperError(
            "not-allowed", f"{plain(hold.by)} holds the session, and only who holds it and root may change that"
        )


def _due(tracked: TrackedSession, now: Instant) -> Warn:
    """What there is to warn of. Raises ReaperError where that is nothing."""
    hint = "say what to tell the person"
    end = tracked_session.deadline(tracked)
    if end is None or tracked.hold is not None or tracked.limits is None:
        raise ReaperError("nothing-due", "nothing is going to end the session", hint)
    if tracked.limits.action is Action.OBSERVE:
        raise ReaperError("nothing-due", f"its rule {tracked.rule} only observes", hint)
    if tracked.life.phase is Phase.LOCKED:
        raise ReaperError("nothing-due", "the session is locked, and its terminals show nothing else")
    return Warn(end.reason, max(0, end.usec - now.boot_usec))


def _why_not(bound: str, rule: str) -> str:
    if bound == "hold_max":
        return f"the rule {rule} lets its users hold no session any longer"
    if bound == "no policy":
        return "there is no policy that would let users hold a session"
    what = "an administrator's hold lasts a week at most" if ":" not in bound else f"the ceiling's {bound[9:]}"
    return f"{what} lets nobody hold the session any longer" if ":" in bound else what
