"""What people ask for: sessions that are held, let go, warned and ended at their word, and what is not granted."""

from __future__ import annotations

import contextlib

import pytest

from reaper.daemon.requests import Requests
from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.limits import LONGEST_HOLD_USEC
from reaper.decide.policy.match import Match
from reaper.decide.policy.rules import Rule
from reaper.decide.session.hold import Hold
from reaper.decide.session.model import Order
from reaper.errors import ReaperError
from tests.unit.bench import Bench
from tests.unit.daemon.seen import shown, signalled
from tests.unit.daemon.test_restarts import restart
from tests.unit.fakes import make_limits, make_policy
from tests.unit.logins import KILL, FakeLogin
from tests.unit.simulated import MINUTE, SECOND, FakeTty

HOUR = 60 * MINUTE
HINT = "reaper: To keep it: reaperctl hold 100 1h --reason TEXT"
WARNED = f"reaper: This session on host1 is idle and ends in {{}}. Press any key to stay.\r\n{HINT}"
SPARED = "reaper: Thank you, this session stays."
ROOT, ALICE = 0, 1000
# Without evidence a session here is due 68 s after its login; 5 s are a poll.
DUE = 68
MANUAL = Order("root", "maintenance")


def make_bench(**fields: object) -> Bench:
    return Bench(make_policy(make_limits(hold_max_usec=2 * HOUR), **fields))


@pytest.fixture
def bench() -> Bench:
    return make_bench()


@pytest.fixture
def login(bench: Bench) -> FakeLogin:
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    return login


def hold(bench: Bench, login: FakeLogin, usec: int, uid: int = ROOT) -> str:
    """Asks for a hold, and returns what made it shorter."""
    now = bench.host.clock()
    wanted = Hold(now.boot_usec, now.boot_usec + usec, uid, {ROOT: "root", ALICE: "alice"}[uid], "a build")
    return requests(bench).hold(login.session.key, wanted, now)


def requests(bench: Bench) -> Requests:
    return Requests(bench.daemon, bench.journal)  # type: ignore[arg-type]


def release(bench: Bench, login: FakeLogin, uid: int = ROOT) -> None:
    requests(bench).release(login.session.key, uid, "somebody", "", bench.host.clock())


def terminate(bench: Bench, login: FakeLogin, *, force: bool = False) -> None:
    requests(bench).terminate(login.session.key, MANUAL, bench.host.clock(), force=force)


def left_usec(bench: Bench) -> int:
    (tracked,) = bench.daemon.sessions.values()
    assert tracked.hold is not None
    return tracked.hold.until_usec - bench.host.time.boot_usec


