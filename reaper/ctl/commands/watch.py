"""reaperctl watch: show the sessions on the whole terminal, live, with the time that each has left."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from reaper.control.client import DaemonAbsentError
from reaper.control.stream import Stream
from reaper.ctl import selection, style
from reaper.ctl.frame import WatchView, frame_of
from reaper.ctl.screen import Screen
from reaper.ctl.table import short
from reaper.decide.text.duration import USEC_PER_SEC
from reaper.errors import ReaperError

HELP = "show the sessions live, with the time that each has left"
_METHOD = "io.reaper.Watch"
# SIGCONT: other programs may have changed the terminal while this process was stopped.
_SIGNALS = (signal.SIGWINCH, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGCONT)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the subcommand."""
    selection.add_arguments(parser, "next")
    parser.add_argument("--json", action="store_true", help="print each answer of the daemon as a line of JSON")


def run(options: argparse.Namespace) -> int:
    """Shows the sessions until q or Ctrl-C. Raises ReaperError without a terminal, or if no daemon answers at first."""
    wanted = selection.selection_of(options)
    if options.json:
        return _print_answers(wanted)
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or style.is_dumb(os.environ):
        raise ReaperError(
            "no-terminal", "watch needs a terminal that can move its cursor", "reaperctl list, or watch --json"
        )
    stream = Stream(_METHOD)
    with _signals() as wakeup, Screen(0, 1, is_coloured=style.is_coloured(sys.stdout)) as screen:
        last = _Watcher(screen, wakeup, stream, wanted).run()
    if last in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(last, signal.SIG_DFL)
        os.kill(os.getpid(), last)
    return 0


def _print_answers(wanted: selection.SessionSelection) -> int:
    stream = Stream(_METHOD)
    try:
        while True:
            select.select([stream], [], [])
            for answer in stream.take():
                print(json.dumps(_selected(answer, wanted)), flush=True)
    except KeyboardInterrupt:
        return 0


def _selected(answer: dict[str, Any], wanted: selection.SessionSelection) -> dict[str, Any]:
    return {**answer, "sessions": selection.select(answer["sessions"], wanted)}


@contextlib.contextmanager
def _signals() -> Iterator[socket.socket]:
    """Makes signals wake a select(): their numbers are read from the socket, and they interrupt nothing."""
    wakeup, writer = socket.socketpair()
    wakeup.setblocking(False)
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, _ignore) for number in _SIGNALS}
    try:
        yield wakeup
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        wakeup.close()
        writer.close()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Does nothing: the signal's number is on the socket."""


def _now_usec() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class _Watcher:
    """The loop of watch: waits for the daemon, a key, a signal or the next second, and draws the screen."""

    def __init__(
        self, screen: Screen, wakeup: socket.socket, stream: Stream, wanted: selection.SessionSelection
    ) -> None:
        self._screen, self._wakeup, self._wanted = screen, wakeup, wanted
        self._stream: Stream | None = stream
        self._glyphs = style.glyphs_of(os.environ)
        self._answer: dict[str, Any] | None = None
        self._answered_usec = _now_usec()
        self._lost_usec: int | None = None
        self._top = self._room = 0
        self._is_over = False
        self._ended_by = 0

    def run(self) -> int:
        """Runs until the user quits or a signal arrives; returns the signal, or 0."""
        try:
            while not self._is_over:
                self._draw()
                self._wait()
        finally:
            if self._stream is not None:
                self._stream.close()
        return self._ended_by

    def _draw(self) -> None:
        now_usec = _now_usec()
        until, notice = now_usec, ""
        if self._lost_usec is not None:
            until = self._lost_usec  # without a daemon no session is ended: the times do not count on
            since = short(now_usec - self._lost_usec)
            notice = f"reaperd has not answered for {since}: this is its last report. Trying again."
        size = self._screen.size()
        view = WatchView(self._answer, until - self._answered_usec, self._wanted, self._top, notice)
        frame = frame_of(view, *size, self._glyphs)
        self._top, self._room = frame.top, max(1, size[1] - 4)
        self._screen.draw(frame.lines, size)

    def _wait(self) -> None:
        """Waits for an event, or until the answer's age is the next whole second."""
        rest = USEC_PER_SEC - (_now_usec() - self._answered_usec) % USEC_PER_SEC
        sources = [0, self._wakeup, *([self._stream] if self._stream is not None else [])]
        ready = select.select(sources, [], [], rest / USEC_PER_SEC)[0]
        if self._wakeup in ready:
            for number in self._wakeup.recv(100):
                self._handle_signal(number)
        if 0 in ready:
            self._handle_keys()
        if self._stream is None:
            self._connect()
        elif self._stream in ready:
            self._take()

    def _take(self) -> None:
        assert self._stream is not None
        try:
            for answer in self._stream.take():
                self._answer, self._answered_usec, self._lost_usec = answer, _now_usec(), None
        except DaemonAbsentError:
            self._stream.close()
            self._stream = None
            self._lost_usec = self._lost_usec or _now_usec()

    def _connect(self) -> None:
        with contextlib.suppress(DaemonAbsentError):
            self._stream = Stream(_METHOD)

    def _handle_signal(self, number: int) -> None:
        if number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._is_over, self._ended_by = True, number
        elif number == signal.SIGTSTP:
            self._screen.suspend()
            handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTSTP)  # the process stops here until SIGCONT
            signal.signal(signal.SIGTSTP, handler)
            self._screen.resume()
        elif number == signal.SIGCONT:
            self._screen.resume()
        else:
            self._screen.invalidate()

    def _handle_keys(self) -> None:
        keys = self._screen.read_keys()
        if keys is None:
            self._is_over = True
            return
        for key in keys:
            if key in ("q", "Q"):
                self._is_over = True
            elif key == "s":
                order = selection.SORT_KEYS
                at = order.index(self._wanted.sort[0]) + 1
                self._wanted = self._wanted._replace(sort=(order[at % len(order)],))
            elif key == "r":
                self._wanted = self._wanted._replace(is_reversed=not self._wanted.is_reversed)
            elif key == "\x0c":  # Ctrl-L: another program has written to the terminal
                self._screen.invalidate()
            else:
                self._top = self._scrolled(key)

    def _scrolled(self, key: str) -> int:
        """Returns the first session to show after a key; frame_of() limits it to the last page."""
        moves = {"up": -1, "down": 1, "page-up": -self._room, "page-down": self._room}
        if key in ("home", "end"):
            return 0 if key == "home" else sys.maxsize
        return max(0, self._top + moves.get(key, 0))
