"""The daemon among fakes: who is warned, spared and ended, when, and what is never done.

Laws of DESIGN "Decide" as the daemon keeps them, with a clock that is turned by hand. A session here idles for 60 s,
is warned 20 s and 10 s before, and is polled every 5 s.
"""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from reaper.decide import snapshot
from reaper.decide.lifecycle import Phase, Rung
from reaper.decide.model import SessionKey, Usage
from reaper.decide.policy import Action, Brake, Kill, Match, Rule
from reaper.errors import ReaperError
from tests.unit.fakes import CONT, HUP, KILL, TERM, Bench, FakeLogin, FakeTty, make_limits, make_policy
from tests.unit.simulated import SECOND

BUCKET = 8


@pytest.fixture
def bench() -> Bench:
    return Bench(make_policy())


def phase(bench: Bench, login: FakeLogin) -> Phase:
    return bench.daemon.sessions[login.session.key].life.phase


def shown(login: FakeLogin, terminal: str = "pts/1") -> list[str]:
    """What the person has read on a terminal, a message one line."""
    return [text.strip("\a\r\n") for text in login.ttys[terminal].shown]


def signalled(login: FakeLogin) -> bool:
    return any(process.signals for process in (login.leader, *login.processes, *login.survivors))


# A life.


def test_a_whole_life(bench):
    """Warned at both leads, ended at the limit; the login itself counts to the end of its eight seconds."""
    login = bench.host.login(100, "pts/1")
    tty = login.ttys["pts/1"]
    started = bench.host.time.boot_usec
    bench.run(47)
    assert bench.words() == ["opened"]
    bench.run(1)
    assert bench.words() == ["opened", "warned"]
    bench.run(10)
    assert shown(login) == [
        "reaper: This session on host1 is idle and ends in 20s. Press any key to stay.",
        "reaper: This session on host1 is idle and ends in 10s. Press any key to stay.",
    ]
    bench.run(9.9)
    assert not signalled(login)
    bench.run(0.1)
    assert bench.host.time.boot_usec == started + (60 + BUCKET) * SECOND
    assert login.processes[0].signals == [HUP]
    assert login.leader.signals == []
    assert tty.shown[-1].strip() == (
        "\a\r\nreaper: This session on host1 ends now: nobody has typed for 1min. Log in again to go on.".strip()
    )
    bench.run(5)
    assert login.leader.signals == [TERM]
    bench.run(0.2)
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]
    assert bench.daemon.sessions == {}
    assert bench.actor.removed == [login.session.key]


