"""The contract of an actor, which the real one and the daemon's fake both keep.

Terminals are ptys made by the test, processes are its own children.
"""

from __future__ import annotations

import inspect
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from reaper.act.actor import Actor
from reaper.act.terminal_output import Delivery
from reaper.decide.policy.limits import Kill
from reaper.decide.session.lock_protocol import LockOrder, Stage
from reaper.decide.session.model import AttachedProcess, ProcessId, Targets
from reaper.decide.session.state import TerminationStep
from reaper.errors import ReaperError
from reaper.sense import lock_files
from tests.unit.act.ptys import Pty
from tests.unit.fakes import FakeActor, FakeHost, make_session
from tests.unit.locked import keep_files
from tests.unit.logins import CONT, HUP, KILL, TERM, FakeProcess
from tests.unit.people import Witness
from tests.unit.simulated import FakeTty

ROLES = ("front", "background", "leader", "child", "detached")


class RealWorld:
    def __init__(self, directory: str, tools: str) -> None:
        self.directory, self.tools = directory, tools
        self.tool("exit 0")
        self.actor = Actor(directory)
        self.uid = os.geteuid()
        self.ptys: dict[str, Pty] = {}
        self.witnesses: dict[str, Witness] = {}

    def terminal(self) -> str:
        pty = Pty()
        self.ptys[pty.name] = pty
        return pty.name

    def block(self, name: str) -> None:
        self.ptys[name].fill()

    def shown(self, name: str) -> str:
        # The line discipline may turn LF into CR LF or not; the person sees the same.
        return self.ptys[name].read().replace("\r\r\n", "\r\n")

    def process(self, role: str) -> ProcessId:
        self.witnesses[role] = Witness()
        return self.witnesses[role].id

    def signals(self, role: str) -> set[signal.Signals]:
        return self.witnesses[role].signals()

    def order(self, name: str) -> LockOrder | None:
        return lock_files.read_order(name, f"{self.directory}/locks")

    def keep(self, name: str, stage: Stage) -> None:
        keep_files(f"{self.directory}/locks", name, stage)

    def stage(self, name: str) -> Stage | None:
        state = lock_files.read_state(name, f"{self.directory}/locks")
        return state.stage if state else None

    def refuse(self) -> None:
        """Makes systemd and logind refuse everything."""
        self.tool("exit 1")

    def tool(self, script: str) -> None:
        for name in ("systemctl", "loginctl"):
            path = Path(self.tools, name)
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)

    def stop(self) -> None:
        for pty in self.ptys.values():
            pty.close()
        for witness in self.witnesses.values():
            witness.stop()


class FakeWorld:
    def __init__(self) -> None:
        self.host = FakeHost()
        self.login = self.host.login(100)
        self.actor = FakeActor(self.host)
        self.uid = self.login.session.uid
        self.processes: dict[str, FakeProcess] = {}

    def terminal(self) -> str:
        name = f"pts/{len(self.login.ttys)}"
        self.login.ttys[name] = FakeTty(name, self.host.time, self.uid)
        return name

    def block(self, name: str) -> None:
        self.login.ttys[name].is_blocked = True

    def shown(self, name: str) -> str:
        return "".join(self.login.ttys[name].shown)

    def process(self, role: str) -> ProcessId:
        process = FakeProcess(ProcessId(500 + len(self.processes), 9), ends_on=frozenset([KILL]))
        self.processes[role] = process
        self.login.processes.append(process)
        return process.id

    def signals(self, role: str) -> set[signal.Signals]:
        return set(self.processes[role].signals)

    def order(self, name: str) -> LockOrder | None:
        return self.actor.orders.get(name)

    def keep(self, name: str, stage: Stage) -> None:
        self.host.keep(make_session(int(name)), stage, 5)

    def stage(self, name: str) -> Stage | None:
        state = self.host.read_lock(make_session(int(name)))
        return state.stage if state else None

    def refuse(self) -> None:
        self.actor.lock_trouble = ReaperError("lock-failed", "systemd refuses")

    def stop(self) -> None:
        pass


@pytest.fixture(params=["fake", "real"])
def world(request, tmp_path, monkeypatch) -> Iterator:
    (tmp_path / "tools").mkdir()
    monkeypatch.setattr(os, "defpath", str(tmp_path / "tools"))
    world = FakeWorld() if request.param == "fake" else RealWorld(str(tmp_path / "run"), str(tmp_path / "tools"))
    yield world
    world.stop()


# Messages.


def test_message_is_shown(world):
    name = world.terminal()
    assert world.actor.write_message(name, "\a\r\nreaper: héllo\r\n", world.uid) is Delivery.DELIVERED
    assert world.shown(name) == "\a\r\nreaper: héllo\r\n"


