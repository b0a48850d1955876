"""The order of the questions before a session is warned, locked or ended, and that none of them is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reaper.decide.policy.limits import Action
from reaper.decide.session import observation, operations, policy_change, step
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Instant, Program, SessionKey
from reaper.decide.session.state import Phase
from reaper.decide.session.tracked_session import Change, TrackedSession
from tests.unit.fakes import FakeHost, make_limits, make_policy
from tests.unit.simulated import SECOND


class Script:
    """A session that is due, the answers to each question, and the questions in the order in which they came."""

    def __init__(self, action: Action = Action.TERMINATE, idle_sec: int = 100, **answers: object) -> None:
        host = FakeHost()
        login = host.login(100, "pts/1")
        began = host.clock()
        self.policy = make_policy(make_limits(action=action, busy=("rsync",)))
        found = observation.start_tracking(login.session, host.read_terminals(["pts/1"]), began, is_new=True)
        self.session = policy_change.apply_policy(found, self.policy, frozenset(), began.boot_usec).tracked
        self.key = login.session.key
        for seconds in (48, 58):  # warned twice, if there is so much time
            if seconds < idle_sec:
                now_usec = began.boot_usec + seconds * SECOND
                self.session = operations.pass_time(self.session, now_usec).tracked
        self.now = Instant(began.boot_usec + idle_sec * SECOND, began.wall_ns + idle_sec * SECOND * 1000)
        self.answers = answers
        self.asked: list[str] = []
        self.waits_until: int | None = None
        self.program: Program | None = None

    def take(self) -> list[str]:
        step.take(self, self.key, self.now)
        return self.asked

    def answer(self, question: str) -> object:
        """Notes the question; where it is scripted that the person types meanwhile, the session is active again."""
        self.asked.append(question)
        if self.answers.get("typed_at") == question:
            self.session = replace(self.session, life=replace(self.session.life, phase=Phase.ACTIVE,
                                                              evidence_usec=self.now.boot_usec))  # fmt: skip
        return self.answers.get(question)

    def tracked(self, _key: SessionKey) -> TrackedSession:
        return self.session

    def commit(self, _key: SessionKey, change: Change, _now: Instant, program: Program | None = None) -> None:
        self.session, self.program = change.tracked, program

    def wait_until(self, _key: SessionKey, usec: int) -> None:
        self.waits_until = usec

    def end_hold(self, _key: SessionKey, now: Instant) -> None:
        self.answer("hold")
        self.session = operations.release(self.session, now.boot_usec)

    def look(self, _key: SessionKey, _now: Instant) -> None:
        self.answer("look")

    def look_closely(self, _key: SessionKey, _now: Instant) -> None:
        self.answer("look closely")

    def look_at_shared(self, _key: SessionKey, _now: Instant) -> None:
        self.answer("shared")

    def look_at_lock(self, _key: SessionKey, _now: Instant) -> None:
        self.answer("lock state")

    def is_alive(self, _key: SessionKey) -> bool:
        return not self.answer("gone")

    def check_gone(self, _key: SessionKey, _now: Instant) -> None:
        self.answer("close")

    def delay_usec(self, _key: SessionKey, _now: Instant) -> int:
        return SECOND if self.answer("delay") else 0

    def busy_program(self, _key: SessionKey, _now: Instant) -> Program | None:
        return Program("rsync", 7) if self.answer("busy") else None

    def judge(self, _key: SessionKey, now: Instant) -> None:
        why = "no password" if self.answer("lockable") == "no" else ""
        change = policy_change.apply_policy(self.session, self.policy, frozenset(), now.boot_usec, unlockable=why)
        self.session = change.tracked

    def brake_until_usec(self, _key: SessionKey, now: Instant) -> int:
        return now.boot_usec + SECOND if self.answer("brake") else 0

    def watched_now(self) -> Instant:
        if self.answer("watched") == "lapsed":
            self.session = operations.lapse(self.session, self.now.boot_usec)
        return self.now

    def lock(self, _key: SessionKey, change: Change, by: str, _now: Instant) -> None:
        assert by == ""
        self.asked.append("LOCK")
        self.session = change.tracked

    def terminate(self, _key: SessionKey, change: Change, _now: Instant) -> None:
        self.asked.append("END")
        self.session = change.tracked


LOOKS = ["look", "shared", "lock state"]
TO_THE_END = [*LOOKS, "gone", "delay", "look closely", "busy", "brake", "watched", "END"]


def test_session_that_is_not_due_is_only_looked_at():
    script = Script(idle_sec=10)
    assert script.take() == LOOKS
    assert script.session.life.phase is Phase.ACTIVE


def test_session_whose_warning_is_due_is_warned_and_not_ended():
    script = Script(idle_sec=48)
    assert script.take() == LOOKS
    assert script.session.life.phase is Phase.WARNED


def test_every_question_is_asked_before_an_end():
    script = Script()
    assert script.take() == TO_THE_END
    assert script.session.life.phase is Phase.ENDING


@pytest.mark.parametrize(
    ("answer", "last"),
    [("gone", "close"), ("delay", "delay"), ("busy", "busy"), ("brake", "brake")],
)
def test_each_answer_alone_keeps_a_session(answer, last):
    """And no later question is asked."""
    script = Script(**{answer: True})
    asked = script.take()
    assert "END" not in asked
    assert asked[-1] == last
    assert script.session.life.phase is not Phase.ENDING


def test_what_has_to_wait_is_taken_again_at_that_moment():
    for answer in ("delay", "brake"):
        script = Script(**{answer: True})
        script.take()
        assert script.waits_until == script.now.boot_usec + SECOND


def test_busy_session_is_deferred_for_the_program():
    script = Script(busy=True)
    script.take()
    assert (script.session.life.phase, script.program) == (Phase.DEFERRED, Program("rsync", 7))


@pytest.mark.parametrize("question", ["look", "shared", "lock state", "look closely"])
def test_input_at_any_look_keeps_a_session(question):
    script = Script(typed_at=question)
    asked = script.take()
    assert "END" not in asked
    assert asked[-1] == ("lock state" if question != "look closely" else question)


def test_lapse_at_the_last_moment_keeps_a_session():
    """Nobody watched for an answer to the warning: it is given again."""
    script = Script(watched="lapsed")
    assert script.take() == TO_THE_END[:-1]
    assert script.session.life.phase is not Phase.ENDING


def test_lock_asks_whether_it_can_be_unlocked_and_no_brake():
    script = Script(Action.LOCK)
    assert script.take() == [*LOOKS, "gone", "delay", "look closely", "busy", "lockable", "LOCK"]
    assert script.session.life.phase is Phase.LOCKED


def test_session_that_cannot_be_locked_is_warned_of_its_end_first():
    script = Script(Action.LOCK, lockable="no")
    asked = script.take()
    assert "LOCK" not in asked
    assert "END" not in asked
    assert script.session.life.phase is not Phase.ENDING


def test_hold_whose_time_is_over_ends_first():
    script = Script(idle_sec=10)
    script.session = replace(script.session, hold=Hold(0, script.now.boot_usec, 0, "root", "a build"))
    assert script.take() == ["hold", *LOOKS]
    assert script.session.hold is None


def test_hold_that_lasts_keeps_a_session():
    script = Script(idle_sec=10)
    hold = Hold(0, script.now.boot_usec + 1, 0, "root", "a build")
    script.session = operations.hold(script.session, hold, script.now.boot_usec).tracked
    script.now = script.now._replace(boot_usec=script.now.boot_usec)
    assert script.take() == LOOKS
    assert script.session.hold is not None
