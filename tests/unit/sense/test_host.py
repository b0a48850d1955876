"""The contract of a host, which the real one and the daemon's fake both keep."""

from __future__ import annotations

import inspect
import os
import time
from dataclasses import replace

import pytest

from reaper.decide.policy.match import Origin
from reaper.decide.session import terminal_evidence
from reaper.decide.session.model import NS_PER_SEC, ProcessId, Traffic, Usage
from reaper.sense import activity, connections
from reaper.sense.host import Host
from reaper.sense.name_service import GroupsAnswer
from tests.unit.fakes import FakeHost
from tests.unit.simulated import SECOND, WALL_NS


def test_alive_until_the_leader_ends(world):
    assert world.host.is_alive(world.session)
    world.end()
    assert not world.host.is_alive(world.session)


def test_a_reused_pid_is_another_session(world):
    key = world.session.key._replace(start_ticks=world.session.key.start_ticks + 1)
    assert not world.host.is_alive(replace(world.session, key=key))


def test_its_terminals_are_those_whose_masters_the_leader_holds(world):
    assert world.host.terminal_names(world.session) == frozenset()
    first, second = world.open(), world.open()
    assert world.host.terminal_names(world.session) == {first.name, second.name}
    world.close(first.name)
    assert world.host.terminal_names(world.session) == {second.name}
    world.end()
    assert world.host.terminal_names(world.session) == frozenset()


def test_terminals_are_read_in_one_order_without_those_that_are_not_there(world):
    names = sorted(world.open().name for _ in range(3))
    readings = world.host.read_terminals([names[2], "pts/99999", names[0], names[1]])
    assert [reading.name for reading in readings] == names
    assert all(reading.uid == world.session.uid for reading in readings)
    assert set(names) <= set(world.host.other_ptys([]))
    assert names[0] not in world.host.other_ptys(names[:1])


def test_a_line_by_an_old_number_is_told_from_the_old_one(world):
    """Whatever its user does to it, a terminal stays the same; one that is made after it is another."""
    for _ in range(100):  # the kernel gives the lowest number that is free, to whoever comes first
        name = world.open().name
        (first,) = world.host.read_terminals([name])
        world.touch(name, 60)
        world.chmod(name)
        world.type(name)
        (later,) = world.host.read_terminals([name])
        assert later.line == first.line != 0
        assert not terminal_evidence.is_another(first, later)
        world.close(name)
        if world.open().name == name:
            break
        time.sleep(0.01)
    (second,) = world.host.read_terminals([name])
    assert terminal_evidence.is_another(first, second)
    assert world.host.glance([name]) == (second._replace(line=0),)


def test_a_line_that_is_no_longer_kept_is_not_known_again(world):
    """What is not known is never taken for another terminal."""
    name = world.open().name
    (first,) = world.host.read_terminals([name])
    world.host.keep_lines([])
    (second,) = world.host.read_terminals([name])
    assert not terminal_evidence.is_another(first._replace(line=0), second)


def test_looking_changes_nothing(world):
    line = world.open()
    world.settle(line.name)
    assert world.host.read_terminals([line.name]) == world.host.read_terminals([line.name])


def test_a_terminal_that_is_unchanged(world):
    """Cheaper than a look, and never wrong the other way: what may have changed without a trace is looked at."""
    line = world.open()
    world.touch(line.name, 60)
    world.settle(line.name)
    (reading,) = world.host.read_terminals([line.name])
    assert world.host.is_unchanged(reading)
    for blind in (reading._replace(is_fresh=True), reading._replace(is_ahead=True), reading._replace(name="pts/99999")):
        assert not world.host.is_unchanged(blind)
    world.type(line.name)
    assert not world.host.is_unchanged(reading)
    (reading,) = world.host.read_terminals([line.name])
    assert world.host.is_unchanged(reading)
    world.chmod(line.name)
    assert not world.host.is_unchanged(reading)


def test_a_graphical_session_has_no_terminal(world):
    world.open()
    assert world.host.terminal_names(replace(world.session, origin=Origin.GRAPHICAL, tty="")) == frozenset()


@pytest.mark.parametrize("origin", [Origin.CONSOLE, Origin.SERIAL, Origin.OTHER])
def test_enter_is_needed_where_programs_get_whole_lines(world, origin):
    """Asking changes none of the terminal's times."""
    name, session = world.open().name, replace(world.session, origin=origin)
    world.settle(name)
    before = world.host.read_terminals([name])
    for whole in (True, False):
        world.take_lines(name, whole=whole)
        assert world.host.needs_enter(session, name) is whole
    assert world.host.read_terminals([name]) == before
    assert world.host.needs_enter(session, "pts/99999"), "Enter is seen wherever any key is"


