"""Removes what remembers that a user has given a password: tickets of sudo, sudo-rs, and doas with `persist`.

When a session is locked or ended, all tickets of its user are removed, those of their other sessions too: whoever sits
down at an open session must not become root by a password that its user gave before leaving. This does what the
programs themselves do to forget (`sudo -K`): it removes the file, and the next password makes a new one. Where the
files are, measured on Debian 11, 12 and 13:

sudo      /run/sudo/ts, by the user's name (1.9.5, 1.9.13) or since 1.9.15 by uid; a sudo that waits for a password
          writes into the removed file
sudo-rs   /run/sudo-rs/ts, by name before 0.2.1 and by uid since
doas      /run/doas, PPID-SID-TTY-START-UID, a file for each shell

Not covered: a `timestampdir` elsewhere, and polkit (pkexec, run0), which keeps an authorization in its own memory, for
the session that it was given to and for five minutes at most.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

TICKETS = ("run/sudo/ts", "run/sudo-rs/ts")
DOAS = "run/doas"
_DOAS_NAME = re.compile(r"[0-9]+-[0-9]+--?[0-9]+-[0-9]+-([0-9]+)", re.ASCII)


def drop(user: str, uid: int, root: str = "/") -> list[str]:
    """Removes every ticket of a user, and of nobody else; returns the problems, as texts.

    A name that is only digits may be another user's uid, and is skipped.
    """
    problems: list[str] = []
    names = {str(uid)}
    if user not in ("", ".", "..") and not user.isdecimal() and not set(user) & {"/", "\0"}:
        names.add(user)
    for path in (*TICKETS, DOAS):
        try:
            directory = _open_directory(path, root)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"/{path}: {error.strerror}")
            continue
        try:
            for name in _doas_names(directory, uid) if path == DOAS else sorted(names):
                _remove(name, directory, f"/{path}", problems)
        finally:
            os.close(directory)
    return problems


def _open_directory(path: str, root: str) -> int:
    """Opens a directory that only root can have put there: no part of its path is a link, or writable by others."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    fd = os.open(root, flags)
    for part in path.split("/"):
        try:
            below = os.open(part, flags | os.O_NOFOLLOW, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
            os.close(fd)
            raise PermissionError(0, f"others than root may change {part}")
    return fd


def _doas_names(directory: int, uid: int) -> Iterator[str]:
    for name in os.listdir(directory):
        match = _DOAS_NAME.fullmatch(name)
        if match and match[1] == str(uid):
            yield name


def _remove(name: str, directory: int, path: str, problems: list[str]) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
    except OSError as error:
        problems.append(f"{path}/{name}: {error.strerror}")
