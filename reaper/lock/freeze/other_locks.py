"""What other locks hold: one process, typically a tmux server, may have terminals of two sessions open.

It is in the group of the lock that found it first, and in the states of both: it runs again when both are over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from reaper.decide.session import lock_protocol
from reaper.decide.session.lock_protocol import Stage
from reaper.decide.session.model import ProcessId
from reaper.errors import ReaperError
from reaper.lock.freeze import cgroups
from reaper.sense import lock_files, processes

_STANDING = (Stage.LOCKING, Stage.LOCKED, Stage.REFUSED)


def is_frozen(group: str) -> bool:
    """Whether a control group is one in which some lock has its processes, and is frozen."""
    scope, _, name = group.rpartition("/")
    return (
        name == lock_files.GROUP
        and lock_protocol.is_scope(scope)
        and cgroups.is_set(f"{processes.CGROUP}{group}/cgroup.freeze")
    )


def origins(directory: str = lock_files.DIRECTORY) -> dict[ProcessId, str]:
    """Returns the original group of each process that any lock has stopped."""
    found: dict[ProcessId, str] = {}
    for _, stopped in _standing(directory):
        found = {**stopped, **found}
    return found


def groups(own: str, directory: str = lock_files.DIRECTORY) -> dict[ProcessId, str]:
    """Returns, for each process that a lock other than that of session `own` has stopped, the group of that lock."""
    found: dict[ProcessId, str] = {}
    for scope, stopped in _standing(directory, own):
        group = f"{scope}/{lock_files.GROUP}"
        if os.path.isdir(processes.CGROUP + group):
            found = {**dict.fromkeys(stopped, group), **found}
    return found


def _standing(directory: str, own: str = "") -> Iterator[tuple[str, dict[ProcessId, str]]]:
    """Yields the scope of each lock that stands, and the processes it has stopped with their original groups."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return
    for name in names:
        text = None if name == own else lock_files.read_text(name, directory, "state")
        try:
            order = lock_files.read_order(name, directory) if text else None
            if text and order:
                state, document = lock_protocol.decode_state(text)
                if state.stage in _STANDING:
                    found = {ProcessId(int(pid), int(ticks)): str(group) for pid, ticks, group in document["origins"]}
                    yield order.session.scope, found
        except (ReaperError, KeyError, TypeError, ValueError):
            continue