def test_no_enter_is_needed_where_each_key_crosses_a_connection(world, monkeypatch):
    """Until that is over: what mosh-server has from then on is a terminal like any other."""
    monkeypatch.setattr(connections, "carriers", lambda _: [1])
    monkeypatch.setattr(activity, "read_traffic", lambda *_: Traffic(1, 2, 3, 4, 5))
    line = world.open()
    world.take_lines(line.name, whole=True)
    assert not world.host.needs_enter(world.session, line.name)
    world.end()
    assert world.host.needs_enter(world.session, line.name)


def test_what_is_typed_moves_atime_and_never_ctime(world):
    line = world.open()
    world.touch(line.name, 60)
    world.settle(line.name)
    (before,) = world.host.read_terminals([line.name])
    world.type(line.name)
    (after,) = world.host.read_terminals([line.name])
    assert after.atime_ns - before.atime_ns > 50 * NS_PER_SEC
    assert after == before._replace(atime_ns=after.atime_ns)
    assert not after.is_ahead


def test_what_is_typed_in_the_same_eight_seconds_leaves_no_trace(world):
    line = world.open()
    world.touch(line.name, 60)
    world.type(line.name)
    world.settle(line.name)
    (before,) = world.host.read_terminals([line.name])
    world.type(line.name)
    (after,) = world.host.read_terminals([line.name])
    # On a real host the bucket may end between the two: then, and only then, the times differ by a whole bucket's turn.
    assert after == before or before.atime_ns // (8 * NS_PER_SEC) != after.atime_ns // (8 * NS_PER_SEC)


def test_utimes_and_chmod_move_ctime(world):
    line = world.open()
    world.settle(line.name)
    (first,) = world.host.read_terminals([line.name])
    world.touch(line.name, 30)
    (second,) = world.host.read_terminals([line.name])
    assert second.ctime_ns > first.ctime_ns
    assert second.is_fresh
    world.settle(line.name)
    world.chmod(line.name)
    (third,) = world.host.read_terminals([line.name])
    assert third.ctime_ns > second.ctime_ns
    assert (third.mode, third.uid, third.atime_ns) == (second.mode, second.uid, second.atime_ns)


def test_a_date_in_the_future_is_seen_and_a_real_read_pulls_it_back(world):
    line = world.open()
    world.touch(line.name, -3600)
    (ahead,) = world.host.read_terminals([line.name])
    assert ahead.is_ahead
    world.type(line.name)
    (after,) = world.host.read_terminals([line.name])
    assert not after.is_ahead
    assert after.atime_ns < ahead.atime_ns


def test_whom_a_termination_would_reach(world):
    first, second = world.open(), world.open()
    targets = world.host.targets(world.session, [first.name], whole=True)
    assert {(each.process, each.in_front) for each in targets.attached} == {(first.shell, True), (first.job, False)}
    assert targets.connection == (world.leader,)
    assert set(targets.everything) == {world.leader, first.shell, first.job, second.shell, second.job}
    assert set(world.host.everything(world.session)) == set(targets.everything)


def test_the_programs_of_a_session(world):
    """By the name of the file that runs, in all of the session; nothing where there is no such session any more."""
    line = world.open()
    found = world.host.busy_program(world.session, [line.name], ["dpkg", "python*"])
    assert found.path == world.program
    assert found.name == os.path.basename(world.program)
    assert found.pid in (world.leader.pid, line.shell.pid, line.job.pid)
    assert world.host.busy_program(world.session, [], ["python*"]) is not None
    assert world.host.busy_program(world.session, [line.name], ["dpkg", "rsync*"]) is None
    assert world.host.busy_program(world.session, [line.name], []) is None
    world.end()
    assert world.host.busy_program(world.session, [line.name], ["python*"]) is None


def test_what_is_freed(world):
    line = world.open()
    holding = world.host.targets(world.session, [line.name], whole=True).holding
    assert {process for process, _ in holding.each} == {world.leader, line.shell, line.job}
    assert world.host.freed(holding) == Usage(0, 0, 0)
    world.end()
    freed = world.host.freed(holding)
    assert freed.processes == 3
    assert freed.rss_bytes > 0
    assert world.host.everything(world.session) == []


def test_what_a_session_holds_by_pid(world):
    line = world.open()
    held = set(world.host.held_pids(world.session))
    assert held == {process.pid for process in world.host.everything(world.session)}
    assert held >= {world.leader.pid, line.shell.pid, line.job.pid}
    world.end()
    assert world.host.held_pids(world.session) == []


def test_whose_a_process_is(world):
    """One of the sessions that the daemon knows."""
    line = world.open()
    assert world.host.home_of(line.shell.pid) is None
    world.host.sessions = lambda: [world.session]
    assert world.host.home_of(line.shell.pid) == world.session.key
    assert world.host.home_of(world.leader.pid) == world.session.key
    assert world.host.home_of(1) is None
    world.end()
    assert world.host.home_of(line.shell.pid) is None


def test_only_a_scope_is_killed_at_once(world):
    assert not world.host.is_killed_at_once(replace(world.session, scope=""))


