"""What a person sees and types on one locked terminal, in the process that asks.

The terminal is taken over already: raw, without echo, read by nobody else, and what it showed is set aside (see line
and screen). A password is in one buffer here, which is wiped; how long it is shows nowhere.
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
from reaper.lock.terminal.lock_screen import LockView, TerminalKind, drawn, lines_of, plain_lines, prompt_of

_LOOK_MS = 500  # between two looks at the size; a sequence that has not gone on for so long was the Escape key
_FORGET_AFTER = 120  # such looks without a key, until what was typed and not sent is forgotten
_QUIET_MS = 200  # a paste is over when nothing has come for so long
_WRITE_MS = 5000  # for a terminal that takes nothing, since its window is stuck: it is not waited for longer
_MOST_TOLD = 20
_READ = 4096  # the kernel's own buffer of a terminal
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


@dataclass(frozen=True)
class Ask:
    """Whom to ask, and what to show. All text is as it came from outside; `last` is why the attempt before failed."""

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
    """The person's side of the conversation."""

    def __init__(self, fd: int, ask: Ask) -> None:
        self._fd, self._ask = fd, ask
        self._keys, self._buffer = LineEditor(), bytearray(_READ)
        self._told = [f"The last attempt failed: {ask.last}."] if ask.last else []
        self._prompt = ""
        self._echoed = ""
        self._size = (0, 0)
        self._seen: int | None = None  # how much of it was there at the last look
        self._is_answered = self._is_gone = False
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)

    def attempt(self) -> Outcome:
        """Draws, converses, and says what became of it; the person has seen what they have to know."""
        ask = self._ask
        self._draw()
        outcome = authenticate(ask.user, ask.service, ask.tty, ask.rhost, self._answer, self._say)
        if self._is_gone:
            return Outcome(False, outcome.code, "the terminal is gone", "gone", outcome.is_answered)
        if outcome.is_expired:
            self._pause("The password has to be changed: passwd(1) does that. Press Enter to go on.")
        elif not outcome.ok and outcome.phase == "account":  # what its modules have said is there to be read
            self._pause(f"The account may not be used now: {outcome.why}. Press Enter to try again.")
        elif not outcome.ok and not outcome.is_answered:
            self._pause(f"That is not possible now: {outcome.why}. Press Enter to try again.")
        return outcome

    def _say(self, text: str, _is_error: bool) -> None:
        self._tell(text)
        self._draw()

    def _tell(self, text: str) -> None:
        if len(self._told) < _MOST_TOLD:
            self._told.append(text)

    def _answer(self, prompt: str, shows: bool) -> bytearray | None:
        """What is typed at a prompt of PAM's; None where the terminal is gone.

        Enter alone at the first prompt is somebody who wakes the screen, and no attempt. Of later prompts it may be an
        answer.
        """
        while self._read(prompt, shows):
            if self._keys.is_too_long:
                self._tell("That is longer than any password, and was not sent.")
            elif not self._keys.is_empty or self._is_answered:
                self._is_answered = True
                answer = self._keys.line()
                self._keys.wipe()
                self._prompt, self._echoed = "One moment ...", ""
                self._draw()
                return answer
        return None

    def _pause(self, text: str) -> None:
        self._tell(text)
        self._read("", False)
        self._keys.wipe()

    def _read(self, prompt: str, shows: bool) -> bool:
        """A line, in `_keys`; False where the terminal is gone. What was typed before the prompt is dropped."""
        self._keys.wipe()
        self._keys.settle()
        self._prompt, self._echoed = prompt, ""
        if not self._drop():
            return False
        self._draw()
        silent = 0
        while True:
            ready = self._poll.poll(_LOOK_MS)
            if not ready:
                silent = self._silence(silent + 1)
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
        """How many bytes are in the buffer; 0 after a hangup, -1 where there was nothing to be read after all."""
        try:
            return os.readv(self._fd, [self._buffer])
        except BlockingIOError:
            return -1
        except OSError:
            return 0

    def _silence(self, looks: int) -> int:
        """Nothing has come for a while."""
        self._keys.settle()
        if looks == _FORGET_AFTER:
            self._keys.wipe()
            self._echoed = ""
            self._draw()
        elif self._ask.kind is not TerminalKind.SERIAL and self._size != self._read_size():
            self._draw()
        return looks

    def _drop(self) -> bool:
        """Drops what has been typed, and the rest of what is being pasted; whether the terminal is still there."""
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
        """Shows it all; on a serial line only what is new, since nothing there can be drawn over."""
        ask, seen = self._ask, self._seen
        self._size, self._seen = self._read_size(), len(self._told)
        if ask.kind is TerminalKind.SERIAL and seen is not None:
            lines = [line for text in self._told[seen:] for line in plain_lines(text)] + [prompt_of(self._prompt)]
        else:
            left, told = max(1, ask.most - ask.failures), tuple(self._told)
            shown = LockView(
                ask.host, ask.user, ask.tty, ask.rhost, ask.heading, left, told, self._prompt, self._echoed
            )
            lines = lines_of(shown)
        self._write(drawn(lines, ask.kind, *self._size))

    def _echo(self) -> None:
        """Shows what is typed at a prompt that wants that."""
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
        """Writes what the terminal takes. One that takes nothing for long is left as it is, and read all the same."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        while data and poll.poll(_WRITE_MS):
            count = _write_some(self._fd, data)
            if not count:
                return
            data = data[count:]


def _write_some(fd: int, data: bytes) -> int:
    """How much a terminal has taken; 0 where it is gone, which the next read tells, or is not ready after all."""
    try:
        return os.write(fd, data)
    except OSError:
        return 0