def test_a_held_session_is_not_touched_and_what_would_have_happened_is_told(bench, login):
    assert hold(bench, login, HOUR) == ""
    bench.run(HOUR // SECOND - 1)
    assert bench.words() == ["opened", "held", "warned", "warned", "observed"]
    assert all("(held)" in event.message for event in bench.told(100)[2:])
    assert all(event.fields["observed"] == "1" for event in bench.told(100)[2:])
    assert shown(login) == []
    assert not signalled(login)


def test_its_time_over_it_is_warned_and_then_ends(bench, login):
    hold(bench, login, HOUR)
    bench.run(HOUR // SECOND - 0.1)
    assert not signalled(login)
    bench.run(0.2)
    assert bench.words()[5:] == ["released", "warned"]
    assert bench.told(100, "released")[0].fields["by"] == ""
    assert shown(login) == [WARNED.format("10s")]
    bench.run(9)
    assert not signalled(login)
    bench.run(10)
    assert not login.leader.is_alive


def test_a_hold_withdraws_a_warning(bench, login):
    bench.run(50)
    assert shown(login) == [WARNED.format("20s")]
    hold(bench, login, HOUR)
    assert shown(login)[1:] == [SPARED]
    assert bench.words() == ["opened", "warned", "held", "cancelled"]


def test_who_uses_a_held_session_is_not_bothered(bench, login):
    hold(bench, login, 10 * MINUTE)
    for _ in range(40):
        bench.run(20)
        login.ttys["pts/1"].type()
    assert shown(login) == []
    assert "released" in bench.words()
    assert "warned" not in bench.words()


def test_a_hold_is_released_before_its_time(bench, login):
    hold(bench, login, HOUR)
    bench.run(200)
    release(bench, login)
    bench.run(0.1)
    assert bench.words()[-2:] == ["released", "warned"]
    assert bench.told(100, "released")[0].fields["by"] == "somebody"
    bench.run(20)
    assert not login.leader.is_alive


@pytest.mark.parametrize("uid", [ROOT, ALICE])
def test_who_may_release(bench, login, uid):
    hold(bench, login, HOUR, uid)
    if uid == ROOT:
        with pytest.raises(ReaperError, match="root holds the session") as refused:
            release(bench, login, ALICE)
        assert refused.value.problem == "not-allowed"
        release(bench, login, ROOT)
    else:
        release(bench, login, ALICE)
    with pytest.raises(ReaperError, match="not held"):
        release(bench, login, ROOT)


def test_a_hold_gives_way_to_a_later_one(bench, login):
    hold(bench, login, HOUR)
    hold(bench, login, 10 * MINUTE)
    assert left_usec(bench) == 10 * MINUTE
    assert bench.words() == ["opened", "held", "held"]


# For how long.


def test_a_person_holds_for_hold_max_after_their_last_sign_of_life(bench, login):
    assert hold(bench, login, 3 * HOUR, ALICE) == "hold_max"
    assert left_usec(bench) == 2 * HOUR + 7 * SECOND  # the login was in an eight-second step of the terminal's clock


def test_asking_again_and_again_gains_nothing(bench, login):
    """A script in the session that holds it, for ever."""
    began = bench.host.time.boot_usec
    while bench.daemon.sessions:
        with contextlib.suppress(ReaperError):
            hold(bench, login, HOUR, ALICE)
        bench.run(60)
    assert 2 * HOUR < bench.host.time.boot_usec - began < 2 * HOUR + 3 * MINUTE
    assert not login.leader.is_alive


def test_no_hold_max_no_hold():
    bench = Bench(make_policy())
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    with pytest.raises(ReaperError, match="environment:standard lets its users hold no session"):
        hold(bench, login, MINUTE, ALICE)
    assert bench.words() == ["opened"]
    assert hold(bench, login, MINUTE, ROOT) == ""


CEILINGS = [
    (Ceiling(hold_max_usec=HOUR), ROOT, "ceiling: hold_max", HOUR),
    (Ceiling(hold_max_usec=HOUR), ALICE, "hold_max", HOUR + 7 * SECOND),
    (Ceiling(idle_usec=30 * MINUTE), ROOT, "ceiling: idle", 30 * MINUTE + 7 * SECOND - 10 * SECOND),
    (Ceiling(max_usec=20 * MINUTE), ALICE, "ceiling: max", 20 * MINUTE - 11 * SECOND),
    (Ceiling(max_usec=20 * MINUTE, exempt=("environment:standard",)), ROOT, "", 90 * MINUTE),
]


@pytest.mark.parametrize(("ceiling", "uid", "bound", "left"), CEILINGS)
def test_the_ceiling_caps_holds(ceiling, uid, bound, left):
    bench = make_bench(ceiling=ceiling)
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    shortened = hold(bench, login, 90 * MINUTE, uid)
    assert left_usec(bench) == pytest.approx(left, abs=8 * SECOND)
    assert shortened == bound or (uid == ALICE and bound == "hold_max" and shortened == "ceiling: hold_max")
    bench.run(left // SECOND + 30)
    assert not login.leader.is_alive


def test_a_ceiling_that_is_past_allows_none():
    bench = make_bench(ceiling=Ceiling(idle_usec=20 * MINUTE), rules=())
    bench.adopt(make_policy(make_limits(idle_usec=None, max_usec=None, warn_usec=())))
    login = bench.host.login(100, "pts/1")
    bench.run(30 * 60)
    bench.adopt(make_policy(make_limits(idle_usec=20 * MINUTE), ceiling=Ceiling(idle_usec=20 * MINUTE)))
    with pytest.raises(ReaperError, match="the ceiling's idle lets nobody hold") as refused:
        hold(bench, login, HOUR)
    assert refused.value.problem == "not-allowed"


def test_a_policy_that_has_become_stricter_cuts_holds_short(bench, login):
    hold(bench, login, 2 * HOUR, ALICE)
    bench.adopt(make_policy(make_limits(hold_max_usec=10 * MINUTE)))
    assert left_usec(bench) <= 10 * MINUTE + 8 * SECOND
    bench.adopt(make_policy(make_limits(hold_max_usec=2 * HOUR)))
    assert left_usec(bench) <= 10 * MINUTE + 8 * SECOND
    bench.adopt(make_policy(make_limits()))
    bench.run(30)
    assert "released" in bench.words()


def test_an_administrators_hold_ends_after_a_week(bench, login):
    now = bench.host.clock()
    wanted = Hold(now.boot_usec, now.boot_usec + LONGEST_HOLD_USEC, ROOT, "root", "x")
    assert requests(bench).hold(login.session.key, wanted, now) == ""


def test_without_a_policy_only_root_holds():
    bench = Bench()
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    with pytest.raises(ReaperError, match="no policy"):
        hold(bench, login, HOUR, ALICE)
    hold(bench, login, HOUR)
    bench.adopt(make_policy())
    bench.run(200)
    assert not signalled(login)
    assert "observed" in bench.words()


# What else happens to held sessions.


def test_a_restart_changes_nothing(bench, login):
    hold(bench, login, 10 * MINUTE)
    bench.run(100)
    restart(bench)
    bench.run(8 * 60)
    assert not signalled(login)
    assert "released" not in bench.words()
    bench.run(60)
    assert bench.words()[-2:] == ["ending", "terminated"]


def test_groups_that_cannot_be_told_do_not_prolong_a_hold(bench, login):
    """Its time over, the session is under its rule as it was, and warned anew; also if a restart comes between."""
    hold(bench, login, MINUTE)
    ops = Rule("ops", Match(group=("ops",)), make_limits(), ())
    bench.host.groups["alice"] = None
    bench.run(50)
    bench.adopt(make_policy(make_limits(), rules=(ops,)))
    bench.run(10.5)
    assert bench.words()[-2:] == ["released", "warned"]
    assert shown(login) == [WARNED.format("10s")]
    assert not signalled(login)
    bench.run(30)
    assert not login.leader.is_alive


@pytest.mark.parametrize("seconds", [45, 61, 75])
def test_nobody_is_ended_by_what_was_counted_while_held(seconds):
    """Warned and observed in silence, the hold over, and another daemon: the person has been told nothing yet."""
    ops = Rule("ops", Match(group=("ops",)), make_limits(), ())
    bench = make_bench(rules=(ops,))
    login = bench.host.login(100, "pts/1")
    bench.host.groups["alice"] = None
    bench.run(1)
    hold(bench, login, seconds * SECOND)
    bench.run(seconds + 1)
    restart(bench)
    bench.host.groups["alice"] = frozenset()
    bench.run(8)
    assert not signalled(login)
    bench.run(200)
    assert not login.leader.is_alive
    assert [line for line in shown(login) if "idle and ends in" in line]


def test_a_ceiling_caps_holds_whose_rule_cannot_be_told(bench, login):
    hold(bench, login, 2 * HOUR)
    bench.host.groups["alice"] = None
    ops = Rule("ops", Match(group=("ops",)), make_limits(), ())
    bench.adopt(make_policy(make_limits(), rules=(ops,), ceiling=Ceiling(hold_max_usec=MINUTE)))
    assert left_usec(bench) <= MINUTE


def test_max_and_hold_max_together_cannot_be_outlived():
    bench = Bench(make_policy(make_limits(max_usec=10 * MINUTE, hold_max_usec=5 * MINUTE)))
    login = bench.host.login(100, "pts/1")
    bench.run(1)
    began = bench.host.time.boot_usec
    while bench.daemon.sessions:
        login.ttys["pts/1"].type()
        with contextlib.suppress(ReaperError):
            hold(bench, login, 5 * MINUTE, ALICE)
        bench.run(60)
    assert bench.host.time.boot_usec - began <= 17 * MINUTE


def test_a_session_that_ends_by_itself(bench, login):
    hold(bench, login, HOUR)
    bench.host.leave(login)
    bench.daemon.presence.leader_died(login.session.key, bench.host.clock().boot_usec)
    bench.run(10)
    assert bench.words() == ["opened", "held", "closed"]


def test_what_is_being_ended_is_not_held(bench, login):
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    bench.run(DUE + 2)
    with pytest.raises(ReaperError, match="being ended"):
        hold(bench, login, HOUR)
    with pytest.raises(ReaperError, match="being ended"):
        terminate(bench, login, force=True)


# What an administrator is told.

TOLD = "reaper: {} held and not ended when idle; reaperctl list shows which."


def test_root_is_told_of_holds_at_login(bench, login):
    """Once, as soon as there is a terminal to tell it on; not who is held, for who may sudo need not be told."""
    hold(bench, login, HOUR)
    root = bench.host.login(200, user="root", uid=0)
    bench.run(6)
    root.ttys["pts/2"] = FakeTty("pts/2", bench.host.time, 0)
    bench.run(30)
    assert shown(root, "pts/2") == [TOLD.format("1 session is")]
    restart(bench)
    bench.run(10)
    assert len(shown(root, "pts/2")) == 1


def test_who_becomes_root_is_told(bench, login):
    hold(bench, login, HOUR)
    bob = bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(10)
    assert shown(bob, "pts/2") == []
    bench.host.become_root(bob.session, bench.host.time.boot_usec)
    bench.run(10)
    assert len(shown(bob, "pts/2")) == 1
    restart(bench)
    bench.run(20)
    assert len(shown(bob, "pts/2")) == 1
    assert shown(login) == []


def test_no_holds_no_word(bench, login):
    root = bench.host.login(200, "pts/2", user="root", uid=0)
    bench.run(10)
    assert shown(root, "pts/2") == []


def test_a_person_cannot_change_what_root_holds(bench, login):
    hold(bench, login, HOUR, ROOT)
    with pytest.raises(ReaperError, match="only who holds it and root") as refused:
        hold(bench, login, MINUTE, ALICE)
    assert refused.value.problem == "not-allowed"
    assert left_usec(bench) == HOUR


def test_a_loop_of_requests_writes_no_flood(bench, login):
    """Each is a record in the journal and a write of the state."""
    asked = requests(bench)
    now, key = bench.host.clock(), login.session.key
    wanted = Hold(now.boot_usec, now.boot_usec + HOUR, ALICE, "alice", "a build")
    asked.hold(key, wanted, now)
    asked.release(key, ALICE, "alice", "", now)
    for _ in range(100):
        with pytest.raises(ReaperError, match="held just now"):
            asked.hold(key, wanted, now)
    assert bench.words() == ["opened", "held", "released"]
    asked.hold(key, wanted._replace(uid=ROOT), now)
    bench.run(3)
    asked.hold(key, wanted._replace(uid=ROOT, since_usec=bench.host.time.boot_usec), bench.host.clock())
