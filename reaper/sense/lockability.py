"""Why a session cannot be locked: what its host, its control group or its user's account lacks.

Nothing is cached: each call reads a handful of small files. An administrator who fixes a problem need not restart
anything, and a user whose password was locked a minute ago is not locked out of their own session.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Collection
from typing import NamedTuple

from reaper import pam_stack, procfs
from reaper.decide.policy.match import Origin
from reaper.decide.session import lock_protocol
from reaper.decide.session.model import NS_PER_SEC, Session
from reaper.decide.text.number import parse_whole
from reaper.sense import connections, processes, terminals
from reaper.sense.clock import read_clock

SERVICE = "reaper"
_MOST_PAM_BYTES = 16 * 1024 * 1024  # of one file of /etc/pam.d
MODULES = ("pam", "six")  # Debian's python3-pampy imports six without depending on it
_SSSD = ("etc/sssd/sssd.conf", "etc/sssd/conf.d")
# crypt(5): a setting between dollar signs, or a traditional hash: 13 characters and more, or BSDi's 20.
_HASH = re.compile(r"\$[^\s:*!$]+\$[^\s:*!]*[^\s:*!$]|_[./0-9A-Za-z]{19}|[./0-9A-Za-z]{13,}", re.ASCII)


class Shadow(NamedTuple):
    """A user's entry in shadow(5); `expires` is a day since 1970, None for never."""

    password: str
    expires: int | None


def obstacle(session: Session, names: Collection[str], servers: Collection[str] = (), root: str = "/") -> str:
    """Returns why a session that has these terminals cannot be locked; empty if it can.

    The text completes "cannot be locked: ". `servers` are the names of users' programs that serve terminals. A
    graphical session is locked by its own desktop, which asks for the password in its own way: that needs nothing but
    logind.
    """
    if session.origin is Origin.GRAPHICAL and not names:
        return "" if session.session_id else "logind knows nothing of it"
    return _session_obstacle(session, names, servers) or host_obstacle(root) or user_obstacle(session.user, root)


def _session_obstacle(session: Session, names: Collection[str], servers: Collection[str]) -> str:
    if not os.path.exists(f"{processes.CGROUP}/cgroup.controllers"):
        return "the control groups of this host are not v2, so nothing can be frozen"
    if not session.scope or not lock_protocol.is_name(session.name):
        return "it has no control group of its own, as logind does not know it"
    if not os.path.exists(f"{processes.CGROUP}{session.scope}/cgroup.freeze"):
        return "its control group cannot be frozen"
    if not names:
        return "it has no terminal"
    for process in connections.remains(session.scope, session.key.pid, session.uid, (), servers):
        if not terminals.held_ptys(process.pid, connections.MOST_DESCRIPTORS).isdisjoint(names):
            program = connections.bridge_name(session.key.pid) or os.path.basename(
                procfs.read_program(process.pid) or "a program"
            )
            return f"what is typed in it goes through {program}, which its user could look into"
    return ""


def host_obstacle(root: str = "/") -> str:
    """Returns why password authentication is unavailable on this host; empty if it works."""
    missing = [module for module in MODULES if importlib.util.find_spec(module) is None]
    if missing:
        return f"Python has no module {' and '.join(missing)}, so nobody can be asked for a password"
    if _auth_service(root) is None:
        return f"PAM has no service {SERVICE} (/etc/pam.d/{SERVICE}), so nobody can be asked for a password"
    return ""


def user_obstacle(user: str, root: str = "/") -> str:
    """Returns why a user could not unlock a session; empty if they could, or if their account is not of this host.

    A user of a directory service is not in /etc/shadow, and whether they have a password is not checked.
    """
    try:
        entry = read_shadow(user, root)
    except OSError as error:
        return f"it is unknown whether its user has a password: {error.strerror}"
    if entry is None:
        return ""
    today = read_clock().wall_ns // NS_PER_SEC // 86400
    if entry.expires is not None and today >= entry.expires:
        return "the account of its user has expired"
    if not entry.password:
        return "the password of its user is empty, and would keep nobody out"
    if _HASH.fullmatch(entry.password):
        return ""
    read = _reader(root)
    lines = pam_stack.collect(_auth_service(root) or "", "auth", read)
    has_sssd = any(os.path.exists(os.path.join(root, path)) for path in _SSSD)
    if pam_stack.asks_elsewhere(lines, has_sssd=has_sssd):
        return ""
    return "its user has no password here (logs in by key alone, or the password is locked)"


def read_shadow(user: str, root: str = "/") -> Shadow | None:
    """Returns a user's entry; None where there is none. Raises OSError where the file may not be read."""
    path = os.path.join(root, "etc/shadow")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:  # lines as in glibc, not "\r"
        for line in file:
            fields = line.rstrip("\n").split(":")
            if len(fields) > 1 and fields[0] == user:
                return Shadow(fields[1], parse_whole(fields[7]) if len(fields) > 7 else None)
    return None


def _auth_service(root: str) -> str | None:
    return pam_stack.find(SERVICE, _reader(root))


def _reader(root: str) -> pam_stack.Read:
    """Returns a function that reads the files below a root as PAM would."""

    def read(path: str) -> str | None:
        try:
            with open(os.path.join(root, path.lstrip("/")), encoding="utf-8", errors="replace") as file:
                return file.read(_MOST_PAM_BYTES)
        except OSError:
            return None

    return read
