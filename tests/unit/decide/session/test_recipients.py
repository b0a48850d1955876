"""Which processes the end of a session signals, at each step and in all."""

from __future__ import annotations

import pytest

from reaper.decide.policy.limits import Kill
from reaper.decide.session.model import AttachedProcess, ProcessId, Targets
from reaper.decide.session.recipients import Recipients, of_all_steps, recipients_of
from reaper.decide.session.state import TerminationStep

LEADER, CHILD, SHELL, JOB, DETACHED, STRAY = (ProcessId(pid, 7) for pid in range(10, 16))
TARGETS = Targets(
    attached=(AttachedProcess(SHELL, in_front=True), AttachedProcess(JOB, in_front=False)),
    connection=(LEADER, CHILD),
    everything=(LEADER, CHILD, SHELL, JOB, DETACHED, STRAY),
    strays=(STRAY,),
)
HANGUP, TERM, KILL = TerminationStep


@pytest.mark.parametrize(
    ("step", "kill", "expected"),
    [
        (HANGUP, Kill.TERMINAL, Recipients(hung_up=(SHELL,))),
        (HANGUP, Kill.SESSION, Recipients(hung_up=(SHELL,))),
        (TERM, Kill.TERMINAL, Recipients((LEADER,), (SHELL,))),
        (TERM, Kill.SESSION, Recipients(TARGETS.everything, (SHELL,))),
        (KILL, Kill.TERMINAL, Recipients(killed=(LEADER, CHILD, SHELL))),
        (KILL, Kill.SESSION, Recipients(killed=(LEADER, CHILD, SHELL, JOB, STRAY), is_scope_killed=True)),
    ],
)
def test_steps(step, kill, expected):
    assert recipients_of(TARGETS, step, kill) == expected


def test_all_steps_together():
    assert of_all_steps(TARGETS, Kill.TERMINAL) == {LEADER, CHILD, SHELL}
    assert of_all_steps(TARGETS, Kill.SESSION) == set(TARGETS.everything)
    assert of_all_steps(Targets((), ()), Kill.SESSION) == frozenset()