def test_a_key_keeps_the_session(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    login.ttys["pts/1"].type()
    bench.run(10)
    assert bench.words() == ["opened", "warned", "cancelled", "resumed"]
    assert shown(login)[1:] == ["reaper: Thank you, this session stays."]
    bench.run(30)
    assert len(bench.told(word="cancelled")) == 1
    assert phase(bench, login) is Phase.ACTIVE


def test_a_person_who_types_is_never_disturbed(bench):
    login = bench.host.login(100, "pts/1")
    for _ in range(100):
        bench.run(30)
        login.ttys["pts/1"].type()
    assert bench.words() == ["opened"]
    assert shown(login) == []


def test_a_gap_of_a_minute_is_told():
    bench = Bench(make_policy(make_limits(idle_usec=600 * SECOND)))
    login = bench.host.login(100, "pts/1")
    bench.run(100)
    login.ttys["pts/1"].type()
    bench.run(10)
    (resumed,) = bench.told(word="resumed")
    assert 90 * SECOND <= int(resumed.fields["idle_usec"]) <= 100 * SECOND


def test_input_at_the_last_look_before_the_end(bench):
    """The daemon was about to act: it looks, sees a key pressed a moment ago, and does nothing."""
    login = bench.host.login(100, "pts/1")
    bench.run(67.9)
    login.ttys["pts/1"].type()
    bench.run(0.1)
    assert bench.words() == ["opened", "warned", "warned", "cancelled", "resumed"]
    assert not signalled(login)


def test_a_new_terminal_at_the_last_look_before_the_end(bench):
    """ControlMaster: the person has just opened another shell on the same connection."""
    login = bench.host.login(100, "pts/1")
    bench.run(67.9)
    login.ttys["pts/2"] = FakeTty("pts/2", bench.host.time)
    bench.run(0.1)
    assert "ending" not in bench.words()
    assert not signalled(login)


def test_typing_in_the_eight_seconds_of_the_login_is_not_lost(bench):
    """What is typed in the bucket in which the terminal was made leaves no trace; it is counted all the same."""
    login = bench.host.login(100, "pts/1")
    bench.run(7.9)
    assert not login.ttys["pts/1"].type()
    last = bench.host.time.boot_usec
    bench.run(61)
    ending = bench.told(word="ending")
    assert not ending or bench.host.time.boot_usec >= last + 60 * SECOND
    assert [event.kind.word for event in ending] == ["ending"]


def test_typing_in_the_eight_seconds_of_a_new_terminal_is_not_lost(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(16)
    login.ttys["pts/2"] = FakeTty("pts/2", bench.host.time)
    bench.run(7.9)
    login.ttys["pts/2"].type()
    bench.run(59.9)
    assert "ending" not in bench.words()
    bench.run(0.2)
    assert "ending" in bench.words()


def test_a_session_found_soon_after_its_login_counts_what_was_typed_before(bench):
    """The daemon starts 50 s after the login: what the terminal shows of those 50 s counts."""
    login = bench.host.login(100, "pts/1")
    bench.sleep(45)
    login.ttys["pts/1"].type()
    bench.sleep(5)
    bench.run(54)
    assert "ending" not in bench.words()


def test_a_session_found_late_counts_from_then(bench):
    bench.host.login(100, "pts/1")
    bench.sleep(3600)
    bench.run(39)
    assert bench.words() == ["opened"]
    bench.run(30)
    assert bench.words()[:4] == ["opened", "warned", "warned", "ending"]


def test_an_age_limit(bench):
    """Input does not move it, and the person is told so."""
    bench.adopt(make_policy(make_limits(max_usec=300 * SECOND)))
    login = bench.host.login(100, "pts/1")
    for _ in range(29):
        bench.run(10)
        login.ttys["pts/1"].type()
    assert bench.words() == ["opened", "warned", "warned"]
    assert shown(login)[0] == (
        "reaper: This session on host1 ends in 20s: sessions here last at most 5min. Save your work and log in again."
    )
    bench.run(10)
    (ending,) = bench.told(word="ending")
    assert ending.fields["reason"] == "max"


# The moment before an act.


def test_a_leader_that_dies_before_the_act(bench):
    """Its pidfd has not been heard yet: nothing is signalled, the session is closed."""
    bench.daemon.on_track = lambda _key: True
    login = bench.host.login(100, "pts/1")
    bench.run(67.9)
    login.leader.is_alive = login.has_record = False
    bench.run(0.1)
    assert bench.words() == ["opened", "warned", "warned", "closed"]
    assert bench.actor.climbs == []
    assert not signalled(login)


def test_terminals_that_go_before_the_act(bench):
    bench.daemon.on_track = lambda _key: True
    login = bench.host.login(100, "pts/1")
    bench.run(67.9)
    bench.host.leave(login)
    bench.run(10)
    bench.daemon.leader_died(login.session.key, bench.host.clock())
    bench.run(0.3)
    assert bench.words() == ["opened", "warned", "warned", "closed"]
    assert bench.actor.climbs == []


def test_a_pid_that_was_reused(bench):
    """Another login has the leader's pid and terminal by now: it is another session."""
    login = bench.host.login(100, "pts/1")
    bench.run(67.9)
    bench.host.leave(login)
    other = bench.host.login(100, "pts/1")
    other.session = replace(other.session, key=SessionKey(100, 999_999))
    other.leader.id = other.leader.id._replace(start_ticks=999_999)
    del bench.host.logins[login.session.key]
    bench.host.logins[other.session.key] = other
    bench.run(30)
    assert sorted(bench.words()) == ["closed", "opened", "opened", "warned", "warned"]
    assert not signalled(other)
    assert set(bench.daemon.sessions) == {other.session.key}


def test_a_leader_that_ends_is_heard_at_once(bench):
    bench.daemon.on_track = lambda _key: True
    login = bench.host.login(100, "pts/1")
    bench.run(12)
    bench.host.leave(login)
    bench.daemon.leader_died(login.session.key, bench.host.clock())
    bench.run(0.3)
    assert bench.words() == ["opened", "closed"]
    assert bench.daemon.sessions == {}


def test_a_connection_that_outlives_its_leader_is_still_ended(bench):
    """SIGKILL to sshd's monitor: shell and connection live on, and nobody else would ever end them."""
    bench.daemon.on_track = lambda _key: True
    login = bench.host.login(100, "pts/1")
    login.survivors.append(replace(login.leader, id=login.leader.id._replace(pid=150), signals=[]))
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(12)
    login.leader.is_alive = False
    bench.daemon.leader_died(login.session.key, bench.host.clock())
    bench.run(90)
    assert bench.words() == ["opened", "warned", "warned", "ending", "terminated"]
    assert login.survivors[0].signals == [TERM]


# Observe, no policy, other policies.


def test_observe_touches_nothing():
    bench = Bench(make_policy(make_limits(action=Action.OBSERVE)))
    login = bench.host.login(100, "pts/1")
    bench.run(300)
    assert bench.words() == ["opened", "warned", "warned", "observed"]
    assert all(event.fields["observed"] == "1" for event in bench.told())
    assert shown(login) == []
    assert not signalled(login)
    login.ttys["pts/1"].type()
    bench.run(300)
    assert bench.words()[4:] == ["resumed", "warned", "warned", "observed"]
    assert shown(login) == []


def test_without_a_policy_nobody_is_touched():
    bench = Bench()
    login = bench.host.login(100, "pts/1")
    bench.run(100_000)
    assert bench.words() == ["opened"]
    assert not signalled(login)
    assert shown(login) == []


def test_a_stricter_policy_warns_first(bench):
    """Idle for 50 min under a limit of an hour; then the limit is one minute."""
    bench.adopt(make_policy(make_limits(idle_usec=3600 * SECOND)))
    login = bench.host.login(100, "pts/1")
    bench.run(3000)
    bench.adopt(make_policy())
    bench.tick()
    assert bench.words() == ["opened", "warned"]
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 10s. Press any key to stay."]
    bench.run(9.9)
    assert "ending" not in bench.words()
    bench.run(0.1)
    assert "ending" in bench.words()


def test_a_milder_policy_takes_the_warning_back(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    bench.adopt(make_policy(make_limits(idle_usec=3600 * SECOND)))
    bench.run(100)
    assert bench.words() == ["opened", "warned", "cancelled"]
    assert shown(login)[-1] == "reaper: Thank you, this session stays."


def test_from_observe_to_terminate_warns_first(bench):
    bench.adopt(make_policy(make_limits(action=Action.OBSERVE)))
    login = bench.host.login(100, "pts/1")
    bench.run(300)
    bench.adopt(make_policy())
    bench.run(9)
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 10s. Press any key to stay."]
    assert not signalled(login)
    bench.run(2)
    assert signalled(login)


def test_to_observe_in_the_middle_of_an_end_stops_it(bench):
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    bench.run(68)
    assert login.processes[0].signals == [HUP, CONT]
    bench.adopt(make_policy(make_limits(action=Action.OBSERVE)))
    bench.run(100)
    assert login.leader.signals == []
    assert login.processes[0].signals == [HUP, CONT]
    assert bench.words()[-1] == "observed"


def test_a_session_on_its_way_out_keeps_its_rule():
    """Its shell has ended, and its terminal: it is no session without a terminal now, which another rule is for."""
    jobs = Rule("jobs", Match(terminal=("none",)), make_limits(action=Action.OBSERVE), ("action",))
    bench = Bench(make_policy(rules=(jobs,)))
    login = bench.host.login(100, "pts/1")
    bench.run(68.1)
    login.ttys.clear()
    bench.run(30)
    assert bench.words()[-2:] == ["ending", "terminated"]
    assert bench.told()[-1].fields["rule"] == "environment:standard"


def test_groups_are_asked_for_only_where_a_rule_does(bench):
    bench.host.trouble["alice"] = OSError("the name service is slow")
    bench.host.login(100, "pts/1")
    bench.run(10)
    assert bench.warnings() == []


def test_a_rule_by_group_decides(bench):
    ops = Rule("ops", Match(group=("ops",)), make_limits(idle_usec=None), ("idle",))
    bench.adopt(make_policy(rules=(ops,)))
    bench.host.groups["alice"] = frozenset(["ops", "users"])
    bench.host.login(100, "pts/1")
    bench.host.login(200, "pts/2", user="bob", uid=1001)
    bench.run(100)
    assert bench.words(100) == ["opened"]
    assert "terminated" in bench.words(200)


# The brake.


def test_the_brake_holds_the_rest_and_alerts_once(bench):
    bench.adopt(make_policy(brake=Brake(2, 60 * SECOND)))
    for pid in (100, 200, 300, 400):
        bench.host.login(pid, f"pts/{pid}")
    bench.run(68)
    assert bench.words().count("ending") == 2
    assert bench.words().count("brake") == 1
    bench.run(59)
    assert bench.words().count("ending") == 2
    assert bench.words().count("brake") == 1
    bench.run(1)
    assert bench.words().count("ending") == 4


def test_a_session_that_the_brake_holds_can_still_be_saved(bench):
    bench.adopt(make_policy(brake=Brake(1, 60 * SECOND)))
    first, second = bench.host.login(100, "pts/1"), bench.host.login(200, "pts/2")
    bench.run(70)
    held = second if signalled(first) else first
    (terminal,) = held.ttys
    held.ttys[terminal].type()
    bench.run(60)
    assert not signalled(held)
    assert bench.words(held.session.key.pid).count("cancelled") == 1


# Restarts.


def restart(bench: Bench) -> None:
    """The daemon ends as at SIGTERM, and another goes on from the file."""
    bench.daemon.save()
    state = snapshot.decode(bench.host.state, "b00t")
    policy = bench.daemon.policy
    bench.daemon = bench.start()
    bench.daemon.restore(state)
    bench.adopt(policy)


def life_of(restarts: set[int]) -> list[tuple[str, int]]:
    """What happens at which moment in a life with evidence and an end, with restarts at some seconds."""
    bench = Bench(make_policy())
    login = bench.host.login(100, "pts/1")
    login.processes[0].ends_on = frozenset([KILL])
    login.leader.ends_on = frozenset([KILL])
    began = bench.host.time.boot_usec
    story: list[tuple[str, int]] = []
    for second in range(160):
        if second == 52:
            login.ttys["pts/1"].type()
        if second in restarts:
            restart(bench)
        bench.run(1)
        # The key is seen at the next poll, and when that is depends on the restart.
        fresh = bench.words()[len(story) :]
        story += [(word, 0 if word in ("cancelled", "resumed") else second) for word in fresh]
    assert bench.host.time.boot_usec == began + 160 * SECOND
    return story


UNDISTURBED = life_of(set())


def test_the_life_that_restarts_are_held_to():
    words = [word for word, _ in UNDISTURBED]
    assert words == ["opened", "warned", "cancelled", "resumed", "warned", "warned", "ending", "terminated"]


@pytest.mark.parametrize("second", [1, 20, 49, 51, 53, 70, 98, 110, 117, 119, 122, 127])
def test_a_restart_changes_no_outcome(second):
    assert life_of({second}) == UNDISTURBED


def test_many_restarts_change_no_outcome():
    assert life_of(set(range(1, 160, 3))) == UNDISTURBED


def test_a_restart_reports_no_terminal_twice(bench):
    """What was reported as tampered with stays reported."""
    login = bench.host.login(100, "pts/1")
    bench.run(10)
    for _ in range(3):
        login.ttys["pts/1"].touch(bench.host.time.wall_ns)
        bench.run(10)
        restart(bench)
    assert bench.words().count("tampered") == 1


def test_a_restart_under_other_groups_warns_first():
    """Observed before, and ended now: nobody had been told on the terminal, so a warning from then does not count."""
    ops = Rule("ops", Match(group=("ops",)), make_limits(action=Action.OBSERVE), ("action",))
    bench = Bench(make_policy(rules=(ops,)))
    bench.host.groups["alice"] = frozenset(["ops"])
    login = bench.host.login(100, "pts/1")
    bench.run(66)
    bench.host.groups.clear()
    restart(bench)
    bench.run(9)
    assert not signalled(login)
    assert len(shown(login)) == 1
    bench.run(3)
    assert signalled(login)


def test_after_a_long_stop_the_person_is_warned_again(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(50)
    bench.daemon.save()
    bench.sleep(3600)
    restart(bench)
    bench.run(9.9)
    assert not signalled(login)
    assert len(shown(login)) == 2
    bench.run(0.1)
    assert signalled(login)


def test_after_a_suspend_the_person_is_warned_again(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(59)
    bench.sleep(3600)
    bench.run(9.9)
    assert not signalled(login)
    bench.run(0.1)
    assert signalled(login)


def test_sessions_that_ended_while_the_daemon_was_away(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(10)
    bench.daemon.save()
    bench.host.leave(login)
    restart(bench)
    bench.run(6)
    assert bench.words() == ["opened", "closed"]


# Terminals.


def test_a_terminal_that_does_not_take_the_warning(bench):
    """Ctrl-S: the record says so, the warning is tried again at each poll, and the end comes at the limit as ever."""
    login = bench.host.login(100, "pts/1")
    login.ttys["pts/1"].is_blocked = True
    bench.run(49)
    (warned,) = bench.told(word="warned")
    assert warned.fields["why"] == "not shown on pts/1, which does not take output"
    assert shown(login) == []
    login.ttys["pts/1"].is_blocked = False
    bench.run(5)
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 18s. Press any key to stay."]
    assert bench.warnings() == ["the warning of session 100 is on its terminal now"]
    login.ttys["pts/1"].is_blocked = True
    bench.run(14)
    assert bench.words()[-1] == "ending"


def test_a_blocked_terminal_makes_neither_silence_nor_repetition_on_the_others(bench):
    login = bench.host.login(100, "pts/1", "pts/2")
    login.ttys["pts/1"].is_blocked = True
    bench.run(57)
    assert len(shown(login, "pts/2")) == 1
    login.ttys["pts/2"].type()
    bench.run(5)
    login.ttys["pts/1"].is_blocked = False
    bench.run(20)
    assert shown(login, "pts/1") == []


def test_a_warning_that_the_next_one_overtakes_is_not_repeated(bench):
    login = bench.host.login(100, "pts/1")
    login.ttys["pts/1"].is_blocked = True
    bench.run(57.9)
    login.ttys["pts/1"].is_blocked = False
    bench.run(9)
    assert shown(login) == ["reaper: This session on host1 is idle and ends in 10s. Press any key to stay."]


def test_terminals_come_and_go_on_one_session(bench):
    """ControlMaster: input on any of them keeps the session, and a warning is shown on all."""
    login = bench.host.login(100, "pts/1")
    bench.run(20)
    login.ttys["pts/2"] = FakeTty("pts/2", bench.host.time)
    bench.run(6)
    tracked = bench.daemon.sessions[login.session.key]
    assert tracked.terminals == ("pts/1", "pts/2")
    bench.run(24)
    login.ttys["pts/2"].type()
    bench.run(20)
    assert bench.words() == ["opened"]
    del login.ttys["pts/1"]
    bench.run(40)
    assert len(shown(login, "pts/2")) == 2
    assert bench.words() == ["opened", "warned", "warned"]
    login.ttys.clear()
    bench.run(200)
    assert bench.words() == ["opened", "warned", "warned"]


def test_inner_terminals_are_nobodys(bench):
    """tmux's pty, owned by the same user: typing there is no evidence, and it is looked up only when it changes."""
    login = bench.host.login(100, "pts/1")
    bench.host.strangers["pts/9"] = FakeTty("pts/9", bench.host.time)
    for _ in range(8):
        bench.run(8)
        bench.host.strangers["pts/9"].type()
    bench.run(5)
    assert "ending" in bench.words()
    assert bench.host.strangers["pts/9"].shown == []
    assert signalled(login)


def test_a_session_without_a_terminal_is_left_alone(bench):
    login = bench.host.login(100)
    bench.run(10_000)
    assert bench.words() == ["opened"]
    assert not signalled(login)


def test_forged_times_are_told_once_and_do_not_count(bench):
    login = bench.host.login(100, "pts/1")
    for _ in range(20):
        bench.run(3)
        login.ttys["pts/1"].touch(bench.host.time.wall_ns)
    bench.run(9)
    assert bench.words() == ["opened", "tampered", "warned", "warned", "ending"]


def test_mesg_is_no_forgery(bench):
    login = bench.host.login(100, "pts/1")
    bench.run(10)
    login.ttys["pts/1"].chmod(0o600)
    bench.run(10)
    assert bench.words() == ["opened"]


# Trouble.


def test_trouble_with_one_session_does_not_stop_the_others(bench):
    trouble = bench.host.login(100, "pts/1")
    bench.host.login(200, "pts/2")
    bench.run(5)
    bench.host.trouble["pts/1"] = RuntimeError("a mistake of ours")
    bench.run(80)
    assert bench.words(200)[-1] == "terminated"
    assert not signalled(trouble)
    assert any("a mistake of ours" in note for note in bench.warnings())
    bench.host.trouble.clear()
    bench.run(30)
    assert bench.words(100)[-1] == "terminated"


def test_problems_of_discovery_are_told(bench):
    bench.host.problems.append(ReaperError("record-broken", "login record 5.7 cannot be read", "look"))
    bench.host.dead_records.append(SessionKey(5, 7))
    bench.run(1)
    assert bench.warnings() == ["login record 5.7 cannot be read (look), ignoring"]
    assert bench.actor.removed == [SessionKey(5, 7)]


def test_a_state_that_cannot_be_written_is_told_once(bench):
    bench.actor.state_trouble = OSError(28, "No space left on device")
    bench.host.login(100, "pts/1")
    bench.run(75)
    assert bench.words()[-1] == "terminated"
    assert bench.warnings() == ["cannot save the state: [Errno 28] No space left on device; a restart would begin anew"]
    bench.actor.state_trouble = None
    bench.run(70)
    bench.actor.state_trouble = OSError(28, "No space left on device")
    bench.run(70)
    assert len(bench.warnings()) == 2


def test_a_session_from_the_future_still_idles(bench):
    """A record whose OPENED_USEC is not yet: the session counts as opened now, not as in use until then."""
    login = bench.host.login(100, "pts/1", opened_usec=bench.host.time.boot_usec + 10**12)
    bench.run(80)
    assert "ending" in bench.words()
    assert signalled(login)


# The end.


def test_what_was_freed_is_told(bench):
    login = bench.host.login(100, "pts/1")
    login.leader.usage = Usage(1, 8_000_000, 2 * SECOND)
    login.processes[0].usage = Usage(1, 4_000_000, 3 * SECOND)
    detached = replace(login.processes[0], id=login.processes[0].id._replace(pid=140), tty="", signals=[])
    login.processes.append(detached)
    bench.run(80)
    (terminated,) = bench.told(word="terminated")
    assert terminated.fields["freed_processes"] == "2"
    assert terminated.fields["freed_rss"] == "12000000"
    assert terminated.fields["freed_cpu_usec"] == str(5 * SECOND)
    assert detached.is_alive
    assert detached.signals == []


def test_the_ladder_of_a_session_that_resists(bench):
    login = bench.host.login(100, "pts/1")
    login.leader.ends_on = login.processes[0].ends_on = frozenset()
    bench.run(68 + 5 + 5 + 5 + 60 + 1)
    assert [rung for rung, _, _ in bench.actor.climbs] == [Rung.HANGUP, Rung.TERM, Rung.KILL, Rung.KILL, Rung.KILL]
    failed = bench.told(word="terminate-failed")
    assert len(failed) == 2
    assert failed[0].fields["why"].startswith("still running: ")
    assert "101" in failed[0].fields["why"].split()
    login.leader.ends_on = login.processes[0].ends_on = frozenset([KILL])
    bench.run(60)
    assert bench.words()[-1] == "terminated"


def test_kill_session_waits_until_everything_is_gone(bench):
    bench.adopt(make_policy(make_limits(kill=Kill.SESSION)))
    login = bench.host.login(100, "pts/1")
    tmux = replace(login.processes[0], id=login.processes[0].id._replace(pid=140), tty="", signals=[])
    tmux.ends_on = frozenset([KILL])
    login.processes.append(tmux)
    bench.run(74)
    assert not login.leader.is_alive
    assert tmux.signals == [TERM, CONT]
    assert bench.words()[-1] == "ending"
    bench.run(5)
    assert bench.words()[-1] == "terminated"
    assert not tmux.is_alive
    assert bench.told()[-1].fields["freed_processes"] == "3"


def test_other_peoples_sessions_are_not_touched(bench):
    login = bench.host.login(100, "pts/1")
    other = bench.host.login(200, "pts/2", user="bob", uid=1001)
    for _ in range(30):
        bench.run(5)
        other.ttys["pts/2"].type()
    assert signalled(login)
    assert not signalled(other)
    assert shown(other, "pts/2") == []
    assert bench.words(200) == ["opened"]


def test_only_known_signals_are_ever_sent(bench):
    login = bench.host.login(100, "pts/1")
    login.leader.ends_on = login.processes[0].ends_on = frozenset()
    bench.run(300)
    sent = {*login.leader.signals, *login.processes[0].signals}
    assert sent <= {signal.SIGHUP, signal.SIGCONT, signal.SIGTERM, signal.SIGKILL}
