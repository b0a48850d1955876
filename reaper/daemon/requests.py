"""Carries out what users and administrators request: hold, release, warn, lock or terminate a session.

control/methods.py and api.py have already decided who may request what; this module decides whether it is possible. A
request that is refused raises ReaperError and changes nothing.
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
    """Carries out requests. `by` describes the caller in words."""

    def __init__(self, daemon: Daemon, journal: Journal) -> None:
        self._daemon, self._journal = daemon, journal
        self._held: dict[SessionKey, int] = {}  # when each session was last held

    def hold(self, key: SessionKey, wanted: Hold, now: Instant) -> str:
        """Holds a session; returns the limit that made the hold shorter than wanted, or "".

        Raises ReaperError if no hold is possible, or if the session is locked or being ended.
        """
        daemon = self._daemon
        self._require_pause(key, wanted)
        limits = daemon.sessions[key].limits
        if wanted.uid != 0 and limits is not None and not limits.hold_max_usec:
            raise ReaperError(
                "not-allowed", _hold_refusal("hold_max", daemon.sessions[key].rule), "ask an administrator"
            )
        tracked = self._refresh(key, now)
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
            raise ReaperError("not-allowed", _hold_refusal(bound, tracked.rule), "ask an administrator")
        if latest < wanted.until_usec:
            wanted, shortened = wanted._replace(until_usec=latest), bound
        self._held[key] = now.boot_usec
        change = operations.hold(tracked, wanted, now.boot_usec)
        daemon.sessions[key], daemon.is_dirty = change.tracked, True
        self._journal.send(session_events.held(change.tracked, daemon.policy_id, now.boot_usec))
        daemon.commit(key, change, now)
        return shortened

    def release(self, key: SessionKey, uid: int, by: str, why: str, now: Instant) -> None:
        """Ends a hold. Raises ReaperError if there is none, or if another user holds the session."""
        hold = self._daemon.sessions[key].hold
        if hold is None:
            raise ReaperError("not-held", "the session is not held")
        _require_own(hold, uid)
        self._daemon.release(key, by, why or "released", now)

    def _require_pause(self, key: SessionKey, wanted: Hold) -> None:
        """Refuses a user's hold too soon after the last: each one writes a journal entry and the state."""
        known = self._daemon.sessions
        self._held = {asked: at for asked, at in self._held.items() if asked in known}
        if wanted.uid != 0 and wanted.since_usec - self._held.get(key, -PAUSE_USEC) < PAUSE_USEC:
            raise ReaperError("too-often", "the session was held just now", "ask again in a moment")

    def warn(self, key: SessionKey, by: str, text: str, now: Instant) -> list[str]:
        """Shows the user when the session ends, or an administrator's text; returns the terminals that show it.

        Raises ReaperError if there is nothing to show, as nothing would end the session, or if its rule allows no
        messages on its terminals.
        """
        tracked = self._refresh(key, now)
        if is_silent(tracked):
            raise ReaperError("silent", f"its rule is {tracked.rule}: {SILENT}", "change notify in the rule")
        messenger = self._daemon.messenger
        shown = (
            messenger.notify(tracked, by, text)
            if text
            else messenger.show_warning_again(tracked, _pending_warning(tracked, now), now)
        )
        self._journal.send(session_events.warned_by(tracked, self._daemon.policy_id, by, text, shown))
        return shown

    def _refresh(self, key: SessionKey, now: Instant) -> TrackedSession:
        """Returns the session as it is at this moment: its terminals, its evidence, and whether it was unlocked."""
        self._daemon.look_closely(key, now)
        self._daemon.look_at_lock(key, now)
        return self._daemon.sessions[key]

    def lock(self, key: SessionKey, by: str, now: Instant) -> None:
        """Locks a session, or makes its desktop lock it, whatever its limits are; `by` is root or its user.

        Raises ReaperError if it cannot be locked, is held or only observed, or is locked or being ended already.
        """
        daemon = self._daemon
        tracked = self._refresh(key, now)
        if tracked.life.phase in (Phase.LOCKED, Phase.ENDING, Phase.GONE):
            doing = "locked" if tracked.life.phase is Phase.LOCKED else "being ended"
            raise ReaperError("too-late", f"the session is {doing} already")
        if tracked.hold is not None:
            raise ReaperError("held", f"{plain(tracked.hold.by)} holds the session", "release it first")
        if tracked.limits is not None and tracked.limits.action is Action.OBSERVE:
            raise ReaperError("observed", f"its rule {tracked.rule} only observes", "warn or terminate it")
        is_written_to = not is_silent(tracked)
        why = daemon.locks.current_obstacle(tracked) if is_written_to else SILENT
        if why:
            hint = "warn or terminate it" if is_written_to else "terminate it"
            raise ReaperError("not-lockable", f"the session cannot be locked: {why}", hint)
        daemon.lock(key, operations.lock(tracked, now.boot_usec), by, now)

    def terminate(self, key: SessionKey, order: Order, now: Instant, *, force: bool) -> None:
        """Begins to end a session, whatever its limits, the brake and busy programs.

        Raises ReaperError if it is held or only observed and `force` is not given, or if it is being ended already.
        """
        daemon = self._daemon
        tracked = self._refresh(key, now)
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
            "not-allowed", f"{plain(hold.by)} holds the session, and only its holder and root may change that"
        )


def _pending_warning(tracked: TrackedSession, now: Instant) -> Warn:
    """Returns the warning that is due for a session. Raises ReaperError if nothing would end it."""
    hint = "give a text to show to the user"
    end = tracked_session.deadline(tracked)
    if end is None or tracked.hold is not None or tracked.limits is None:
        raise ReaperError("nothing-due", "nothing is going to end the session", hint)
    if tracked.limits.action is Action.OBSERVE:
        raise ReaperError("nothing-due", f"its rule {tracked.rule} only observes", hint)
    if tracked.life.phase is Phase.LOCKED:
        raise ReaperError("nothing-due", "the session is locked, and its terminals show nothing else")
    return Warn(end.reason, max(0, end.usec - now.boot_usec))


def _hold_refusal(bound: str, rule: str) -> str:
    if bound == "hold_max":
        return f"the rule {rule} lets its users hold no session any longer"
    if bound == "no policy":
        return "there is no policy that would let users hold a session"
    what = "an administrator's hold lasts a week at most" if ":" not in bound else f"the ceiling's {bound[9:]}"
    return f"{what} lets nobody hold the session any longer" if ":" in bound else what
