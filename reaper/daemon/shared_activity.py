"""Counts input in one session also for the user's other sessions whose rule says `share_activity: user`.

Only typed input is shared, no other evidence: a program that logs in every minute, or opens a terminal, keeps nothing.
This costs nothing if no rule says it. Otherwise a poll in which anybody typed goes through all sessions once, and so
does a tick in which a sharing session is due, however many there are of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.limits import Share
from reaper.decide.policy.rules import Policy
from reaper.decide.session.model import SessionKey
from reaper.decide.session.state import Phase
from reaper.decide.session.tracked_session import TrackedSession

Sessions = Mapping[SessionKey, TrackedSession]


class SharedActivity:
    """Remembers, by uid, when each user last typed."""

    def __init__(self) -> None:
        self._is_used = False
        self._typed: dict[int, int] = {}  # not passed on by a poll yet
        self._latest: dict[int, int] = {}  # the latest of all sessions, as of this tick
        self._not_looked_at: dict[int, list[SessionKey]] = {}  # not yet in this tick, on behalf of other sessions

    def adopt(self, policy: Policy) -> None:
        """Notes whether any rule of a new policy shares activity."""
        limits = [*policy.environments.values(), *(rule.limits for rule in policy.rules)]
        self._is_used = any(each.share_activity is Share.USER for each in limits)
        self._typed.clear()

    def begin_tick(self) -> None:
        """Forgets what held only for the tick before."""
        self._latest.clear()
        self._not_looked_at.clear()

    def note(self, before: TrackedSession, after: TrackedSession) -> None:
        """Notes the input that an observation of a session has found."""
        typed_usec, uid = _typed_usec(after), after.session.uid
        if self._is_used and typed_usec > before.life.evidence_usec:
            self._typed[uid] = max(typed_usec, self._typed.get(uid, 0))
            self._latest[uid] = max(typed_usec, self._latest.get(uid, 0))

    def pass_on(self, sessions: Sessions) -> list[tuple[SessionKey, int]]:
        """Returns the sessions that input in others has kept since the last call, each with the time of that input."""
        if not self._typed:
            return []
        typed, self._typed = self._typed, {}
        return [(key, typed[each.session.uid]) for key, each in sessions.items() if _is_kept(each, typed)]

    def not_looked_at(self, tracked: TrackedSession, sessions: Sessions) -> Iterator[SessionKey]:
        """The sessions to observe before a sharing session is acted on: those of its user, each once a tick."""
        if not self._is_used or not _shares(tracked):
            return
        if not self._not_looked_at:
            for key, each in sessions.items():
                uid = each.session.uid
                self._not_looked_at.setdefault(uid, []).append(key)
                self._latest[uid] = max(_typed_usec(each), self._latest.get(uid, 0))
        pending = self._not_looked_at[tracked.session.uid]
        while pending:
            yield pending[-1]
            pending.pop()  # not if observing it failed: then no session is ended that it might have kept

    def typed_usec(self, tracked: TrackedSession) -> int | None:
        """When the user typed in another session, if that keeps this one. Call it after not_looked_at()."""
        return self._latest[tracked.session.uid] if _is_kept(tracked, self._latest) else None


def _typed_usec(tracked: TrackedSession) -> int:
    return tracked.life.evidence_usec if tracked.life.evidence is EvidenceKind.INPUT else 0


def _shares(tracked: TrackedSession) -> bool:
    is_open = tracked.life.phase not in (Phase.ENDING, Phase.GONE)
    return is_open and tracked.limits is not None and tracked.limits.share_activity is Share.USER


def _is_kept(tracked: TrackedSession, typed: Mapping[int, int]) -> bool:
    return typed.get(tracked.session.uid, 0) > tracked.life.evidence_usec and _shares(tracked)
