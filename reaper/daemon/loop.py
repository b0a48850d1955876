"""The main loop: waits for the next poll or due session, logind, exits of leaders, signals and the socket.

Apart from these it wakes only for the watchdog and for updates to clients of Watch that came too soon after the last.
Every wake-up ends in Daemon.tick() or in an answer on the socket. However many clients call, only one is answered
between two ticks.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
from typing import Any, Callable

from reaper import __version__
from reaper.act.journal import Journal
from reaper.control.server import Server
from reaper.daemon.api import Api
from reaper.daemon.core import Daemon
from reaper.daemon.distrusting import Distrusting
from reaper.daemon.supervisor import Supervisor
from reaper.decide.output import session_events
from reaper.decide.output.events import Priority
from reaper.decide.policy.files import parse, problems, render
from reaper.decide.policy.rules import Policy
from reaper.decide.session import snapshot
from reaper.decide.session.model import SessionKey
from reaper.errors import ReaperError
from reaper.sense.exit_watcher import ExitWatcher
from reaper.sense.host import Host
from systemd import daemon as systemd  # type: ignore[attr-defined,unused-ignore]

# logind announces a session before its PAM stack has finished; the login record is there a moment later.
LOGIN_USEC = 1_000_000


class DaemonLoop:
    """Connects the daemon to systemd, the socket, and the policy and state files."""

    def __init__(self, host: Host, daemon: Daemon, journal: Journal, read_policy: Callable[[], Policy]) -> None:
        self._host, self._daemon, self._journal, self._read_policy = host, daemon, journal, read_policy
        self.api = Api(host, daemon, journal, self.reload_for_systemd)
        self._selector = selectors.DefaultSelector()
        self._server = Server(self._selector, self.api, on_error=daemon.trouble.note_error)
        self._server_failed = False
        self._wakeup, self._wakeup_writer = socket.socketpair()
        self._exit_watcher: ExitWatcher[SessionKey] = ExitWatcher()
        self._distrusting = Distrusting(host, journal)
        self._supervisor = Supervisor(self._distrusting.give_up)
        self._signals: set[int] = set()
        self._rejected = ""
        self._watchdog_usec = int(os.environ.get("WATCHDOG_USEC", "0")) // 2
        self._petted_usec = 0
        self._selector.register(self._exit_watcher, selectors.EVENT_READ, self._exit_watcher)
        daemon.presence.on_track = self._exit_watcher.watch
        daemon.sessions.join(self._exit_watcher.unwatch)

    def run(self) -> None:
        """Runs until SIGTERM or SIGINT."""
        self._catch_signals()
        self._distrusting.restore()
        self._supervisor.start()
        self._supervisor.arm()
        self._restore()
        monitor = self._host.monitor().fileno()
        if monitor is not None:
            self._selector.register(monitor, selectors.EVENT_READ, "logind")
        self._journal.send(session_events.started(__version__))
        self.reload()
        self._turn()
        systemd.notify(f"READY=1\nSTATUS={self._status()}")
        while not self._signals & {signal.SIGTERM, signal.SIGINT}:
            self._wait()
            if signal.SIGHUP in self._signals:
                self._signals.discard(signal.SIGHUP)
                self.reload_for_systemd()
            self._turn()
        systemd.notify("STOPPING=1")
        self._daemon.save()
        self._server.close()
        self._exit_watcher.close()
        self._supervisor.close()
        self._journal.send(session_events.stopped(len(self._daemon.sessions)))

    def _catch_signals(self) -> None:
        self._wakeup.setblocking(False)
        self._wakeup_writer.setblocking(False)
        signal.set_wakeup_fd(self._wakeup_writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, _frame: self._signals.add(number))
        self._selector.register(self._wakeup, selectors.EVENT_READ, "signal")

    def _turn(self) -> None:
        """Does one turn of the loop, after a wake-up."""
        now = self._host.clock()
        self._distrusting.look(now.boot_usec)
        self._daemon.tick(now)
        try:
            self._server.ensure_bound()
            self._server_failed = False
        except OSError as error:
            if not self._server_failed:
                self._journal.note(
                    Priority.ERR, f"cannot bind the control socket: {error}; reaperctl does not work until then"
                )
            self._server_failed = True
        self._server.expire(now.boot_usec)
        self._server.refresh(now.boot_usec)
        if self._watchdog_usec and now.boot_usec - self._petted_usec >= self._watchdog_usec // 2:
            systemd.notify("WATCHDOG=1")
            self._petted_usec = now.boot_usec

    def _wait(self) -> None:
        now_usec = self._host.clock().boot_usec
        wake = self._daemon.next_wake()
        if self._watchdog_usec:
            wake = min(wake, self._petted_usec + self._watchdog_usec)
        refresh = self._server.next_wake()
        if refresh is not None:
            wake = min(wake, refresh)
        self._supervisor.disarm()
        ready = self._selector.select(max(0, wake - now_usec) / 1_000_000)
        self._supervisor.arm()
        for key, _ in ready:
            self._handle(key.fd, key.data)
        self._server.serve(self._host.clock().boot_usec)

    def _handle(self, fd: int, data: Any) -> None:
        now = self._host.clock()
        if data is self._server:
            self._server.handle(fd, now.boot_usec)
        elif data == "logind":
            self._host.monitor().flush()
            self._daemon.hasten(now.boot_usec + LOGIN_USEC)
        elif data == "signal":
            self._wakeup.recv(256)
        else:
            for key in self._exit_watcher.ended():
                self._daemon.presence.leader_died(key, now.boot_usec)

    # Policy and state.

    def reload_for_systemd(self) -> str:
        """Reads the policy files again, notifying systemd; returns their mistakes, or ""."""
        systemd.notify(f"RELOADING=1\nMONOTONIC_USEC={_monotonic_usec()}")
        self.reload()
        systemd.notify(f"READY=1\nSTATUS={self._status()}")
        return self._rejected

    def reload(self) -> None:
        """Reads the policy files again. If they do not parse, logs why, and the last good policy stays in force."""
        try:
            policy = self._read_policy()
        except ReaperError as error:
            self._rejected = str(error)
            self._journal.send(session_events.policy_rejected(error, self._daemon.policy))
            return
        self._rejected = ""
        self._daemon.adopt(policy, render.describe(policy), self._host.clock())
        self._journal.send(session_events.policy_loaded(policy))

    def _restore(self) -> None:
        text = self._host.read_state()
        if not text:
            return
        try:
            state = snapshot.decode(text, self._host.boot_id())
            policy = parse.parse([problems.Source("the saved policy", state.policy)]) if state.policy else None
        except ReaperError as error:
            self._journal.note(Priority.WARNING, f"{error}, ignoring")
            return
        if policy is not None:
            self._daemon.adopt(policy, state.policy, self._host.clock())
        self._daemon.restore(state, self._host.clock())

    def _status(self) -> str:
        policy = self._daemon.policy
        if self._rejected and policy is None:
            return "NO POLICY, nobody is touched: the policy files do not parse, see reaperctl check"
        broken = (
            "; the policy files do not parse, the last good policy stays: see reaperctl check" if self._rejected else ""
        )
        return f"watching {len(self._daemon.sessions)} sessions, policy {policy.id if policy else ''}{broken}"


def _monotonic_usec() -> int:
    import time

    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