def test_full_terminal_blocks_the_message(world):
    name = world.terminal()
    world.block(name)
    assert world.actor.write_message(name, "x" * 200, world.uid) is Delivery.BLOCKED


def test_message_to_a_gone_terminal_is_not_delivered(world):
    assert world.actor.write_message("pts/99999", "x", world.uid) is Delivery.GONE


def test_message_is_not_shown_to_another_user(world):
    """The pty's number is another user's by now: nothing is shown there."""
    name = world.terminal()
    assert world.actor.write_message(name, "secret", world.uid + 1) is Delivery.GONE
    assert world.shown(name) == ""


# Signals.


BOTH = (Kill.TERMINAL, Kill.SESSION)
LADDER = [
    # step, kill, and who gets what; a process that is not named gets nothing: a shell passes SIGHUP on, except to
    # disowned jobs
    (TerminationStep.HANGUP, BOTH, {"front": {HUP, CONT}}),
    (TerminationStep.TERM, BOTH[:1], {"front": {HUP, CONT}, "leader": {TERM, CONT}}),
    (
        TerminationStep.TERM,
        BOTH[1:],
        {
            "front": {HUP, TERM, CONT},
            "background": {TERM, CONT},
            "leader": {TERM, CONT},
            "child": {TERM, CONT},
            "detached": {TERM, CONT},
        },
    ),
    (TerminationStep.KILL, BOTH[:1], {"front": {KILL}, "leader": {KILL}, "child": {KILL}}),
    (TerminationStep.KILL, BOTH[1:], {role: {KILL} for role in ROLES}),
]


@pytest.mark.parametrize(("rung", "kill", "expected"), [(r, k, e) for r, kills, e in LADDER for k in kills])
def test_each_step_signals_the_right_processes(world, rung, kill, expected):
    ids = {role: world.process(role) for role in ROLES}
    targets = Targets(
        (AttachedProcess(ids["front"], True), AttachedProcess(ids["background"], False)),
        (ids["leader"], ids["child"]),
        tuple(ids.values()),
    )
    world.actor.escalate(targets, rung, kill, "")
    assert {role: world.signals(role) for role in ROLES} == {role: expected.get(role, set()) for role in ROLES}


def test_kill_session_reaches_attached_processes_outside_the_scope(world):
    """su, or a user's service: still on the terminal, but in no list of the session's processes."""
    elsewhere, detached = world.process("background"), world.process("detached")
    world.actor.escalate(
        Targets((AttachedProcess(elsewhere, False),), (), (detached,)), TerminationStep.KILL, Kill.SESSION, ""
    )
    assert world.signals("background") == {KILL}
    assert world.signals("detached") == {KILL}


def test_reused_pid_is_not_signalled(world):
    """The process that had the pid has ended: the one that has it now has another start time."""
    process = world.process("leader")
    stale = process._replace(start_ticks=process.start_ticks - 1)
    targets = Targets((AttachedProcess(stale, True),), (stale,), (stale,))
    for rung in TerminationStep:
        world.actor.escalate(targets, rung, Kill.SESSION, "")
    assert world.signals("leader") == set()


def test_ended_processes_are_skipped(world):
    gone = ProcessId(2**22 - 1, 5)
    world.actor.escalate(
        Targets((AttachedProcess(gone, True),), (gone,), (gone,)), TerminationStep.KILL, Kill.SESSION, ""
    )


# Locks.


def test_lock_is_ordered_ended_and_forgotten(world):
    """The order is there to be read; a new one removes the state of the last."""
    order = LockOrder(make_session(100), "Locked.", {"session": "100"}, 5, None)
    world.actor.lock_terminals("100", order)
    assert world.order("100") == order
    world.keep("100", Stage.UNLOCKED)
    assert world.stage("100") is Stage.UNLOCKED
    world.actor.lock_terminals("100", order)
    assert world.stage("100") is None
    world.actor.start_keeper("100")
    world.actor.end_lock("100")
    world.actor.forget_lock("100")
    assert (world.order("100"), world.stage("100")) == (None, None)
    world.actor.forget_lock("100")


def test_refused_locks_raise(world):
    world.refuse()
    with pytest.raises(ReaperError) as refused:
        world.actor.lock("c3")
    assert refused.value.problem == "lock-failed"
    with pytest.raises(ReaperError) as refused:
        world.actor.lock_terminals("100", LockOrder(make_session(100), "Locked.", {}, 5, None))
    assert refused.value.problem == "lock-failed"


def test_fake_actor_has_the_same_methods():
    for name, method in inspect.getmembers(Actor, inspect.isfunction):
        if not name.startswith("_"):
            assert list(inspect.signature(getattr(FakeActor, name)).parameters) == list(
                inspect.signature(method).parameters
            )
