"""What follows when a keeper has ended for any reason. systemd runs it (ExecStopPost=) before it starts another keeper.

The next keeper continues where a failed one was. But whatever made the keeper fail, such as a process of the user that
it examined, may make every keeper fail, and the session must not stay frozen because of that. So after MOST failures
in a row, each within QUICK_USEC of the one before, the lock moves one step towards its end:

locking    unlocking: the session is not locked, and the next keeper gives back what has been taken
unlocking  over: everything frozen is thawed, and the terminals may not be as they were
locked     refused: the next keeper asks for no password, and reaperd ends the session
refused    the session is hung up, and everything frozen is thawed

A keeper killed by SIGKILL (from root or the OOM killer) has not failed, unless systemd's watchdog killed it because it
hung. A keeper that was stopped before it could catch SIGTERM has not done what it does on SIGTERM, so that is done
here.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from typing import Any

from reaper.act.journal import Journal
from reaper.decide.output.events import Priority
from reaper.decide.session.lock_protocol import OVER, LockOrder, LockState, Stage
from reaper.decide.session.model import ProcessId
from reaper.errors import ReaperError
from reaper.lock.bounded import within
from reaper.lock.freeze.apart import FrozenInThread
from reaper.lock.freeze.frozen import FrozenProcesses
from reaper.lock.freeze.quiesce import UserFreeze
from reaper.lock.held_terminal import HeldTerminal
from reaper.lock.keeper import Keeper
from reaper.lock.release import FRONT_SEC, hang_up, step
from reaper.lock.store import Store
from reaper.sense.host import Host

# A keeper that fails usually does so within a second, in its first look, or after 20 s if it hangs (WatchdogSec=). The
# next one is started half a second later. So a lock moves a step after some 5 s, and nearly always within 105 s. A
# keeper that hangs after the longest of its calls (apart.MOST_LOOKS) is counted, too.
MOST = 5
QUICK_USEC = 180_000_000
_NEXT = {Stage.LOCKING: Stage.UNLOCKING, Stage.LOCKED: Stage.REFUSED}


def follow(store: Store, host: Host, journal: Journal, environment: Mapping[str, str]) -> None:
    """Does what is needed between two keepers. Does nothing if the lock or the session is over."""
    try:
        order = store.read_order()
    except ReaperError as error:
        if store.is_ordered():
            journal.note(Priority.ERR, f"a lock cannot be kept, and its session may stay frozen: {error}")
        return
    with step():
        UserFreeze(order.session.scope).release()  # after a keeper killed in mid-freeze the user could not log in
    # TERM: stopped too early, see above. timeout: killed in a call that no signal interrupts (TimeoutStopSec=).
    if environment.get("EXIT_STATUS") == "TERM" or environment.get("SERVICE_RESULT") == "timeout":
        Keeper(store, host, journal, is_stopped=True).run()
    elif has_failed(environment):
        now_usec = host.clock().boot_usec
        count = MOST  # if the disk is full and nothing can be written, the next keepers fail for the same reason
        with step():
            count = store.count_failure(now_usec, QUICK_USEC)
        if count >= MOST and count % MOST == 0:
            _advance(store, order, host, journal, now_usec)


def has_failed(environment: Mapping[str, str]) -> bool:
    """Whether a keeper failed, by its SERVICE_RESULT and EXIT_STATUS from systemd (systemd.exec(5))."""
    result = environment.get("SERVICE_RESULT", "success")
    return result == "watchdog" or (result != "success" and environment.get("EXIT_STATUS") != "KILL")


def _advance(store: Store, order: LockOrder, host: Host, journal: Journal, now_usec: int) -> None:
    session = order.session
    state = LockState(Stage.LOCKING, now_usec, 0, "", ProcessId(0, 0))
    document: dict[str, Any] = {"lines": [], "origins": []}
    try:
        state, document = store.read_state() or (state, document)
    except ReaperError as error:
        state = LockState(Stage.REFUSED, now_usec, 0, str(error), state.keeper)
    if state.stage in OVER:
        return
    why = state.why if state.stage is Stage.UNLOCKING else f"reaper-lock failed {MOST} times in a row"
    text = f"reaper-lock failed {MOST} times in a row, and session {session.name} is {state.stage.value}"
    journal.note(Priority.ERR, text)
    if state.stage in _NEXT:
        with step():
            store.write_state(LockState(_NEXT[state.stage], now_usec, state.failures, why, state.keeper), **document)
            return
    # The last step. Also the first one, if the next stage could not be written.
    frozen = FrozenInThread(
        FrozenProcesses(session, host, lambda: None, functools.partial(journal.note, Priority.WARNING))
    )
    with step():
        frozen.resume(document["origins"])
    if state.stage in (Stage.LOCKED, Stage.REFUSED):
        hang_up(session, _open_terminals(order, host), frozen, host)
        store.remove()
        return
    with step():
        frozen.put_back()
    over = Stage.FAILED if why else Stage.UNLOCKED
    with step():
        store.write_state(LockState(over, now_usec, state.failures, why, state.keeper), **document)
        return
    store.remove()  # otherwise another keeper would start and take everything again


def _open_terminals(order: LockOrder, host: Host) -> list[HeldTerminal]:
    found = []
    with step():
        for name in within(lambda _: host.terminal_names(order.session), FRONT_SEC):
            with contextlib.suppress(ReaperError):  # the terminal has hung up
                found.append(HeldTerminal.open_new(name))
    return found
