"""What the user sees and types on one locked terminal, in the process that asks for the password.

The terminal has been taken over already: raw, without echo, with every other reader frozen, and what it showed set
aside (see tty and lock_screen). The password is in a single buffer here, which is wiped; its length is never shown.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
from dataclasses import dataclass

from reaper.decide.text.escape import plain
from reaper.lock.prompt.line_editor import LineEditor
from reaper.lock.prompt.pam import Outcome, authenticate
from reaper.lock.terminal.lock_screen import LockView, TerminalKind, plain_lines, prompt_line, render, screen_lines

_LOOK_MS = 500  # between two checks of the size; an escape sequence that pauses for so long was the Escape key
_FORGET_AFTER = 120  # so many checks without a key, after which a line typed but not sent is forgotten
_QUIET_MS = 200  # a paste is over when no input has come for so long
_WRITE_MS = 5000  # the longest wait for a terminal that takes no output, as its window is stuck
_MOST_MESSAGES = 20
_READ = 4096  # the size of the kernel's buffer of a terminal
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


@dataclass(frozen=True)
class Ask:
    """Whom to ask, and what to show. All text is unescaped outside text; `last` is why the last attempt failed."""

    user: str
    service: str
    tty: str
    rhost: str
    heading: str
    host: str
    failures: int
    most: int
    kind: TerminalKind
    last: str = ""


class Dialogue:
    """The user's side of the PAM conversation."""

    def __init__(self, fd: int, ask: Ask) -> None:
        self._fd, self._ask = fd, ask
        self._keys, self._buffer = LineEditor(), bytearray(_READ)
        self._messages = [f"The last attempt failed: {ask.last}."] if ask.last else []
        self._prompt = ""
        self._echoed = ""
        self._size = (0, 0)
        self._seen: int | None = None  # how many messages were shown by the last draw
        self._is_answered = self._is_gone = False
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)

    def attempt(self) -> Outcome:
        """Runs one attempt and returns its outcome, after the user has confirmed what they must know."""
        ask = self._ask
        self._draw()
        outcome = authenticate(ask.user, ask.service, ask.tty, ask.rhost, self._answer, self._show_message)
        if self._is_gone:
            return Outcome(False, outcome.code, "the terminal is gone", "gone", outcome.is_answered)
        if outcome.is_expired:
            self._pause("The password has to be changed: passwd(1) does that. Press Enter to go on.")
        elif not outcome.ok and outcome.phase == "account":  # keeps the messages of PAM's modules on the screen
            self._pause(f"The account may not be used now: {outcome.why}. Press Enter to try again.")
        elif not outcome.ok and not outcome.is_answered:
            self._pause(f"That is not possible now: {outcome.why}. Press Enter to try again.")
        return outcome

    def _show_message(self, text: str, _is_error: bool) -> None:
        self._add_message(text)
        self._draw()

    def _add_message(self, text: str) -> None:
        if len(self._messages) < _MOST_MESSAGES:
            self._messages.append(text)

    def _answer(self, prompt: str, shows: bool) -> bytearray | None:
        """Returns what is typed at a prompt of PAM's; None if the terminal has hung up.

        Enter alone at the first prompt is a user who wakes the screen, and no attempt. At later prompts it may be an
        answer.
        """
        while self._read(prompt, shows):
            if self._keys.is_too_long:
                self._add_message("That is longer than any password, and was not sent.")
            elif not self._keys.is_empty or self._is_answered:
                self._is_answered = True
                answer = self._keys.line()
                self._keys.wipe()
                self._prompt, self._echoed = "One moment ...", ""
                self._draw()
                return answer
        return None

    def _pause(self, text: str) -> None:
        self._add_message(text)
        self._read("", False)
        self._keys.wipe()

    def _read(self, prompt: str, shows: bool) -> bool:
        """Reads a line into `_keys`; returns False on a hangup. Drops what was typed before the prompt."""
        self._keys.wipe()
        self._keys.settle()
        self._prompt, self._echoed = prompt, ""
        if not self._drop_input():
            return False
        self._draw()
        silent = 0
        while True:
            ready = self._poll.poll(_LOOK_MS)
            if not ready:
                silent = self._handle_silence(silent + 1)
                continue
            silent = 0
            count = 0 if ready[0][1] & _GONE else self._receive()
            if not count:
                return self._hang_up()
            is_line = self._keys.feed(memoryview(self._buffer)[: max(0, count)])
            self._buffer[:] = bytes(len(self._buffer))
            if shows:
                self._echo()
            if is_line:
                return True

    def _receive(self) -> int:
        """Returns how many bytes were read into the buffer; 0 after a hangup, -1 if there was nothing to read."""
        try:
            return os.readv(self._fd, [self._buffer])
        except BlockingIOError:
            return -1
        except OSError:
            return 0

    def _handle_silence(self, looks: int) -> int:
        """Handles a timeout without input."""
        self._keys.settle()
        if looks == _FORGET_AFTER:
            self._keys.wipe()
            self._echoed = ""
            self._draw()
        elif self._ask.kind is not TerminalKind.SERIAL and self._size != self._read_size():
            self._draw()
        return looks

    def _drop_input(self) -> bool:
        """Drops what has been typed, and the rest of a paste in progress; returns False on a hangup."""
        while True:
            try:
                termios.tcflush(self._fd, termios.TCIFLUSH)
            except termios.error:
                return self._hang_up()
            ready = self._poll.poll(_QUIET_MS)
            if not ready:
                return True
            if ready[0][1] & _GONE:
                return self._hang_up()

    def _hang_up(self) -> bool:
        self._is_gone = True
        self._keys.wipe()
        return False

    def _draw(self) -> None:
        """Draws the lock screen; on a serial line only new lines, since nothing there can be drawn over."""
        ask, seen = self._ask, self._seen
        self._size, self._seen = self._read_size(), len(self._messages)
        if ask.kind is TerminalKind.SERIAL and seen is not None:
            lines = [line for text in self._messages[seen:] for line in plain_lines(text)] + [prompt_line(self._prompt)]
        else:
            left, messages = max(1, ask.most - ask.failures), tuple(self._messages)
            shown = LockView(
                ask.host, ask.user, ask.tty, ask.rhost, ask.heading, left, messages, self._prompt, self._echoed
            )
            lines = screen_lines(shown)
        self._write(render(lines, ask.kind, *self._size))

    def _echo(self) -> None:
        """Shows what is typed at a prompt that asks for echo."""
        text = plain(self._keys.line().decode(errors="ignore"))
        same = 0
        while same < min(len(text), len(self._echoed)) and text[same] == self._echoed[same]:
            same += 1
        self._write(b"\b \b" * (len(self._echoed) - same) + text[same:].encode(errors="replace"))
        self._echoed = text

    def _read_size(self) -> tuple[int, int]:
        try:
            rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(self._fd, termios.TIOCGWINSZ, bytes(8)))
        except OSError:
            return 0, 0
        return rows, columns

    def _write(self, data: bytes) -> None:
        """Writes what the terminal takes. One that takes nothing for long is not waited for, but still read."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        while data and poll.poll(_WRITE_MS):
            count = _write_some(self._fd, data)
            if not count:
                return
            data = data[count:]


def _write_some(fd: int, data: bytes) -> int:
    """Returns how many bytes a terminal took; 0 after a hangup, which the next read reports, or if it was not ready."""
    try:
        return os.write(fd, data)
    except OSError:
        return 0
