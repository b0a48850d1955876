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


def test_session_is_alive_until_its_leader_ends(world):
    assert world.host.is_alive(world.session)
    world.end()
    assert not world.host.is_alive(world.session)


def test_reused_pid_is_another_session(world):
    key = world.session.key._replace(start_ticks=world.session.key.start_ticks + 1)
    assert not world.host.is_alive(replace(world.session, key=key))


def test_terminals_are_those_whose_masters_the_leader_holds(world):
    assert world.host.terminal_names(world.session) == frozenset()
    first, second = world.open(), world.open()
    assert world.host.terminal_names(world.session) == {first.name, second.name}
    world.close(first.name)
    assert world.host.terminal_names(world.session) == {second.name}
    world.end()
    assert world.host.terminal_names(world.session) == frozenset()


def test_existing_terminals_are_read_in_a_fixed_order(world):
    names = sorted(world.open().name for _ in range(3))
    readings = world.host.read_terminals([names[2], "pts/99999", names[0], names[1]])
    assert [reading.name for reading in readings] == names
    assert all(reading.uid == world.session.uid for reading in readings)
    assert set(names) <= set(world.host.other_ptys([]))
    assert names[0] not in world.host.other_ptys(names[:1])


def test_terminal_with_a_reused_number_is_another(world):
    """Whatever its user does to it, a terminal stays the same; one that is made after it is another."""
    for _ in range(100):  # the kernel gives the lowest free number to whoever comes first
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


def test_terminal_no_longer_kept_is_not_taken_for_another(world):
    """A terminal that is not known is never taken for another one."""
    name = world.open().name
    (first,) = world.host.read_terminals([name])
    world.host.keep_lines([])
    (second,) = world.host.read_terminals([name])
    assert not terminal_evidence.is_another(first._replace(line=0), second)


def test_reading_terminals_changes_nothing(world):
    line = world.open()
    world.settle(line.name)
    assert world.host.read_terminals([line.name]) == world.host.read_terminals([line.name])


def test_unchanged_terminal_is_recognised(world):
    """Cheaper than a sample, and never wrong in the other direction: a change without a trace is not excluded."""
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


def test_graphical_session_has_no_terminal(world):
    world.open()
    assert world.host.terminal_names(replace(world.session, origin=Origin.GRAPHICAL, tty="")) == frozenset()


@pytest.mark.parametrize("origin", [Origin.CONSOLE, Origin.SERIAL, Origin.OTHER])
def test_enter_is_needed_if_programs_get_whole_lines(world, origin):
    """The check changes none of the terminal's times."""
    name, session = world.open().name, replace(world.session, origin=origin)
    world.settle(name)
    before = world.host.read_terminals([name])
    for whole in (True, False):
        world.take_lines(name, whole=whole)
        assert world.host.needs_enter(session, name) is whole
    assert world.host.read_terminals([name]) == before
    assert world.host.needs_enter(session, "pts/99999"), "Enter is seen wherever any key is"


def test_no_enter_is_needed_if_each_key_crosses_a_connection(world, monkeypatch):
    """Until the connection is over: what mosh-server has from then on is a terminal like any other."""
    monkeypatch.setattr(connections, "carriers", lambda _: [1])
    monkeypatch.setattr(activity, "read_traffic", lambda *_: Traffic(1, 2, 3, 4, 5))
    line = world.open()
    world.take_lines(line.name, whole=True)
    assert not world.host.needs_enter(world.session, line.name)
    world.end()
    assert world.host.needs_enter(world.session, line.name)


def test_typing_changes_atime_and_never_ctime(world):
    line = world.open()
    world.touch(line.name, 60)
    world.settle(line.name)
    (before,) = world.host.read_terminals([line.name])
    world.type(line.name)
    (after,) = world.host.read_terminals([line.name])
    assert after.atime_ns - before.atime_ns > 50 * NS_PER_SEC
    assert after == before._replace(atime_ns=after.atime_ns)
    assert not after.is_ahead


