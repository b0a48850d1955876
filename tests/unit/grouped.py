"""The groups of FakeHost's users: what logins have recorded of them, and what its name services know."""

from __future__ import annotations

from collections.abc import Iterable

from reaper.decide.policy import membership
from reaper.decide.policy.membership import Membership
from reaper.decide.session.model import Session
from reaper.sense.name_service import GroupsAnswer


class FakeGroups:
    """The part of FakeHost that answers for groups."""

    def __init__(self) -> None:
        self.groups: dict[str, frozenset[str] | None] = {}  # by user; None where nothing tells
        self.gids: dict[str, int] = {"root": 0, "ops": 5001}  # of all groups that there are
        self.unnamed: set[str] = set()  # groups of which logins record the number alone
        self.unknown: set[str] = set()  # groups that no name service knows
        self.is_hung = False  # no name service answers
        self.asked_groups: list[str] = []  # the users whose groups were read
        self.questions: list[str | int] = []  # to the name services
        self.trouble: dict[str, Exception] = {}
        self._waiting: list[str | int] = []

    def set_groups(self, user: str, **groups: int) -> None:
        self.gids.update(groups)
        self.groups[user] = frozenset(groups)

    def gid(self, name: str) -> int:
        return self.gids.setdefault(name, 5000 + len(self.gids))

    def read_membership(self, session: Session) -> Membership | None:
        self.asked_groups.append(session.user)
        if session.user in self.trouble:
            raise self.trouble[session.user]
        names = self.groups.get(session.user)
        if names is None:
            return None
        return membership.make((self.gid(name), "" if name in self.unnamed else name) for name in names)

    def ask_groups(self, names: Iterable[str], gids: Iterable[int], *, discard: bool = False) -> None:
        if discard:
            self._waiting.clear()
        new = [each for each in (*names, *gids) if each not in self._waiting]
        self.questions += new
        self._waiting += new

    def take_groups(self, patience_sec: float = 0.0) -> GroupsAnswer:
        told = GroupsAnswer({}, {})
        if self.is_hung:
            return told
        known = {name: gid for name, gid in self.gids.items() if name not in self.unknown}
        for question in self._waiting:
            if isinstance(question, str):
                told.gids[question] = known.get(question)
            else:
                told.names[question] = next((name for name, gid in known.items() if gid == question), None)
        self._waiting.clear()
        return told
