"""Reads the policy files: which exist, in which order, and whether they can be trusted. Changes and parses nothing.

/etc/reaper/reaper.yaml comes first, then the drop-ins of three directories, merged as systemd merges its own
(systemd.unit(5), "Unit File Load Path"): ordered by file name whatever the directory, and of files with one name only
that in the directory with the highest priority. A link to /dev/null, or an empty file, masks that name in the others.

Whoever can write a policy file can end every session, or keep a forgotten one open for ever. So a file must be a
regular file that only root can change, and so must its directory. Anything else is an error and is never skipped: the
policy without that file might be a laxer one.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Sequence

from reaper.decide.policy.files.problems import PolicyError, Problem, Source
from reaper.decide.text.escape import plain

HOME = "etc/reaper"
MAIN = "reaper.yaml"
DROP_INS = ("etc/reaper/reaper.d", "run/reaper/reaper.d", "usr/lib/reaper/reaper.d")
"""In order of priority, highest first."""

MOST_BYTES = 64 * 1024
"""For one file: room for a thousand rules; the worst file of that size took half a second and 4 MiB to parse."""

MOST_FILES = 100
"""For the drop-ins of all directories: nobody can follow a policy of more files."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY  # opening a FIFO must not wait

_Found = dict[str, "Source | None"]
"""By file name; None masks the name."""


def read_sources(root: str = "/") -> tuple[Source, ...]:
    """Returns the policy files in force below `root`, in the order of merging; none at all is no error.

    Below another root than / (an image that is being built), the caller's files are trusted like root's. Raises
    PolicyError with every problem that keeps a file from being read.
    """
    owners = {0} if root == "/" else {0, os.geteuid()}
    problems: list[Problem] = []
    main = _read_directory(os.path.join(root, HOME), (MAIN,), owners, problems)
    drop_ins: _Found = {}
    for directory in DROP_INS:
        found = _read_directory(os.path.join(root, directory), None, owners, problems, drop_ins)
        drop_ins.update(found)
    if len(drop_ins) > MOST_FILES:
        message = f"there are {len(drop_ins)} drop-ins"
        problems.append(_problem(os.path.join(root, DROP_INS[0]), message, f"{MOST_FILES} at most: merge some"))
    if problems:
        raise PolicyError(problems)
    ordered = [main.get(MAIN), *(drop_ins[name] for name in sorted(drop_ins, key=os.fsencode))]
    return tuple(source for source in ordered if source is not None)


def read_files(paths: Sequence[str]) -> tuple[Source, ...]:
    """Returns the named files in their order, to check them before installation. Follows links, trusts any owner."""
    problems: list[Problem] = []
    sources = []
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            problems.append(_problem(path, f"cannot be read: {os.strerror(error.errno or 0)}", ""))
            continue
        try:
            sources.append(_read(descriptor, path))
        except PolicyError as error:
            problems.extend(error.problems)
        finally:
            os.close(descriptor)
    if problems:
        raise PolicyError(problems)
    return tuple(sources)


def _read_directory(
    path: str,
    wanted: Collection[str] | None,
    owners: Collection[int],
    problems: list[Problem],
    decided: Collection[str] = (),
) -> _Found:
    """Returns the wanted files of a directory, or every drop-in whose name is not in `decided`; none without one."""
    try:
        directory = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.append(_problem(path, f"cannot be read: {os.strerror(error.errno or 0)}", "it must be a directory"))
        return {}
    found: _Found = {}
    try:
        distrust = untrusted(os.fstat(directory), owners)
        if distrust:
            problems.append(_problem(path, *distrust))
        for name in os.listdir(directory) if wanted is None else wanted:
            if name in decided or not _is_wanted(name, path, problems):
                continue
            try:
                found[name] = _read_file(directory, name, os.path.join(path, name), owners)
            except FileNotFoundError:  # the main file need not be there, and a drop-in may have gone since
                continue
            except PolicyError as error:
                problems.extend(error.problems)
    finally:
        os.close(directory)
    return found


def _is_wanted(name: str, directory: str, problems: list[Problem]) -> bool:
    """Returns whether a file is a drop-in. What editors and package managers leave behind is none, and no error."""
    if name.startswith(".") or name.endswith(".yaml"):
        return not name.startswith(".")
    if name.endswith((".yml", ".YAML", ".YML")):
        problems.append(_problem(os.path.join(directory, name), "would be ignored", "rename it: drop-ins end in .yaml"))
    return False


def _read_file(directory: int, name: str, path: str, owners: Collection[int]) -> Source | None:
    """Returns one trusted file; None if it masks its name."""
    try:
        descriptor = os.open(name, _FILE, dir_fd=directory)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            _refuse_link(directory, name, path)
            return None
        message = f"cannot be read: {os.strerror(error.errno or 0)}"
        raise PolicyError([_problem(path, message, "root can read it: use sudo")]) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise PolicyError([_problem(path, "is not a regular file", "put a file there, or link it to /dev/null")])
        distrust = untrusted(status, owners)
        if distrust:
            raise PolicyError([_problem(path, *distrust)])
        return _read(descriptor, path) if status.st_size else None
    finally:
        os.close(descriptor)


def _refuse_link(directory: int, name: str, path: str) -> None:
    target = os.readlink(name, dir_fd=directory)
    if target != os.devnull:
        hint = "put the file itself there; a link to /dev/null masks the name"
        raise PolicyError([_problem(path, f"is a link to {printable(target)}", hint)])


def untrusted(status: os.stat_result, owners: Collection[int]) -> tuple[str, str] | None:
    """Returns why others than root could change this file or directory, with the remedy; None if they cannot."""
    if status.st_uid not in owners:
        return f"belongs to uid {status.st_uid}", "chown it to root: the owner of a policy file controls every session"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        return f"can be changed by others than its owner (mode {mode})", "remove that permission: chmod go-w"
    return None


def _read(descriptor: int, path: str) -> Source:
    data = b""
    try:
        while len(data) <= MOST_BYTES:
            more = os.read(descriptor, MOST_BYTES + 1 - len(data))
            if not more:
                break
            data += more
    except OSError as error:
        raise PolicyError([_problem(path, f"cannot be read: {os.strerror(error.errno or 0)}", "")]) from None
    if len(data) > MOST_BYTES:
        hint = "split it into drop-ins: a policy that large would stall the daemon while it is read"
        raise PolicyError([_problem(path, f"is larger than {MOST_BYTES // 1024} KiB", hint)])
    try:
        return Source(printable(path), data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        problem = Problem(
            printable(path), line, column, f"byte 0x{data[error.start]:02x} is not UTF-8", "save it as UTF-8"
        )
        raise PolicyError([problem]) from None


def _problem(path: str, message: str, hint: str) -> Problem:
    return Problem(printable(path), 0, 0, message, hint)


def printable(path: str) -> str:
    """Returns a path fit for messages: bytes that are not UTF-8 and characters that do not print are escaped."""
    text = os.fsencode(path).decode(errors="backslashreplace")
    return plain(text)
