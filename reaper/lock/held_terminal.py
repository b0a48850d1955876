"""A terminal that the keeper holds: its saved state, what its screen showed, and the process that asks there."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from reaper.decide.session.lock_protocol import MAX_FAILURES, LockOrder
from reaper.errors import ReaperError
from reaper.lock.prompt import process
from reaper.lock.prompt.dialogue import Ask
from reaper.lock.prompt.pam import Outcome
from reaper.lock.terminal import lock_screen
from reaper.lock.terminal.lock_screen import Modes
from reaper.lock.terminal.probe import kind_of, read_contents, survey, write_contents
from reaper.lock.terminal.tty import SavedTty, Tty

SERVICE = "reaper"


class HeldTerminal:
    """One terminal, from its discovery until it is given back. to_plain() saves its earlier state."""

    def __init__(self, name: str, before: SavedTty | None, modes: Modes | None, contents: bytes) -> None:
        self.name, self.kind = name, kind_of(name)
        self.is_held = self._is_restored = False
        self.asked_usec = 0  # when the last attempt was started here
        self._before, self._modes, self._contents = before, modes, contents
        self._line: Tty | None = None
        self._child: process.Child | None = None

    @classmethod
    def open_new(cls, name: str) -> HeldTerminal:
        """Returns a newly discovered terminal, opened. Raises ReaperError if it has hung up."""
        terminal = cls(name, None, None, b"")
        terminal.open()
        try:
            terminal._before = terminal.line.look()
        except BaseException:
            terminal.close()
            raise
        terminal._contents = read_contents(name)
        return terminal

    @classmethod
    def from_plain(cls, value: Any) -> HeldTerminal:
        """Returns a terminal that another keeper had taken. Raises ReaperError for what to_plain() does not write."""
        try:
            modes = None if value["modes"] is None else Modes.from_plain(value["modes"])
            contents = bytes.fromhex(value["contents"])
            before, is_restored = SavedTty.from_plain(value["before"]), bool(value["restored"])
        except (KeyError, TypeError, ValueError) as error:
            raise ReaperError("lock-state", f"the saved screen of a terminal is broken: {error}") from error
        terminal = cls(before.name, before, modes, contents)
        terminal._is_restored = is_restored
        return terminal

    def to_plain(self) -> dict[str, Any]:
        """Returns, in JSON's types, all that a later keeper needs to give the terminal back."""
        return {
            "before": self.before.to_plain(),
            "modes": None if self._modes is None else self._modes.to_plain(),
            "contents": self._contents.hex(),
            "restored": self._is_restored,
        }

    def open(self) -> None:
        """Opens the terminal. Raises ReaperError if it has hung up, or is a different one by now."""
        self._line = Tty(self.name, self._before)

    @property
    def line(self) -> Tty:
        """The open terminal."""
        assert self._line is not None
        return self._line

    @property
    def before(self) -> SavedTty:
        """The state of the terminal before it was taken."""
        assert self._before is not None
        return self._before

    @property
    def fd(self) -> int:
        """The descriptor of the terminal."""
        return self.line.fd

    def is_gone(self) -> bool:
        """Whether the terminal has hung up."""
        return self.line.is_gone()

    def drain(self) -> None:
        """Reads and saves what was typed ahead. Every other reader must be frozen."""
        self._before = self.line.drain(self.before)

    def hold(self) -> None:
        """Takes the terminal, so that nobody else reads it."""
        self.line.take(self.before)
        self.is_held = True

    def survey(self) -> bool:
        """Asks the terminal for its modes; returns False if an earlier keeper did, as it shows our own screen now."""
        if self._modes is not None:
            return False
        self._modes = survey(self.fd, self.kind)
        return True

    def set_aside_screen(self) -> None:
        """Sets aside what the terminal shows."""
        self._write(lock_screen.save_sequence(self._modes or Modes(), self.kind))

    # Authentication attempts.

    @property
    def is_asking(self) -> bool:
        """Whether an attempt is in progress."""
        return self._child is not None

    @property
    def child_fd(self) -> int:
        """The descriptor that is readable when the attempt is over."""
        assert self._child is not None
        return self._child.fd

    def ask(self, order: LockOrder, host: str, failures: int, last: str) -> None:
        """Starts an attempt."""
        session = order.session
        ask = Ask(
            user=session.user,
            service=SERVICE,
            tty=f"/dev/{self.name}",
            rhost=session.remote,
            heading=order.heading,
            host=host,
            failures=failures,
            most=MAX_FAILURES,
            kind=self.kind,
            last=last,
        )
        self._child = process.start(self.fd, ask)

    def outcome(self) -> Outcome | None:
        """The outcome of the attempt; None while it lasts."""
        outcome = None if self._child is None else self._child.outcome()
        if outcome is not None:
            self._child = None
        return outcome

    def stop_asking(self) -> None:
        """Stops an attempt that is in progress."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def hand_over(self) -> process.Child | None:
        """Returns the process that asks, which is the caller's from now on; None if there is none."""
        child, self._child = self._child, None
        return child

    def show_line(self, text: str) -> None:
        """Shows a line in place of the prompt."""
        self._write(f"\r\n{text}\r\n".encode())

    # Giving it back.

    def restore(self) -> bool:
        """Restores the terminal as it was, once; returns False if what was typed ahead is lost.

        Raises ReaperError if it has hung up.
        """
        if self._is_restored:
            return True
        if self._modes is not None:
            self._write(lock_screen.restore_sequence(self._modes, self.kind))
            write_contents(self.name, self._contents)
        is_whole = self.line.restore(self.before)
        self._is_restored = True
        return is_whole

    def close(self) -> None:
        """Closes the terminal, and stops an attempt there."""
        self.stop_asking()
        self.line.close()

    def _write(self, data: bytes) -> None:
        """Writes without waiting: what the terminal does not take at once is dropped."""
        with contextlib.suppress(OSError):
            os.write(self.fd, data)
