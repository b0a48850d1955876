"""Answers the calls on the daemon's socket: the one implementation of control.methods.Backend.

control/methods.py decides who may call which method. Whose session it is, is decided here: a user who names another
user's session gets the same answer as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable, TypeVar

from reaper.act.journal import Journal
from reaper.control.methods import CallError, Peer
from reaper.daemon.core import Daemon
from reaper.daemon.requests import Requests
from reaper.decide.output import session_view, view_aging
from reaper.decide.session import brake
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Order
from reaper.decide.session.state import Phase
from reaper.decide.session.tracked_session import TrackedSession
from reaper.decide.text.duration import USEC_PER_SEC
from reaper.decide.text.escape import plain
from reaper.errors import ReaperError
from reaper.sense.host import Host

# A search for new sessions reads a directory and may ask logind, while a user can name unknown sessions without effort:
# no user makes the daemon search more often than this. The calls of one user do not delay finding another's login.
DISCOVER_USEC = USEC_PER_SEC

T = TypeVar("T")
SELF = "self"


class Api:
    """Answers calls from what the daemon knows; `reload` reads the policy files again and returns their mistakes."""

    def __init__(self, host: Host, daemon: Daemon, journal: Journal, reload: Callable[[], str]) -> None:
        self._host, self._daemon, self._reload = host, daemon, reload
        self._requests = Requests(daemon, journal)
        self._discovered_usec = 0
        self._discovered_for: set[int] = set()  # the users for whom it searched since then

    def list_sessions(self, uid: int) -> dict[str, Any]:
        """Answers io.reaper.List."""
        return self._sessions(uid, self._host.clock().boot_usec)

    def watch_sessions(self, uid: int) -> tuple[dict[str, Any], Any]:
        """Answers io.reaper.Watch; also returns the part of the answer that does not change by time alone."""
        now_usec = self._host.clock().boot_usec
        answer = self._sessions(uid, now_usec)
        return answer, view_aging.lasting(answer, now_usec)

    def _sessions(self, uid: int, now_usec: int) -> dict[str, Any]:
        visible = [each for each in self._daemon.sessions.values() if uid in (0, each.session.uid)]
        policy = self._daemon.policy
        return {
            "sessions": [session_view.of_session(each, now_usec) for each in visible],
            "policy": self._daemon.policy_id,
            "unknown_groups": self._daemon.groups.unknown if uid == 0 else [],
            "brake_usec": brake.held_usec(self._daemon.limiter.ledger, policy.brake, now_usec) if policy else None,
        }

    def explain_session(self, peer: Peer, name: str) -> dict[str, Any]:
        """Answers io.reaper.Explain."""
        key = self._require_session(peer, name).session.key
        self._daemon.look_closely(key, self._host.clock())
        tracked = self._daemon.sessions[key]
        policy = self._daemon.policy
        groups, doubt = (
            self._daemon.groups.names_of(tracked) or frozenset[str](),
            self._daemon.groups.uncertainty(tracked),
        )
        unlockable = self._daemon.locks.find_obstacle(tracked, policy)
        no_terminal = "" if tracked.readings else self._host.terminal_obstacle(tracked.session)
        now_usec, local = self._host.clock().boot_usec, self._daemon.context.local
        return {
            "explanation": session_view.explain(
                tracked, policy, groups, now_usec, local, unlockable, doubt, no_terminal
            )
        }

    def hold_session(self, peer: Peer, name: str, duration_usec: int, why: str) -> dict[str, Any]:
        """Answers io.reaper.Hold."""
        now = self._host.clock()
        tracked = self._require_session(peer, name)
        until_usec = now.boot_usec + duration_usec
        wanted = Hold(now.boot_usec, until_usec, peer.uid, self._describe_peer(peer), why)
        shortened = _granted(lambda: self._requests.hold(tracked.session.key, wanted, now))
        hold = self._daemon.sessions[tracked.session.key].hold
        assert hold is not None
        shown = session_view.of_hold(hold, now.boot_usec)
        return {"session": plain(tracked.session.name), "hold": shown, "shortened": shortened}

    def release_session(self, peer: Peer, name: str, why: str) -> None:
        """Carries out io.reaper.Release."""
        key = self._require_session(peer, name).session.key
        _granted(lambda: self._requests.release(key, peer.uid, self._describe_peer(peer), why, self._host.clock()))

    def warn_session(self, peer: Peer, name: str, text: str) -> dict[str, Any]:
        """Answers io.reaper.Warn."""
        key = self._require_session(peer, name).session.key
        return {
            "terminals": _granted(
                lambda: self._requests.warn(key, self._describe_peer(peer), text, self._host.clock())
            ),
        }

    def lock_session(self, peer: Peer, name: str) -> None:
        """Carries out io.reaper.Lock."""
        key = self._require_session(peer, name).session.key
        _granted(lambda: self._requests.lock(key, self._describe_peer(peer), self._host.clock()))

    def terminate_session(self, peer: Peer, name: str, why: str, *, force: bool) -> None:
        """Carries out io.reaper.Terminate."""
        key, order = self._require_session(peer, name).session.key, Order(self._describe_peer(peer), why)
        _granted(lambda: self._requests.terminate(key, order, self._host.clock(), force=force))

    def reload_policy(self) -> dict[str, Any]:
        """Answers io.reaper.Reload."""
        rejected = self._reload()
        if rejected:
            raise CallError("io.reaper.PolicyRejected", problems=rejected, policy=self._daemon.policy_id)
        return {"policy": self._daemon.policy_id}

    def _require_session(self, peer: Peer, name: str) -> TrackedSession:
        """Returns the session of this name that the caller may see, even if it was opened since the last poll."""
        tracked = self._find(peer, name)
        if tracked is None and self._discover(peer.uid):
            tracked = self._find(peer, name)
        if tracked is None:
            raise CallError("io.reaper.NoSuchSession", session=name[:200])
        return tracked

    def _discover(self, uid: int) -> bool:
        """Searches for new sessions, unless it did so for this user just before; returns whether it searched."""
        now = self._host.clock()
        if now.boot_usec - self._discovered_usec >= DISCOVER_USEC:
            self._discovered_usec = now.boot_usec
            self._discovered_for.clear()
        if uid in self._discovered_for:
            return False
        self._discovered_for.add(uid)
        self._daemon.discover(now)
        return True

    def _describe_peer(self, peer: Peer) -> str:
        """Describes the caller: the user and, for root, the session from which root called."""
        home = self._host.home_of(peer.pid) if peer.uid == 0 else None
        here = next((each.session for each in self._daemon.sessions.values() if each.session.key == home), None)
        user = (
            "root"
            if peer.uid == 0
            else next(
                (plain(each.session.user) for each in self._daemon.sessions.values() if each.session.uid == peer.uid),
                str(peer.uid),
            )
        )
        return f"{user} (session {here.name} of {plain(here.user)})" if here is not None else user

    def _find(self, peer: Peer, name: str) -> TrackedSession | None:
        """Finds a session by its ID, by a terminal that it has at this moment, or by the calling process ("self")."""
        visible = [each for each in self._daemon.sessions.values() if peer.uid in (0, each.session.uid)]
        for tracked in visible:
            if name in (tracked.session.name, str(tracked.session.key)):
                return tracked
        if name == SELF:
            home = self._host.home_of(peer.pid)
            return next((each for each in visible if each.session.key == home), None)
        terminal = name[len("/dev/") :] if name.startswith("/dev/") else name
        candidates = self._candidates(visible, terminal)
        return next((each for each in candidates if terminal in self._host.terminal_names(each.session)), None)

    def _candidates(self, visible: list[TrackedSession], terminal: str) -> Iterator[TrackedSession]:
        """The sessions to which the terminal may belong; the caller checks for each whether it does at this moment.

        The name is only compared with the names of sessions' terminals and in devpts. It is never made into a path, as
        any user can send any name.
        """
        yield from (each for each in visible if terminal == each.session.tty or terminal in each.terminals)
        if terminal in self._host.other_ptys(()):
            owners = {reading.uid for reading in self._host.glance([terminal])}
            yield from (each for each in visible if each.session.uid in owners or each.life.phase is Phase.LOCKED)


def _granted(request: Callable[[], T]) -> T:
    """Carries out a request; turns a refusal into the Varlink error for it."""
    try:
        return request()
    except ReaperError as error:
        if error.problem == "not-allowed":
            raise CallError("io.reaper.NotAllowed", why=str(error)) from error
        raise CallError("io.reaper.Refused", why=error.message, hint=error.hint) from error
