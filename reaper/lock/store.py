"""The files of one lock: the order, and the state, to which every change is written before it is made."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any

from reaper import kernel_text
from reaper.decide.session import lock_protocol
from reaper.decide.session.lock_protocol import LockOrder, LockState
from reaper.errors import ReaperError
from reaper.sense import lock_files


class Store:
    """The directory of one lock, named after its session."""

    def __init__(self, name: str, directory: str = lock_files.DIRECTORY) -> None:
        self._name, self._directory = name, directory

    def read_order(self) -> LockOrder:
        """Returns what is to be locked. Raises ReaperError if there is no order, or none that root wrote."""
        order = lock_files.read_order(self._name, self._directory)
        if order is None:
            text = lock_files.read_text(self._name, self._directory, "withdrawn")
            order = None if text is None else lock_protocol.decode_order(text)
        if order is None:
            raise ReaperError("lock-order", f"there is no order to lock session {self._name}", "use reaperctl lock")
        return order

    def is_ordered(self) -> bool:
        """Whether there is an order, even a broken one."""
        texts = (lock_files.read_text(self._name, self._directory, file) for file in ("order", "withdrawn"))
        return any(text is not None for text in texts)

    def is_withdrawn(self) -> bool:
        """Whether reaperd has withdrawn the lock, and the session is to go on."""
        return lock_files.read_text(self._name, self._directory, "withdrawn") is not None

    def read_state(self) -> tuple[LockState, dict[str, Any]] | None:
        """Returns the state of an earlier keeper, with all that it has saved; None if this keeper is the first.

        Raises ReaperError for a broken state.
        """
        text = lock_files.read_text(self._name, self._directory, "state")
        return None if text is None else lock_protocol.decode_state(text)

    def remove(self) -> None:
        """Removes all files of the lock."""
        directory = f"{self._directory}/{self._name}"
        for file in ("failures", "state.new", "state", "order", "withdrawn"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{directory}/{file}")
        with contextlib.suppress(OSError):
            os.rmdir(directory)

    def count_failure(self, now_usec: int, within_usec: int) -> int:
        """Counts a failed keeper; returns how many failed in a row, each within `within_usec` of the one before.

        Raises OSError if the count cannot be written.
        """
        text = (lock_files.read_text(self._name, self._directory, "failures") or "").encode()
        words = kernel_text.numbers(text)
        count, last_usec = words if len(words) == 2 else (0, 0)
        count = count + 1 if now_usec - last_usec < within_usec else 1
        _write(f"{self._directory}/{self._name}/failures", f"{count} {now_usec}\n".encode())
        return count

    def write_state(self, state: LockState, **more: Any) -> None:
        """Replaces the state atomically; overwrites it in place if the disk has no room for both.

        Raises OSError if it cannot be written.
        """
        path = f"{self._directory}/{self._name}/state"
        data = lock_protocol.encode_state(state, **more).encode()
        try:
            _write(f"{path}.new", data)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            os.unlink(f"{path}.new")
            _write(path, data, os.O_WRONLY)
            return
        os.rename(f"{path}.new", path)


def _write(path: str, data: bytes, flags: int = os.O_WRONLY | os.O_CREAT | os.O_TRUNC) -> None:
    fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.truncate()