def test_typing_within_the_same_eight_seconds_changes_nothing(world):
    line = world.open()
    world.touch(line.name, 60)
    world.type(line.name)
    world.settle(line.name)
    (before,) = world.host.read_terminals([line.name])
    world.type(line.name)
    (after,) = world.host.read_terminals([line.name])
    # On a real host the 8 s bucket may end between the two; only then do the times differ, by a whole bucket.
    assert after == before or before.atime_ns // (8 * NS_PER_SEC) != after.atime_ns // (8 * NS_PER_SEC)


def test_utimes_and_chmod_change_ctime(world):
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


def test_future_atime_is_noticed_and_reset_by_a_real_read(world):
    line = world.open()
    world.touch(line.name, -3600)
    (ahead,) = world.host.read_terminals([line.name])
    assert ahead.is_ahead
    world.type(line.name)
    (after,) = world.host.read_terminals([line.name])
    assert not after.is_ahead
    assert after.atime_ns < ahead.atime_ns


def test_targets_are_attached_processes_connection_and_scope(world):
    first, second = world.open(), world.open()
    targets = world.host.targets(world.session, [first.name], whole=True)
    assert {(each.process, each.in_front) for each in targets.attached} == {(first.shell, True), (first.job, False)}
    assert targets.connection == (world.leader,)
    assert set(targets.everything) == {world.leader, first.shell, first.job, second.shell, second.job}
    assert set(world.host.everything(world.session)) == set(targets.everything)


def test_busy_program_is_found_by_its_file_name(world):
    """By the name of the file that runs, in all of the session; nothing once the session is over."""
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


def test_ended_processes_count_as_freed(world):
    line = world.open()
    holding = world.host.targets(world.session, [line.name], whole=True).holding
    assert {process for process, _ in holding.each} == {world.leader, line.shell, line.job}
    assert world.host.freed(holding) == Usage(0, 0, 0)
    world.end()
    freed = world.host.freed(holding)
    assert freed.processes == 3
    assert freed.rss_bytes > 0
    assert world.host.everything(world.session) == []


def test_held_pids_are_all_of_the_session(world):
    line = world.open()
    held = set(world.host.held_pids(world.session))
    assert held == {process.pid for process in world.host.everything(world.session)}
    assert held >= {world.leader.pid, line.shell.pid, line.job.pid}
    world.end()
    assert world.host.held_pids(world.session) == []


def test_home_of_a_process_is_a_known_session(world):
    """One of the sessions that the daemon knows."""
    line = world.open()
    assert world.host.home_of(line.shell.pid) is None
    world.host.sessions = lambda: [world.session]
    assert world.host.home_of(line.shell.pid) == world.session.key
    assert world.host.home_of(world.leader.pid) == world.session.key
    assert world.host.home_of(1) is None
    world.end()
    assert world.host.home_of(line.shell.pid) is None


def test_session_without_a_scope_is_not_killed_at_once(world):
    assert not world.host.is_killed_at_once(replace(world.session, scope=""))


def test_worked_time_grows_with_work(world):
    before = world.host.worked_usec()
    if isinstance(world.host, FakeHost):
        world.host.work(SECOND)
    else:
        while world.host.worked_usec() == before:
            sum(range(10_000))
    assert world.host.worked_usec() > before


def test_clock_advances_and_shows_wall_time(world):
    first, second = world.host.clock(), world.host.clock()
    assert second.boot_usec >= first.boot_usec
    assert abs(second.wall_ns - first.wall_ns) < NS_PER_SEC


def test_groups_are_those_that_the_login_recorded(world):
    world.set_groups(ops=5001, users=100)
    assert world.host.read_membership(world.session) == ((100, "users"), (5001, "ops"))


def test_groups_are_unknown_without_record_and_process(world):
    """There is no record, and no process of the user's runs."""
    world.end()
    assert world.host.read_membership(world.session) is None


