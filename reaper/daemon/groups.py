"""The groups of users, asked for only where a rule does: name services may be slow."""

from __future__ import annotations

from reaper.decide.model import Session
from reaper.decide.policy import Policy
from reaper.sense.host import Host


class Groups:
    """Users' groups as of their last login, or of the last reload."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[str, frozenset[str]] = {}

    def of(self, session: Session, policy: Policy) -> frozenset[str] | None:
        """The groups of a session's user, none where no rule asks; None where no name service tells."""
        if not any(rule.match.group for rule in policy.rules):
            return frozenset()
        if session.user not in self._known:
            groups = self._host.user_groups(session.user, session.uid)
            if groups is None:
                return None
            self._known[session.user] = groups
        return self._known[session.user]

    def forget(self, user: str) -> None:
        """Asks anew for a user who has just logged in."""
        self._known.pop(user, None)

    def clear(self) -> None:
        """Asks anew for everybody."""
        self._known.clear()
