"""Which processes are signalled at the end of a session, at each step of it. Pure.

HANGUP  SIGHUP and SIGCONT to the foreground processes of the session's terminals, as the kernel does when a terminal
        hangs up. A shell sends SIGHUP on to its jobs, except disowned ones, and ends; then PAM closes the session.
TERM    SIGTERM to the leader, or to the process that it waits for if it ignores SIGTERM (cockpit-session), so that the
        PAM session and the connection are closed. With `kill: session`, to all processes.
KILL    SIGKILL. With `kill: terminal` to the connection and to the foreground processes of its terminals, since a
        process that detached itself (tmux, nohup) also survives a hangup; with `kill: session` to all processes.

act/terminate.py sends the signals; `reaperctl explain` shows the processes that they would reach.
"""

from __future__ import annotations

from typing import NamedTuple

from reaper.decide.policy.limits import Kill
from reaper.decide.session.model import ProcessId, Targets
from reaper.decide.session.state import TerminationStep

Processes = tuple[ProcessId, ...]


class Recipients(NamedTuple):
    """The processes that get a signal at one step, in order."""

    terminated: Processes = ()  # SIGTERM and SIGCONT
    hung_up: Processes = ()  # SIGHUP and SIGCONT
    killed: Processes = ()  # SIGKILL
    is_scope_killed: bool = False  # all of the session's scope is killed before, or, where that fails, `everything`


def recipients_of(targets: Targets, step: TerminationStep, kill: Kill) -> Recipients:
    """Returns the processes that one step is for."""
    in_front = tuple(each.process for each in targets.attached if each.in_front)
    if step is TerminationStep.HANGUP:
        return Recipients(hung_up=in_front)
    if step is TerminationStep.TERM:
        # At their prompt, bash and similar shells ignore SIGTERM; and without a leader nothing else ends them.
        return Recipients(targets.everything if kill is Kill.SESSION else targets.connection[:1], hung_up=in_front)
    if kill is Kill.TERMINAL:
        return Recipients(killed=(*targets.connection, *in_front))
    attached = (each.process for each in targets.attached)
    return Recipients(killed=(*targets.connection, *attached, *targets.strays), is_scope_killed=True)


def of_all_steps(targets: Targets, kill: Kill) -> frozenset[ProcessId]:
    """Returns the processes that the steps signal together; `targets` have everything that the session holds."""
    steps = [recipients_of(targets, step, kill) for step in TerminationStep]
    everything = targets.everything if any(each.is_scope_killed for each in steps) else ()
    return frozenset(everything).union(*(part for each in steps for part in each[:3]))
