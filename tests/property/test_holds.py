"""The laws of holds (reaper/decide/session/hold.py), over any order of requests, input and time."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from reaper.daemon.requests import Requests
from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.limits import LONGEST_HOLD_USEC
from reaper.decide.policy.rules import Policy
from reaper.decide.session.hold import Hold
from reaper.errors import ReaperError
from tests.unit.bench import Bench
from tests.unit.daemon.seen import signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.simulated import MINUTE, SECOND

STEP_USEC = 8 * SECOND
minutes = st.integers(1, 90).map(lambda number: number * MINUTE)
policies = st.builds(
    lambda hold_max, ceiling: make_policy(make_limits(hold_max_usec=hold_max), ceiling=ceiling),
    st.just(0) | minutes,
    st.builds(
        Ceiling,
        idle_usec=st.none() | minutes,
        max_usec=st.none() | minutes,
        hold_max_usec=st.none() | st.just(0) | minutes,
    ),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 1800)),
        st.tuples(st.just("wait"), st.integers(1, 30)),
        st.tuples(st.just("type"), st.none()),
        st.tuples(st.just("hold"), st.tuples(st.sampled_from([0, 1000]), minutes)),
        st.tuples(st.just("release"), st.sampled_from([0, 1000])),
        st.tuples(st.just("adopt"), policies),
        st.tuples(st.just("restart"), st.none()),
    ),
    max_size=12,
)


class Story:
    """A session of alice's, and what happens to it."""

    def __init__(self, policy: Policy) -> None:
        self.bench, self.policy = Bench(policy), policy
        self.login = self.bench.host.login(100, "pts/1")
        self.opened = self.typed = self.bench.host.time.boot_usec
        self.bench.run(1)

    @property
    def held_usec(self) -> int:
        """Returns for how much longer the session is held."""
        holds = [tracked.hold for tracked in self.bench.daemon.sessions.values() if tracked.hold is not None]
        return holds[0].until_usec - self.bench.host.time.boot_usec if holds else 0

    def wait(self, seconds: int) -> None:
        """Lets time pass, but not past the end of a hold: until then nothing is shown or done."""
        shown, held_usec = len(self.login.ttys["pts/1"].shown), self.held_usec
        self.bench.run(min(seconds, held_usec / SECOND - 0.1) if held_usec > SECOND else seconds)
        if held_usec > SECOND:
            assert len(self.login.ttys["pts/1"].shown) == shown
            assert not signalled(self.login)

    def type(self, _nothing: None) -> None:
        if self.login.ttys["pts/1"].type():
            self.typed = self.bench.host.time.boot_usec

    def adopt(self, policy: Policy) -> None:
        self.policy = policy
        self.bench.adopt(policy)

    def restart(self, _nothing: None) -> None:
        self.bench.restart()

    def hold(self, asked: tuple[int, int]) -> None:
        (key,) = self.bench.daemon.sessions
        now, (uid, usec) = self.bench.host.clock(), asked
        with contextlib.suppress(ReaperError):
            self.requests.hold(key, Hold(now.boot_usec, now.boot_usec + usec, uid, str(uid), "why"), now)
            assert not signalled(self.login)

    def release(self, uid: int) -> None:
        (key,) = self.bench.daemon.sessions
        with contextlib.suppress(ReaperError):
            self.requests.release(key, uid, str(uid), "", self.bench.host.clock())

    @property
    def requests(self) -> Requests:
        return Requests(self.bench.daemon, self.bench.journal)  # type: ignore[arg-type]


@given(policies, steps)
def test_no_hold_outlasts_its_bounds_and_while_it_lasts_nothing_is_done(policy, befalls):
    story = Story(policy)
    for word, value in befalls:
        if story.bench.daemon.sessions:
            getattr(story, word)(value)
        for tracked in story.bench.daemon.sessions.values():
            if tracked.hold is not None and story.held_usec > 0:
                _check_bounds(tracked.hold, story.policy, story.opened, story.typed)


def _check_bounds(hold: Hold, policy: Policy, opened: int, typed: int) -> None:
    """Measured by when the user really typed, and the worst case of a terminal's times."""
    latest = typed + STEP_USEC
    ceiling = policy.ceiling
    if hold.uid:
        assert hold.until_usec <= latest + policy.environments["standard"].hold_max_usec
    assert hold.until_usec <= hold.since_usec + LONGEST_HOLD_USEC
    if ceiling.hold_max_usec is not None:
        assert hold.until_usec <= max(latest, hold.since_usec) + ceiling.hold_max_usec
    if ceiling.idle_usec is not None:
        assert hold.until_usec < latest + ceiling.idle_usec
    if ceiling.max_usec is not None:
        assert hold.until_usec < opened + ceiling.max_usec
