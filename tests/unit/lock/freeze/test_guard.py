"""Frozen processes that are moved out of the group: those that ptrace holds, and those that it cannot."""

from __future__ import annotations

import re

import pytest

from reaper.errors import ReaperError
from reaper.lock.freeze.guard import WATCH_MS, Guard

ELSEWHERE = "/user.slice/user-1000.slice/user@1000.service/init.scope"
USUAL_MS = 1000


class World:
    """A lock's group with two processes in it, one of which cannot be traced."""

    def __init__(self, cgroups, tracers) -> None:
        self.cgroups = cgroups
        cgroups.make()
        cgroups.make_group(ELSEWHERE)
        self.notes: list[str] = []
        self.guard = Guard(cgroups.freezer, self.notes.append)
        (self.tracer,) = tracers
        self.held, self.watched = cgroups.add(10, cgroups.scope), cgroups.add(11, cgroups.scope)
        self.tracer.refused.add(self.watched)

    def move_out(self, pid: int) -> None:
        self.cgroups.write(f"{self.cgroups.mount}{ELSEWHERE}/cgroup.procs", str(pid))

    def is_in(self, pid: int) -> bool:
        return self.cgroups.where(pid) == self.cgroups.path

    def end(self, pid: int, group: str = "") -> None:
        """Has a process end; with a group it is a zombie there, until its parent has waited for it."""
        entry = self.cgroups.tree.directory / "proc" / str(pid)
        self.cgroups.tree.write_scope(self.cgroups.where(pid), "cgroup.procs", "")
        for each in ("stat", *([] if group else ["cgroup"])):
            (entry / each).unlink()
        if group:
            (entry / "cgroup").write_text(f"0::{group}\n")


@pytest.fixture
def world(cgroups, tracers) -> World:
    return World(cgroups, tracers)


def test_held_process_that_is_moved_out_is_moved_back(world):
    world.guard.add(world.held)
    world.guard.check()
    assert world.tracer.held == {world.held}
    assert world.guard.pause_ms(USUAL_MS) == USUAL_MS
    for _ in range(2):
        world.move_out(10)
        world.guard.check()
        assert world.is_in(10)
    (note,) = world.notes
    assert re.search("process 10 was moved out .* did not run, and is back", note)


def test_escape_of_a_watched_process_is_an_error(world):
    for each in (world.held, world.watched):
        world.guard.add(each)
    world.guard.check()
    world.guard.check()
    assert world.guard.pause_ms(USUAL_MS) == WATCH_MS
    assert len(world.notes) == 1
    world.move_out(11)
    with pytest.raises(ReaperError, match="process 11 was let out"):
        world.guard.check()
    assert world.is_in(11)
    world.guard.check()


def test_adding_a_watched_process_that_has_escaped_is_an_error(world):
    """A search found that it has the terminal open before the next check."""
    world.guard.add(world.watched)
    world.guard.check()
    world.guard.add(world.watched)
    world.move_out(11)
    with pytest.raises(ReaperError, match="process 11 was let out"):
        world.guard.add(world.watched)
    assert world.is_in(11)


def test_escape_before_the_first_check_is_no_error(world):
    """Nothing is locked before the first check."""
    for each in (world.held, world.watched):
        world.guard.add(each)
        world.move_out(each.pid)
    world.guard.check()
    assert (world.is_in(10), world.is_in(11)) == (True, True)
    assert world.tracer.held == {world.held}


@pytest.mark.parametrize("where", ["in the group", "elsewhere", "unknown"])
def test_watched_process_that_ended_outside_the_group_is_an_error(world, where):
    """It may have read the terminal until then."""
    world.guard.add(world.watched)
    world.guard.check()
    world.end(11, {"in the group": world.cgroups.path, "elsewhere": ELSEWHERE, "unknown": ""}[where])
    if where == "in the group":
        world.guard.check()
    else:
        with pytest.raises(ReaperError, match="process 11 was let out"):
            world.guard.check()
    world.guard.check()
    assert world.guard.pause_ms(USUAL_MS) == USUAL_MS


def test_held_process_may_end(world):
    """SIGKILL ended it, so it has not run."""
    world.guard.add(world.held)
    world.guard.check()
    world.end(10)
    world.guard.check()


def test_watched_process_is_held_as_soon_as_it_can_be_traced(world):
    world.guard.add(world.watched)
    world.guard.check()
    world.tracer.refused.clear()
    world.guard.check()
    assert world.guard.pause_ms(USUAL_MS) == USUAL_MS
    world.move_out(11)
    world.guard.check()


def test_members_from_before_this_keeper_are_held(world):
    world.cgroups.freezer.add(world.held)
    world.guard.check()
    assert world.tracer.held == {world.held}


def test_shell_with_an_expired_tmout_is_released_without_its_alarm(world, monkeypatch):
    world.tracer.refused.clear()
    for each in (world.held, world.watched):
        world.guard.add(each)
    world.guard.check()
    monkeypatch.setattr("reaper.lock.freeze.guard.waits_with_alarm", lambda pid: True)
    monkeypatch.setattr("reaper.lock.freeze.other_locks.is_frozen", lambda group: group == ELSEWHERE)
    world.move_out(10)  # another lock has it frozen
    world.guard.release_all()
    assert world.tracer.without_alarm == {world.watched}
    assert world.tracer.held == set()


def test_release_of_one_process_leaves_the_others_held(world):
    world.tracer.refused.clear()
    for each in (world.held, world.watched):
        world.guard.add(each)
    world.guard.check()
    world.cgroups.freezer.move_back(world.held, world.cgroups.scope)
    world.guard.release(world.held)
    assert world.tracer.held == {world.watched}
    world.guard.check()
    assert not world.is_in(10)
