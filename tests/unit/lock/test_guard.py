"""Who of those that are frozen has run: moved out of the group, and held by ptrace or not."""

from __future__ import annotations

import re

import pytest

from reaper.errors import ReaperError
from reaper.lock.guard import WATCH_MS, Guard

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
        """A process ends; with a group it is a zombie there, until its parent has waited for it."""
        entry = self.cgroups.tree.directory / "proc" / str(pid)
        self.cgroups.tree.write_scope(self.cgroups.where(pid), "cgroup.procs", "")
        for each in ("stat", *([] if group else ["cgroup"])):
            (entry / each).unlink()
        if group:
            (entry / "cgroup").write_text(f"0::{group}\n")


@pytest.fixture
def world(cgroups, tracers) -> World:
    return World(cgroups, tracers)


def test_who_is_held_and_moved_out_comes_back(world):
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


def test_who_cannot_be_held_is_watched_and_found_out(world):
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


def test_who_was_found_outside_as_it_came_in_again(world):
    """As a holder of a terminal, before the guard has looked."""
    world.guard.add(world.watched)
    world.guard.check()
    world.guard.add(world.watched)
    world.move_out(11)
    with pytest.raises(ReaperError, match="process 11 was let out"):
        world.guard.add(world.watched)
    assert world.is_in(11)


def test_who_gets_out_before_anything_was_said_of_it_is_only_moved_back(world):
    """Nothing is locked before a check."""
    for each in (world.held, world.watched):
        world.guard.add(each)
        world.move_out(each.pid)
    world.guard.check()
    assert (world.is_in(10), world.is_in(11)) == (True, True)
    assert world.tracer.held == {world.held}


@pytest.mark.parametrize("where", ["in the group", "elsewhere", "unknown"])
def test_who_was_watched_and_has_ended(world, where):
    """Outside it may have read until then."""
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


def test_who_was_held_and_has_ended(world):
    """By SIGKILL: it has not run."""
    world.guard.add(world.held)
    world.guard.check()
    world.end(10)
    world.guard.check()


def test_who_may_be_traced_later_is_held_then(world):
    world.guard.add(world.watched)
    world.guard.check()
    world.tracer.refused.clear()
    world.guard.check()
    assert world.guard.pause_ms(USUAL_MS) == USUAL_MS
    world.move_out(11)
    world.guard.check()


def test_who_was_there_before_this_keeper(world):
    world.cgroups.freezer.add(world.held)
    world.guard.check()
    assert world.tracer.held == {world.held}


def test_shell_whose_time_is_over_goes_on_without_its_alarm(world, monkeypatch):
    world.tracer.refused.clear()
    for each in (world.held, world.watched):
        world.guard.add(each)
    world.guard.check()
    monkeypatch.setattr("reaper.lock.guard.waits_with_alarm", lambda pid: True)
    monkeypatch.setattr("reaper.lock.others.is_frozen", lambda group: group == ELSEWHERE)
    world.move_out(10)  # to stand still with another lock
    world.guard.let_all_go()
    assert world.tracer.without_alarm == {world.watched}
    assert world.tracer.held == set()


def test_one_goes_on_alone(world):
    world.tracer.refused.clear()
    for each in (world.held, world.watched):
        world.guard.add(each)
    world.guard.check()
    world.cgroups.freezer.let_go(world.held, world.cgroups.scope)
    world.guard.let_go(world.held)
    assert world.tracer.held == {world.watched}
    world.guard.check()
    assert not world.is_in(10)
