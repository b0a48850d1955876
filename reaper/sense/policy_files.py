"""Reads the policy files: which there are, in which order, and whether to trust them.  Changes and parses nothing.

/etc/reaper/reaper.yaml comes first, then the drop-ins of three directories, merged as systemd merges its own
(systemd.unit(5), "Unit File Load Path"): ordered by file name whatever the directory, and of one name only the file in
the directory that counts most.  A link to /dev/null, or an empty file, masks that name in the others.

Who can write a policy file can end every session, or keep a forgotten one open for ever.  So a file must be a regular
one that only root can change, and so must the directory it is in.  What is not so is an error and never skipped: the
policy without it might be a laxer one.
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
"""The one that counts most first."""

MOST_BYTES = 64 * 1024
"""Of one file: room for a thousand rules; the worst of that size took half a second and 4 MiB to parse."""

MOST_FILES = 100
"""Drop-ins of all directories: more are no policy that a person can follow."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY  # a FIFO must not make us wait

_Found = dict[str, "Source | None"]
"""By file name; None masks the name."""


def read_sources(root: str = "/") -> tuple[Source, ...]:
    """The policy files in force below `root`, in the order in which they are to be merged; none is no error.

    Below another root than / (an image that is being built), files of the caller are trusted like root's.  Raises
    PolicyError with all that keeps a file from being read.
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
    """The named files in their order, to be checked before they are installed: anybody's, and links are followed."""
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
    """The wanted files of a directory, or every drop-in whose name is not decided yet; none where there is none."""
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
    """Whether a file is a drop-in.  What editors and package managers leave behind is none and no mistake."""
    if name.startswith(".") or name.endswith(".yaml"):
        return not name.startswith(".")
    if name.endswith((".yml", ".YAML", ".YML")):
        problems.append(_problem(os.path.join(directory, name), "would be ignored", "rename it: drop-ins end in .yaml"))
    return False


def _read_file(directory: int, name: str, path: str, owners: Collection[int]) -> Source | None:
    """One file that can be trusted; None when it masks its name."""
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
    """Why others than root could change this file or directory, with the remedy; None when they cannot."""
    if status.st_uid not in owners:
        return f"belongs to uid {status.st_uid}", "chown root it: who owns a policy decides over every session"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        return f"can be changed by others than its owner (mode {mode})", "chmod go-w it"
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
    """A path as messages can carry it: what is not UTF-8, or does not print, is escaped."""
    text = os.fsencode(path).decode(errors="backslashreplace")
    return plain(text)
