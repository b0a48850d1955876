"""Files that make who reads them wait, as those of /proc do while somebody holds a lock of the process's."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Callable


@contextlib.contextmanager
def waiting_files() -> Iterator[Callable[[Path], None]]:
    """Gives what makes such a file; at the end all can be read, and the threads that waited are done."""
    threads, made = set(threading.enumerate()), list[Path]()

    def make(path: Path) -> None:
        os.mkfifo(path)
        made.append(path)

    try:
        yield make
    finally:
        for path in made:
            release(path)
        for thread in set(threading.enumerate()) - threads:
            thread.join(10)


def release(path: Path) -> None:
    """Has a file be read, and be empty, by those that wait for it and by all others."""
    with contextlib.suppress(OSError), os.fdopen(os.open(path, os.O_RDWR | os.O_NONBLOCK)):
        path.unlink()
        path.write_bytes(b"")
