"""What is typed in one session and counts in the others of its user, where their rule says `share_activity: user`.

Typed input alone, and no other evidence: a program that logs in every minute, or opens a terminal, keeps nothing.
Where no rule says it, this costs nothing; else a poll passes over all sessions once if somebody typed, and a tick once
more if one of those that share is due, however many there are of each.
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
    """When the people whose sessions share were last seen to type, by uid."""

    def __init__(self) -> None:
        self._is_used = False
        self._typed: dict[int, int] = {}  # what no poll has passed on yet
        self._latest: dict[int, int] = {}  # all there is, as of this tick
        self._unseen: dict[int, list[SessionKey]] = {}  # who was not looked at in this tick for the sake of others

    def adopt(self, policy: Policy) -> None:
        """Whether any rule of a policy shares."""
        limits = [*policy.environments.values(), *(rule.limits for rule in policy.rules)]
        self._is_used = any(each.share_activity is Share.USER for each in limits)
        self._typed.clear()

    def begin_tick(self) -> None:
        """Forgets what was only of the tick before."""
        self._latest.clear()
        self._unseen.clear()

    def note(self, before: TrackedSession, after: TrackedSession) -> None:
        """Takes note of what a look at a session has brought."""
        typed_usec, uid = _typed_usec(after), after.session.uid
        if self._is_used and typed_usec > before.life.evidence_usec:
            self._typed[uid] = max(typed_usec, self._typed.get(uid, 0))
            self._latest[uid] = max(typed_usec, self._latest.get(uid, 0))

    def takers(self, sessions: Sessions) -> list[tuple[SessionKey, int]]:
        """The sessions that are kept by what was typed since the last call, each with when that was."""
        if not self._typed:
            return []
        typed, self._typed = self._typed, {}
        return [(key, typed[each.session.uid]) for key, each in sessions.items() if _takes(each, typed)]

    def unseen(self, tracked: TrackedSession, sessions: Sessions) -> Iterator[SessionKey]:
        """The sessions to look at before anything is done to one that shares: those of its user, each once a tick."""
        if not self._is_used or not _is_taker(tracked):
            return
        if not self._unseen:
            for key, each in sessions.items():
                uid = each.session.uid
                self._unseen.setdefault(uid, []).append(key)
                self._latest[uid] = max(_typed_usec(each), self._latest.get(uid, 0))
        pending = self._unseen[tracked.session.uid]
        while pending:
            yield pending[-1]
            pending.pop()  # not if the look failed: then nobody is ended who might be kept by it

    def typed_usec(self, tracked: TrackedSession) -> int | None:
        """When the person typed in another session, where that keeps this one; asked after those were looked at."""
        return self._latest[tracked.session.uid] if _takes(tracked, self._latest) else None


def _typed_usec(tracked: TrackedSession) -> int:
    return tracked.life.evidence_usec if tracked.life.evidence is EvidenceKind.INPUT else 0


def _is_taker(tracked: TrackedSession) -> bool:
    is_open = tracked.life.phase not in (Phase.ENDING, Phase.GONE)
    return is_open and tracked.limits is not None and tracked.limits.share_activity is Share.USER


def _takes(tracked: TrackedSession, typed: Mapping[int, int]) -> bool:
    return typed.get(tracked.session.uid, 0) > tracked.life.evidence_usec and _is_taker(tracked)
