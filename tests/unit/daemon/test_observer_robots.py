"""A session into which a robot types, under `robots: ignore`: it is warned and ends, and a user's key keeps it."""

from __future__ import annotations

import pytest

from reaper.decide.output import session_view
from reaper.decide.policy.limits import Action, Robots, Share
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import FakeLogin
from tests.unit.simulated import MINUTE, SECOND

IDLE = 15 * MINUTE
LEADS = (5 * MINUTE, MINUTE)


def limits(**fields: object):
    return make_limits(**{"idle_usec": IDLE, "warn_usec": LEADS, "robots": Robots.IGNORE, **fields})


POLICY = make_policy(limits())


@pytest.fixture(params=[1, 0], ids=["counted", "by the terminal's times"])
def login(login, request) -> FakeLogin:
    login.typed = 0 if request.param else None
    return login


def press(login: FakeLogin, size: int = 1) -> None:
    login.ttys["pts/1"].type()
    if login.typed is not None:
        login.send(size)


def send(bench: Bench, login: FakeLogin, period: float, minutes: float, size: int = 1, until: str = "") -> None:
    """Types as a robot does, until an event if one is given."""
    for _ in range(round(minutes * 60 / period)):
        bench.run(period)
        press(login, size)
        if until and until in bench.words():
            return


def explained(bench: Bench) -> str:
    (tracked,) = bench.daemon.sessions.values()
    told = session_view.explain(tracked, bench.daemon.policy, frozenset(), bench.host.time.boot_usec)
    return " ".join(told["text"])


def test_a_robot_is_recognized_warned_and_ended(bench, login):
    send(bench, login, 45, 60, until="robot")
    told = bench.events(word="robot")[0]
    size = " of 1 byte" if login.typed is not None else ""
    assert told.fields["why"] == f"one code{size} every 45s"
    assert "gets input from a robot" in told.message
    assert 10 * MINUTE <= int(told.fields["idle_usec"]) <= 40 * MINUTE
    assert "A robot types on it" in explained(bench)
    began = bench.host.time.boot_usec
    send(bench, login, 45, 20, until="ending")
    assert bench.words() == ["opened", "robot", "warned", "warned", "ending", "terminated"]
    assert bench.host.time.boot_usec - began >= 4 * MINUTE, "with all of its leads"
    assert "5min" in shown(login)[0]


def test_key_of_a_user_keeps_the_session_and_restarts_recognition(bench, login):
    send(bench, login, 45, 60, until="robot")
    bench.run(100)
    bench.run(20)
    press(login)
    bench.run(16)
    assert bench.words()[-3:] == ["warned", "cancelled", "resumed"]
    assert "A robot types" not in explained(bench)
    send(bench, login, 45, 9)
    assert bench.words()[-1] == "resumed", "its signs count until they have been judged again"
    send(bench, login, 45, 60, until="ending")
    assert bench.words().count("robot") == 2
    assert "ending" in bench.words()


def test_code_of_another_size_is_not_the_robots(bench):
    login = bench.host.login(100, "pts/1")
    login.typed = 0
    send(bench, login, 45, 60, until="robot")
    bench.run(45)
    press(login, 2)
    bench.run(16)
    assert bench.words()[-3:] == ["warned", "cancelled", "resumed"]


def test_key_in_the_same_eight_seconds_as_a_robots_code_counts(bench):
    """Only the count of bytes shows it."""
    login = bench.host.login(100, "pts/1")
    login.typed = 0
    send(bench, login, 10, 60, until="robot")
    for _ in range(5):
        bench.run(10)
        press(login)
    login.send()
    bench.run(6)
    assert bench.words()[-2:] == ["cancelled", "resumed"]


@pytest.mark.parametrize("period", [5, 8, 10, 15, 20, 33, 60])
@pytest.mark.parametrize("pause", [11, 17, 29])
def test_keys_after_a_robot_has_stopped_count(bench, period, pause):
    """No program reads them. Some come when a code was due, most often at nearly its pace."""
    bench.adopt(make_policy(limits(idle_usec=60 * MINUTE)))
    login = bench.host.login(100, "pts/1")
    login.typed = 0
    send(bench, login, period, 60, until="robot")
    ignored = 0
    while "A robot types" in explained(bench):
        assert ignored <= (3 if abs(pause - period) > 2 else 6)
        bench.run(pause)
        login.send()
        ignored += 1