def test_work_is_counted(world):
    before = world.host.worked_usec()
    if isinstance(world.host, FakeHost):
        world.host.work(SECOND)
    else:
        while world.host.worked_usec() == before:
            sum(range(10_000))
    assert world.host.worked_usec() > before


def test_the_clock(world):
    first, second = world.host.clock(), world.host.clock()
    assert second.boot_usec >= first.boot_usec
    assert abs(second.wall_ns - first.wall_ns) < NS_PER_SEC


def test_groups_are_those_that_the_login_recorded(world):
    world.set_groups(ops=5001, users=100)
    assert world.host.read_membership(world.session) == ((100, "users"), (5001, "ops"))


def test_groups_that_nothing_tells(world):
    """No record has them, and no process of the user's runs."""
    world.end()
    assert world.host.read_membership(world.session) is None


def test_name_services_tell_of_groups_in_their_own_time(world):
    world.host.ask_groups(["root", "no-such-group"], [0, 4_000_000_123])
    told = world.host.take_groups(20)
    assert told.gids == {"root": 0, "no-such-group": None}
    assert told.names == {0: "root", 4_000_000_123: None}
    assert world.host.take_groups() == GroupsAnswer({}, {})


def test_no_state_is_no_state(world, tmp_path):
    assert world.host.read_state(str(tmp_path / "state")) == ""


@pytest.mark.parametrize(("fake", "original"), [(FakeHost, Host)])
def test_the_fake_has_the_same_methods(fake, original):
    for name, method in inspect.getmembers(original, inspect.isfunction):
        if name.startswith("_") or name in ("monitor", "distrust", "blame", "probe"):  # service.py's, not the daemon's
            continue
        ours, theirs = inspect.signature(getattr(fake, name)), inspect.signature(method)
        assert list(ours.parameters) == list(theirs.parameters), name


def elevated(world, anew: bool = False) -> set:
    return set(world.host.elevated([world.session], world.host.clock().boot_usec, anew=anew).sessions)


def test_root_acts_in_a_session_until_they_leave(world):
    line = world.open()
    assert elevated(world, anew=True) == set()
    mark = world.become_root(line.name)
    assert elevated(world) == {world.session.key}
    assert elevated(world) == {world.session.key}
    world.leave_root(mark)
    assert elevated(world) == set()


def test_a_killed_sudo_leaves_its_mark(world):
    line = world.open()
    world.become_root(line.name)
    assert elevated(world, anew=True) == {world.session.key}
    world.end()
    found = world.host.elevated([world.session], world.host.clock().boot_usec, anew=False)
    assert (found.sessions, found.dead_marks, found.problems) == (frozenset(), [line.shell], [])


def test_a_mark_of_another_session_is_not_of_this_one(world):
    world.become_root(world.open().name)
    assert world.host.elevated([], world.host.clock().boot_usec, anew=True).sessions == frozenset()


def test_the_time_of_day(world):
    now = world.host.local_time()
    assert 0 <= now.weekday < 7
    assert 0 <= now.minute < 24 * 60


def test_a_moment_of_the_wall_clock(world):
    """2027-01-15 08:00 UTC, a Friday; the people of the host may be a day ahead or behind."""
    year, month, day = world.host.local_moment(WALL_NS).date
    assert (year, month) == (2027, 1)
    assert world.host.local_moment(WALL_NS).time.weekday == (day - 11) % 7
    assert world.host.local_moment(world.host.clock().wall_ns).time.weekday in range(7)


def test_the_time_of_day_is_that_of_the_zone_as_it_is_now(real, monkeypatch):
    monkeypatch.setenv("TZ", "AAA-3")
    first = real.host.local_time()
    monkeypatch.setenv("TZ", "BBB-9")
    second = real.host.local_time()
    monkeypatch.undo()
    real.host.local_time()
    minutes = [now.weekday * 1440 + now.minute for now in (first, second)]
    assert (minutes[1] - minutes[0]) % (7 * 1440) in (360, 361)


def test_a_process_of_a_session_runs_until_it_ends(world):
    shell = world.open().shell
    assert world.host.is_running(shell)
    world.end()
    assert not world.host.is_running(shell)


def test_a_keeper_runs_or_does_not(world):
    keeper = world.leader
    if isinstance(world.host, FakeHost):
        world.host.running.add(keeper)
    assert world.host.is_running(keeper)
    assert not world.host.is_running(keeper._replace(start_ticks=keeper.start_ticks + 1))
    assert not world.host.is_running(ProcessId(2**22 - 1, 5))


@pytest.mark.parametrize("is_locked", [True, False, None])
def test_what_a_desktop_says_of_its_lock(world, is_locked):
    world.hint("c1", is_locked)
    graphical = replace(world.session, session_id="c1", origin=Origin.GRAPHICAL)
    assert world.host.read_locked_hint(graphical) is is_locked
    assert world.host.read_locked_hint(replace(graphical, session_id="")) is None
