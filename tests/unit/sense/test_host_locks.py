"""The daemon's questions about locks: the same tests for the fake host and the real one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reaper.decide.policy.match import Origin
from reaper.decide.session.lock_protocol import LockState, Stage
from reaper.sense import lock_files
from tests.unit.locked import KEEPER


def test_session_without_a_terminal_cannot_be_locked(world):
    """A session without a terminal has nothing to lock; a desktop locks itself."""
    assert world.host.lock_obstacle(world.session, ()) != ""
    graphical = replace(world.session, session_id="c1", origin=Origin.GRAPHICAL)
    assert world.host.lock_obstacle(graphical, ()) == ""


def test_lock_state_is_read(world, monkeypatch):
    monkeypatch.setattr(lock_files, "DIRECTORY", getattr(world, "locks", ""))
    assert world.host.read_lock(world.session) is None
    for stage in Stage:
        world.keep(stage)
        state = world.host.read_lock(world.session)
        assert state == LockState(stage, 5, 0, "", KEEPER)


def test_standing_lock_ends_with_its_state(world, monkeypatch):
    """From the order until the lock itself says that it is over."""
    monkeypatch.setattr(lock_files, "DIRECTORY", getattr(world, "locks", ""))
    assert world.host.standing_lock(world.session) is None
    world.keep(Stage.LOCKED)
    assert world.host.standing_lock(world.session) is None, "it has been withdrawn"
    order = world.order(world.session)
    for stage in Stage:
        world.keep(stage)
        standing = world.host.standing_lock(world.session)
        assert standing == (None if stage in (Stage.UNLOCKED, Stage.FAILED) else order)


def test_lock_of_an_earlier_session_of_the_name_does_not_stand(world, monkeypatch):
    monkeypatch.setattr(lock_files, "DIRECTORY", getattr(world, "locks", ""))
    key = world.session.key._replace(start_ticks=world.session.key.start_ticks - 1)
    world.order(replace(world.session, session_id="100", key=key))
    world.keep(Stage.LOCKED)
    assert world.host.standing_lock(replace(world.session, session_id="100")) is None


def test_broken_lock_state_is_none(real, monkeypatch):
    monkeypatch.setattr(lock_files, "DIRECTORY", real.locks)
    real.keep(Stage.LOCKED)
    Path(f"{real.locks}/{real.session.name}/state").write_text("{")
    assert real.host.read_lock(real.session) is None
    order = real.order(real.session)
    assert real.host.standing_lock(real.session) == order, "for all that anybody knows"
    Path(f"{real.locks}/{real.session.name}/order").write_text("{")
    assert real.host.standing_lock(real.session) is None
