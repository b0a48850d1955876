"""The processes that a termination concerns, also outside of the session's scope; the contract is in test_host."""

from __future__ import annotations

from reaper.decide.session.model import ProcessId
from reaper.sense import targets
from tests.unit.sense.trees import PANE, START_TICKS, add_login, add_process


def test_strays_are_part_of_everything(tree):
    ours = add_login(tree, 10, "c1", 71)
    add_process(tree, 11, 10, ours.scope)
    stray = ProcessId(add_process(tree, 30, 1, PANE), START_TICKS)
    whole = targets.find(ours, [], [stray], (), whole=True)
    assert whole.everything == (ProcessId(10, START_TICKS), ProcessId(11, START_TICKS), stray)
    assert stray in {process for process, _ in whole.holding.each}
    assert whole.connection == (ProcessId(10, START_TICKS),)
    part = targets.find(ours, [], [stray], (), whole=False)
    assert (part.everything, part.strays, whole.strays) == ((), (stray,), (stray,))


def test_stray_descendant_is_listed_once(tree):
    """A session without a scope holds its leader's descendants, wherever they are."""
    ours = add_login(tree, 10, "c1", 71)
    stray = ProcessId(add_process(tree, 30, 10, PANE), START_TICKS)
    assert targets.find(ours, [], [stray], (), whole=True).everything.count(stray) == 1
