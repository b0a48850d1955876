"""What the daemon answers on its socket: the one implementation of control.methods.Subject.

Who may ask for what is settled in control/methods.py, but for whose session it is, which is settled here: a person who
names another's is told what they would be told if there were none.
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

# A look for new sessions reads a directory and may ask logind, and names that nobody has cost a user nothing: no user
# has the daemon look more often than this. Nor does one user's asking keep another's login from being found.
LOOK_USEC = USEC_PER_SEC

T = TypeVar("T")
SELF = "self"


class Api:
    """Answers from what the daemon knows; `reload` reads the policy files anew and returns what is wrong with them."""

    def __init__(self, host: Host, daemon: Daemon, journal: Journal, reload: Callable[[], str]) -> None:
        self._host, self._daemon, self._reload = host, daemon, reload
        self._requests = Requests(daemon, journal)
        self._looked_usec = 0
        self._lookers: set[int] = set()  # for whom new sessions were looked for since then

    def list_sessions(self, uid: int) -> dict[str, Any]:
        """The answer to io.reaper.List."""
        return self._sessions(uid, self._host.clock().boot_usec)

    def watch_sessions(self, uid: int) -> tuple[dict[str, Any], Any]:
        """An answer to io.reaper.Watch, and what of it does not change by time alone."""
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
        """The answer to io.reaper.Explain."""
        key = self._named(peer, name).session.key
        self._daemon.look_closely(key, self._host.clock())
        tracked = self._daemon.sessions[key]
        policy = self._daemon.policy
        groups, doubt = self._daemon.groups.of(tracked) or frozenset[str](), self._daemon.groups.doubt(tracked)
        unlockable = self._daemon.locks.obstacle(tracked, policy)
        lineless = "" if tracked.readings else self._host.terminal_obstacle(tracked.session)
        now_usec, local = self._host.clock().boot_usec, self._daemon.context.local
        return {
            "explanation": session_view.explain(tracked, policy, groups, now_usec, local, unlockable, doubt, lineless)
        }

    def hold_session(self, peer: Peer, name: str, duration_usec: int, why: str) -> dict[str, Any]:
        """The answer to io.reaper.Hold."""
        now = self._host.clock()
        tracked = self._named(peer, name)
        until_usec = now.boot_usec + duration_usec
        wanted = Hold(now.boot_usec, until_usec, peer.uid, self._who(peer), why)
        shortened = _granted(lambda: self._requests.hold(tracked.session.key, wanted, now))
        hold = self._daemon.sessions[tracked.session.key].hold
        assert hold is not None
        shown = session_view.of_hold(hold, now.boot_usec)
        return {"session": plain(tracked.session.name), "hold": shown, "shortened": shortened}

    def release_session(self, peer: Peer, name: str, why: str) -> None:
        """Does what io.reaper.Release says."""
        key = self._named(peer, name).session.key
        _granted(lambda: self._requests.release(key, peer.uid, self._who(peer), why, self._host.clock()))

    def warn_session(self, peer: Peer, name: str, text: str) -> dict[str, Any]:
        """The answer to io.reaper.Warn."""
        key = self._named(peer, name).session.key
        return {
            "terminals": _granted(lambda: self._requests.warn(key, self._who(peer), text, self._host.clock())),
        }

    def lock_session(self, peer: Peer, name: str) -> None:
        """Does what io.reaper.Lock says."""
        key = self._named(peer, name).session.key
        _granted(lambda: self._requests.lock(key, self._who(peer), self._host.clock()))

    def terminate_session(self, peer: Peer, name: str, why: str, *, force: bool) -> None:
        """Does what io.reaper.Terminate says."""
        key, order = self._named(peer, name).session.key, Order(self._who(peer), why)
        _granted(lambda: self._requests.terminate(key, order, self._host.clock(), force=force))

    def reload_policy(self) -> dict[str, Any]:
        """The answer to io.reaper.Reload."""
        rejected = self._reload()
        if rejected:
            raise CallError("io.reaper.PolicyRejected", problems=rejected, policy=self._daemon.policy_id)
        return {"policy": self._daemon.policy_id}

    def _named(self, peer: Peer, name: str) -> TrackedSession:
        """The session of that name that a person may see; also one that was opened since the last poll."""
        tracked = self._find(peer, name)
        if tracked is None and self._discover(peer.uid):
            tracked = self._find(peer, name)
        if tracked is None:
            raise CallError("io.reaper.NoSuchSession", session=name[:200])
        return tracked

    def _discover(self, uid: int) -> bool:
        """Looks for new sessions, if it is not too early to do so once more for that user."""
        now = self._host.clock()
        if now.boot_usec - self._looked_usec >= LOOK_USEC:
            self._looked_usec = now.boot_usec
            self._lookers.clear()
        if uid in self._lookers:
            return False
        self._lookers.add(uid)
        self._daemon.discover(now)
        return True

    def _who(self, peer: Peer) -> str:
        """Who asks, in words: a user, and where root asks the session that it was done from."""
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
        """The session by its id, by a terminal that is its own at this very moment, or that of the calling process."""
        visible = [each for each in self._daemon.sessions.values() if peer.uid in (0, each.session.uid)]
        for tracked in visible:
            if name in (tracked.session.name, str(tracked.session.key)):
                return tracked
        if name == SELF:
            home = self._host.home_of(peer.pid)
            return next((each for each in visible if each.session.key == home), None)
        terminal = name[len("/dev/") :] if name.startswith("/dev/") else name
        likely = self._likely(visible, terminal)
        return next((each for each in likely if terminal in self._host.terminal_names(each.session)), None)

    def _likely(self, visible: list[TrackedSession], terminal: str) -> Iterator[TrackedSession]:
        """Those of the sessions whose terminal it could be; whose it is at this moment is asked of each by the caller.

        A name is only ever matched, against what the sessions and devpts have: a path of it is never made, as any user
        can ask for any name.
        """
        yield from (each for each in visible if terminal == each.session.tty or terminal in each.terminals)
        if terminal in self._host.other_ptys(()):
            owners = {reading.uid for reading in self._host.glance([terminal])}
            yield from (each for each in visible if each.session.uid in owners or each.life.phase is Phase.LOCKED)


def _granted(request: Callable[[], T]) -> T:
    """Carries out a request. One that cannot be granted becomes the error on the wire that says so."""
    try:
        return request()
    except ReaperError as error:
        if error.problem == "not-allowed":
            raise CallError("io.reaper.NotAllowed", why=str(error)) from error
        raise CallError("io.reaper.Refused", why=error.message, hint=error.hint) from error