def test_name_services_answer_later(world):
    world.host.ask_groups(["root", "no-such-group"], [0, 4_000_000_123])
    answers = world.host.take_groups(20)
    assert answers.gids == {"root": 0, "no-such-group": None}
    assert answers.names == {0: "root", 4_000_000_123: None}
    assert world.host.take_groups() == GroupsAnswer({}, {})


def test_missing_state_file_is_empty(world, tmp_path):
    assert world.host.read_state(str(tmp_path / "state")) == ""


@pytest.mark.parametrize(("fake", "original"), [(FakeHost, Host)])
def test_fake_host_has_the_same_methods(fake, original):
    for name, method in inspect.getmembers(original, inspect.isfunction):
        if name.startswith("_") or name in ("monitor", "distrust", "blame", "probe"):  # loop.py's
            continue
        ours, theirs = inspect.signature(getattr(fake, name)), inspect.signature(method)
        assert list(ours.parameters) == list(theirs.parameters), name


def elevated(world, has_new_sessions: bool = False) -> set:
    return set(
        world.host.elevated([world.session], world.host.clock().boot_usec, has_new_sessions=has_new_sessions).sessions
    )


def test_session_is_elevated_until_the_root_shell_ends(world):
    line = world.open()
    assert elevated(world, has_new_sessions=True) == set()
    mark = world.become_root(line.name)
    assert elevated(world) == {world.session.key}
    assert elevated(world) == {world.session.key}
    world.leave_root(mark)
    assert elevated(world) == set()


def test_killed_sudo_leaves_a_dead_mark(world):
    line = world.open()
    world.become_root(line.name)
    assert elevated(world, has_new_sessions=True) == {world.session.key}
    world.end()
    found = world.host.elevated([world.session], world.host.clock().boot_usec, has_new_sessions=False)
    assert (found.sessions, found.dead_marks, found.problems) == (frozenset(), [line.shell], [])


def test_mark_outside_the_sessions_elevates_none(world):
    world.become_root(world.open().name)
    assert world.host.elevated([], world.host.clock().boot_usec, has_new_sessions=True).sessions == frozenset()


def test_local_time_is_a_day_and_minute(world):
    now = world.host.local_time()
    assert 0 <= now.weekday < 7
    assert 0 <= now.minute < 24 * 60


def test_local_moment_has_date_and_weekday(world):
    """2027-01-15 08:00 UTC, a Friday; the host's local date may be a day ahead or behind."""
    year, month, day = world.host.local_moment(WALL_NS).date
    assert (year, month) == (2027, 1)
    assert world.host.local_moment(WALL_NS).time.weekday == (day - 11) % 7
    assert world.host.local_moment(world.host.clock().wall_ns).time.weekday in range(7)


def test_local_time_follows_a_changed_time_zone(real, monkeypatch):
    monkeypatch.setenv("TZ", "AAA-3")
    first = real.host.local_time()
    monkeypatch.setenv("TZ", "BBB-9")
    second = real.host.local_time()
    monkeypatch.undo()
    real.host.local_time()
    minutes = [now.weekday * 1440 + now.minute for now in (first, second)]
    assert (minutes[1] - minutes[0]) % (7 * 1440) in (360, 361)


def test_process_runs_until_it_ends(world):
    shell = world.open().shell
    assert world.host.is_running(shell)
    world.end()
    assert not world.host.is_running(shell)


def test_keeper_is_running_only_under_its_start_time(world):
    keeper = world.leader
    if isinstance(world.host, FakeHost):
        world.host.running.add(keeper)
    assert world.host.is_running(keeper)
    assert not world.host.is_running(keeper._replace(start_ticks=keeper.start_ticks + 1))
    assert not world.host.is_running(ProcessId(2**22 - 1, 5))


@pytest.mark.parametrize("is_locked", [True, False, None])
def test_locked_hint_is_that_of_the_desktop(world, is_locked):
    world.hint("c1", is_locked)
    graphical = replace(world.session, session_id="c1", origin=Origin.GRAPHICAL)
    assert world.host.read_locked_hint(graphical) is is_locked
    assert world.host.read_locked_hint(replace(graphical, session_id="")) is None
