"""Asks sshd for its configuration, or reads the files where it does not tell: only root may ask."""

from __future__ import annotations

import os
from collections.abc import Sequence
from glob import escape, glob

from reaper.doctor.checks.sshd import Keyword, Sshd, interpret, parse_keywords
from reaper.doctor.probes.reader import HostReader

PROGRAM = "/usr/sbin/sshd"
CONFIGURATION = "/etc/ssh/sshd_config"
# Whom no Match block is about (RFC 5737: an address that nobody has). Complete, or some blocks would be errors.
PLAIN = "user=nobody,host=plain.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=22"
DEEPEST = 16
"""sshd's own limit for Include (SERVCONF_MAX_DEPTH)."""
MOST_KEYWORDS = 10_000
"""Of all files: two files that include each other would be no end."""


def look(host: HostReader, options: Sequence[str] = ()) -> tuple[Sshd | None, bool]:
    """What holds for a plain connection, and whether all of it could be told. None where there is no sshd.

    `options` are -f and -o of an sshd that is started with them, each with its value.
    """
    if not host.exists(PROGRAM):
        return None, True
    pairs = list(zip(options[::2], options[1::2]))
    keywords = [pair for name, value in pairs if name == "-o" for pair in parse_keywords(value)]
    is_whole = _read(host, next((value for name, value in pairs if name == "-f"), CONFIGURATION), keywords)
    matched = interpret(keywords, complete=False).matched
    problem = ""
    if host.is_root:
        said = host.run([PROGRAM, "-T", "-C", PLAIN, *options])
        if said is not None and said.status == 0:
            asked = interpret(parse_keywords(said.output), complete=True)
            return Sshd(**{**vars(asked), "matched": matched}), True
        problem = said.errors.strip().partition("\n")[0] if said is not None else "it does not run"
    return interpret(keywords, complete=is_whole, problem=problem), is_whole


def _read(host: HostReader, path: str, keywords: list[Keyword], depth: int = 0, match: str = "all") -> bool:
    """Appends what a file and those that it includes say; whether all of them could be read.

    `match` is of the Match block that includes it.
    """
    try:
        text = host.read(path)
    except PermissionError:
        return False
    is_whole = True
    for name, value in parse_keywords(text or ""):
        if len(keywords) >= MOST_KEYWORDS:
            return False
        match = value if name == "match" else match
        if name != "include":
            keywords.append((name, value))
            continue
        for pattern in value.split() if depth < DEEPEST else ():
            for included in _included(host, pattern):
                is_whole &= _read(host, included, keywords, depth + 1, match)
                keywords.append(("match", match))  # a Match block of a file ends with it
    return is_whole


def _included(host: HostReader, pattern: str) -> list[str]:
    """The files of an Include, in sshd's order, as paths of the host; a relative pattern is below /etc/ssh."""
    full = pattern.strip('"') if pattern.startswith(("/", '"/')) else f"/etc/ssh/{pattern}"
    root = host.root.rstrip("/")
    return [path[len(root) :] for path in sorted(glob(escape(root) + os.path.normpath(full)))]
