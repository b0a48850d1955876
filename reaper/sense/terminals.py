"""Terminals: which names and devices they have, and the times that the kernel sets on them.

Only *outer* terminals count as a session's: a pty whose master the session's leader (or what is left of its connection)
holds, or the line that `login` was started on (see possession.py). A pty that was made inside the session, by tmux,
screen, script or expect, is held by a process of the user: a program may type there, so it is no evidence of a person.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import struct
import termios
import time
from collections.abc import Container, Iterable

from reaper import procfs
from reaper.decide.session.model import TerminalSample, take_reading
from reaper.sense import tty_drivers
from reaper.sense.terminal_handles import TerminalHandles

DEV = "/dev"
_KDGETMODE, _KD_GRAPHICS = 0x4B3B, 1
_CONSOLE = re.compile(r"tty[1-9][0-9]?|console", re.ASCII)
# Directly below /dev only: in some of the directories there users write and mount.
_LINE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)
_PTY = re.compile(r"pts/[0-9]{1,10}", re.ASCII)


def line_name(pam_tty: str) -> str:
    """Returns the terminal of a PAM_TTY or logind TTY ("/dev/tty1", "ttyS0", "pts/3"); empty if it cannot be one.

    It is only a name: whether the session has that terminal is another question (possession.py).
    """
    name = pam_tty[len("/dev/") :] if pam_tty.startswith("/dev/") else pam_tty
    return name if is_console(name) or is_pty(name) or is_serial(name) else ""


def is_pty(name: str) -> bool:
    """Returns whether a name is that of a pty."""
    return _PTY.fullmatch(name) is not None


def is_console(name: str) -> bool:
    """Returns whether a line is a virtual console of this host (tty1 to tty63, or the console)."""
    return _CONSOLE.fullmatch(name) is not None


def is_serial(name: str) -> bool:
    """Returns whether a name is that of a serial or hypervisor line: a device of a tty driver that is no console.

    A pty that is mounted there, as containers have it, counts as one too.
    """
    device = read_device(name) if looks_serial(name) else None
    return device is not None and tty_drivers.is_line(device, tty_drivers.read_drivers())


def looks_serial(name: str) -> bool:
    """Returns whether a serial line could have that name, on this or another host."""
    return _LINE.fullmatch(name) is not None and not is_console(name)


def read_device(name: str) -> int | None:
    """Returns the device number (st_rdev) of a terminal; None where there is none by that name."""
    try:
        status = os.stat(f"{DEV}/{name}", follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_rdev if stat.S_ISCHR(status.st_mode) else None


def read_owner(name: str) -> int | None:
    """Returns the user who owns a terminal; None where there is none by that name."""
    try:
        return os.stat(f"{DEV}/{name}", follow_symlinks=False).st_uid
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_terminal(name: str) -> TerminalSample | None:
    """Returns a sample of a terminal; None where there is none by that name. Changes none of its times."""
    try:
        status = os.stat(f"{DEV}/{name}", follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _take_reading(name, status, 0)


def read_kept_terminal(name: str, lines: TerminalHandles) -> TerminalSample | None:
    """Returns a sample that also says which terminal of this name it is, by its number."""
    try:
        status, line = lines.status(name)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _take_reading(name, status, line)


def _take_reading(name: str, status: os.stat_result, line: int) -> TerminalSample | None:
    if not stat.S_ISCHR(status.st_mode):
        return None
    times = status.st_atime_ns, status.st_ctime_ns
    return take_reading(name, *times, status.st_mode, status.st_uid, time.time_ns(), line)


def is_graphical(line: str) -> bool:
    """Returns whether a console shows graphics (console_ioctl(4), KDGETMODE): then a display server gets the keys.

    Typing changes no time of the console then, and nobody would see a message on it. Opening the console changes none
    of its times.
    """
    if not is_console(line):
        return False
    try:
        fd = os.open(f"{DEV}/{line}", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        mode = fcntl.ioctl(fd, _KDGETMODE, struct.pack("i", 0))
    except OSError:  # it is no virtual console (ENOTTY)
        return False
    finally:
        os.close(fd)
    return bool(struct.unpack("i", mode)[0] == _KD_GRAPHICS)


def is_unchanged(reading: TerminalSample) -> bool:
    """Returns whether read_terminal() would return the same again; False where that depends on the time."""
    if reading.is_fresh or reading.is_ahead:
        return False
    try:
        status = os.stat(f"{DEV}/{reading.name}", follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (
        status.st_atime_ns == reading.atime_ns
        and status.st_ctime_ns == reading.ctime_ns
        and status.st_mode == reading.mode
        and status.st_uid == reading.uid
    )


def unread(name: str) -> int:
    """Returns how many typed bytes nothing has read yet (FIONREAD, ioctl_tty(2)), as the foreground job does not read.

    In canonical mode only those of complete lines count. Opening the terminal and the ioctl change none of its times.
    """
    try:
        fd = os.open(f"{DEV}/{name}", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, struct.pack("i", 0)))
    except OSError:
        return 0
    finally:
        os.close(fd)
    return max(0, int(count))


def takes_lines(name: str) -> bool:
    """Returns whether programs get what is typed by whole lines (ICANON, termios(3)), so single keys show nowhere.

    True where that is unknown: Enter is noticed on every terminal. Opening the terminal and tcgetattr(3) change none of
    its times (stat /dev/pts/N before and after, Linux 6.18).
    """
    try:
        fd = os.open(f"{DEV}/{name}", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        return bool(termios.tcgetattr(fd)[3] & termios.ICANON)
    except termios.error:
        return True
    finally:
        os.close(fd)


def read_dev_tty() -> TerminalSample | None:
    """Returns a sample of /dev/tty if the kernel dates reads through it there and not on the terminal; else None.

    Linux did so until 6.4 (measured on 5.10 and 6.1; 6.12 and 6.18 date both), for all terminals together.
    """
    release = re.match(r"([0-9]+)\.([0-9]+)", os.uname().release)
    if release is None or (int(release[1]), int(release[2])) >= (6, 5):
        return None
    return read_terminal("tty")


def device_number(name: str) -> int | None:
    """Returns a terminal's number as tty_nr in proc_pid_stat(5) has it (the kernel's new_encode_dev), or None."""
    try:
        rdev = os.stat(f"{DEV}/{name}", follow_symlinks=False).st_rdev
    except FileNotFoundError:
        return None
    major, minor = os.major(rdev), os.minor(rdev)
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def other_ptys(names: Container[str]) -> list[str]:
    """Returns every pty that exists and is not among `names`, as "pts/N"; inner ones too."""
    found = []
    try:
        with os.scandir(f"{DEV}/pts") as entries:
            for entry in entries:
                name = f"pts/{entry.name}"
                if name not in names and entry.name.isdigit():
                    found.append(name)
    except FileNotFoundError:
        pass
    return found


def held_ptys(pid: int, most: int | None = None) -> set[str]:
    """Returns the ptys whose masters a process has open (fdinfo of a master: ``tty-index:``, since Linux 4.11).

    None for a process that has ended or may not be looked at. At most `most` descriptors are read, if that is given.
    The numbers need not be those of the host: a user can make ptys in a namespace of their own.
    """
    try:
        descriptors = procfs.list_descriptors(pid, most=most)
    except PermissionError:
        return set()
    indexes = (procfs.read_tty_index(pid, descriptor) for descriptor in descriptors)
    return {f"pts/{index}" for index in indexes if index is not None}


def read_all(names: Iterable[str], lines: TerminalHandles | None = None) -> tuple[TerminalSample, ...]:
    """Returns a sample of each terminal among `names` that exists, always in the same order."""
    found = (read_terminal(name) if lines is None else read_kept_terminal(name, lines) for name in sorted(names))
    return tuple(reading for reading in found if reading is not None)
