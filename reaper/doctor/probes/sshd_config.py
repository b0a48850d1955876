"""Reads sshd's configuration: from `sshd -T`, which needs root, or from its files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from glob import escape, glob

from reaper.doctor.checks.sshd import Keyword, Sshd, interpret, parse_keywords
from reaper.doctor.probes.reader import HostReader

PROGRAM = "/usr/sbin/sshd"
CONFIGURATION = "/etc/ssh/sshd_config"
# A connection that no Match block is likely to match (RFC 5737: an address for documentation). All keys are given,
# because sshd -T refuses a Match block that needs a missing one.
PLAIN = "user=nobody,host=plain.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=22"
DEEPEST = 16
"""sshd's own limit for Include (SERVCONF_MAX_DEPTH)."""
MOST_KEYWORDS = 10_000
"""The most keywords in all files together, because two files can include each other."""


def probe(host: HostReader, options: Sequence[str] = ()) -> tuple[Sshd | None, bool]:
    """Returns the settings for a plain connection, or None without sshd, and whether all of them are known.

    `options` are the options -f and -o that sshd is started with, each with its value.
    """
    if not host.exists(PROGRAM):
        return None, True
    pairs = list(zip(options[::2], options[1::2]))
    keywords = [pair for name, value in pairs if name == "-o" for pair in parse_keywords(value)]
    is_complete = _read(host, next((value for name, value in pairs if name == "-f"), CONFIGURATION), keywords)
    matched = interpret(keywords, complete=False).matched
    problem = ""
    if host.is_root:
        result = host.run([PROGRAM, "-T", "-C", PLAIN, *options])
        if result is not None and result.status == 0:
            settings = interpret(parse_keywords(result.output), complete=True)
            return Sshd(**{**vars(settings), "matched": matched}), True
        problem = result.errors.strip().partition("\n")[0] if result is not None else "it does not run"
    return interpret(keywords, complete=is_complete, problem=problem), is_complete


def _read(host: HostReader, path: str, keywords: list[Keyword], depth: int = 0, match: str = "all") -> bool:
    """Appends the keywords of a file and of the files that it includes; returns whether all could be read.

    `match` is the condition of the Match block that includes the file.
    """
    try:
        text = host.read(path)
    except PermissionError:
        return False
    is_complete = True
    for name, value in parse_keywords(text or ""):
        if len(keywords) >= MOST_KEYWORDS:
            return False
        match = value if name == "match" else match
        if name != "include":
            keywords.append((name, value))
            continue
        for pattern in value.split() if depth < DEEPEST else ():
            for included in _included(host, pattern):
                is_complete &= _read(host, included, keywords, depth + 1, match)
                keywords.append(("match", match))  # a Match block in a file ends with the file
    return is_complete


def _included(host: HostReader, pattern: str) -> list[str]:
    """Returns the files of an Include, in sshd's order, as paths of the host; a relative one is below /etc/ssh."""
    full = pattern.strip('"') if pattern.startswith(("/", '"/')) else f"/etc/ssh/{pattern}"
    root = host.root.rstrip("/")
    return [path[len(root) :] for path in sorted(glob(escape(root) + os.path.normpath(full)))]