def test_quick_robot_is_recognized_by_counts_alone(bench, login):
    send(bench, login, 5, 60)
    assert ("ending" in bench.words()) is (login.typed is not None)


def test_restart_remembers_what_a_robot_did(bench, login):
    send(bench, login, 45, 60, until="robot")
    bench.restart()
    assert "A robot types on it" in explained(bench)
    send(bench, login, 45, 20, until="ending")
    assert bench.words().count("robot") == 1
    assert "ending" in bench.words()


def test_restart_during_recognition_by_times_changes_nothing(bench):
    login = bench.host.login(100, "pts/1")
    send(bench, login, 45, 6)
    bench.restart()
    send(bench, login, 45, 60, until="ending")
    assert "ending" in bench.words()


@pytest.mark.parametrize("robots", Robots)
def test_robots_count_changes_nothing(robots):
    bench = Bench(make_policy(limits(robots=robots)))
    login = bench.host.login(100, "pts/1")
    login.typed = 0
    send(bench, login, 45, 60)
    assert (bench.words() == ["opened"]) is (robots is Robots.COUNT)


def test_rule_that_no_longer_ignores_robots_forgets_the_rhythm(bench, login):
    send(bench, login, 45, 60, until="robot")
    bench.adopt(make_policy(limits(robots=Robots.COUNT)))
    send(bench, login, 45, 60)
    assert "ending" not in bench.words()
    assert "A robot types" not in explained(bench)


def test_a_robot_at_the_pace_of_the_warnings_is_recognized(bench, login):
    """Each of its codes but the deciding one comes after a warning and withdraws it, as a user's key would."""
    send(bench, login, 720, 60 * 12, until="robot")
    words = bench.words()
    assert words[words.index("robot") - 3 :][:4] == ["cancelled", "resumed", "warned", "robot"]
    assert words[words.index("robot") + 1 :] == ["warned", "ending", "terminated"]


@pytest.mark.parametrize("action", [Action.OBSERVE, Action.LOCK])
def test_robot_is_reported_under_any_action(action):
    bench = Bench(make_policy(limits(action=action)))
    login = bench.host.login(100, "pts/1")
    login.typed = 0
    send(bench, login, 45, 60)
    assert {Action.OBSERVE: "observed", Action.LOCK: "ending"}[action] in bench.words() or bench.actor.locks
    assert signalled(login) is False or action is Action.LOCK


def test_without_warnings_the_whole_limit_is_left_after_recognition():
    bench = Bench(make_policy(limits(warn_usec=())))
    login = bench.host.login(100, "pts/1")
    login.typed = 0
    send(bench, login, 45, 60, until="robot")
    began = bench.host.time.boot_usec
    send(bench, login, 45, 60, until="ending")
    assert IDLE - 50 * SECOND <= bench.host.time.boot_usec - began <= IDLE + 90 * SECOND


def test_a_robot_keeps_no_other_session_of_its_user():
    bench = Bench(make_policy(limits(share_activity=Share.USER)))
    login, other = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    login.typed = other.typed = 0
    send(bench, login, 45, 70)
    assert [bench.words(pid)[-1] for pid in (100, 200)] == ["terminated"] * 2


def test_explanation_says_that_robots_are_ignored(bench, login):
    bench.run(30)
    assert "(robots: ignore); none is known" in explained(bench)


def test_next_event_shown_is_the_warning_and_not_the_recognition(bench, login):
    """The daemon looks for the rhythm within the minute."""
    send(bench, login, 45, 9)
    (tracked,) = bench.daemon.sessions.values()
    assert tracked.rhythm.look_usec
    shown_as = session_view.of_session(tracked, bench.host.time.boot_usec)
    assert (shown_as["next"], shown_as["next_usec"] > 8 * MINUTE) == ("warn", True)
