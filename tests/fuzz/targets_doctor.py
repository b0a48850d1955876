"""Targets for the host's configuration, as `reaperctl doctor` reads it. The doctor accepts any text."""

from __future__ import annotations

import json

from reaper import pam_stack
from reaper.decide.policy.defaults import BUILT_IN
from reaper.doctor.checks import daemon, journal, logind, pam, servers, sessions, shell, sshd, sudo

from .engine import target


@target(longest=65536)
def sshd_config(data: bytes) -> None:
    """sshd's configuration, or the output of `sshd -T`."""
    keywords = sshd.parse_keywords(data.decode("utf-8", "replace"))
    for complete in (True, False):
        read = sshd.interpret(keywords, complete=complete)
        assert all(usec >= 0 for _, usec in read.channels)
        assert read.alive_usec is None or read.alive_usec > 0
        read.channel_usec(["session:shell", "session:command"])
        list(sshd.check(read))


LONG_LINES = (b"declare -" + b"r" * 60_000, b"readonly " * 7_000)
"""Each took half a minute while a regular expression searched from every position."""


@target(longest=65536, written=LONG_LINES)
def settings(data: bytes) -> None:
    """journald's, logind's and the shells' settings, and the properties of a unit."""
    text = data.decode("utf-8", "replace")
    storage, burst, most_files = journal.parse_settings(text)
    list(journal.check(journal.JournalFacts(storage, False, burst, None, most_files, 50)))
    span = logind.parse_span(logind.parse_property(text))
    assert span is None or span > 0
    assert all(each.seconds > 0 for each in shell.parse_tmout("x", text))
    list(daemon.check(daemon.DaemonFacts(daemon.parse_properties(text), answers=False), "1"))


@target(longest=65536, written=[b"session " + b"[ " * 30_000])
def pam_session(data: bytes) -> None:
    """The session stack of a service."""
    lines = pam_stack.collect(data.decode("utf-8", "replace"), "session", lambda _path: None)
    stack = pam.Stack("sshd", lines)
    list(pam.check(pam.Pam((stack,), (stack,), has_module=False, has_updater=False), True, None))


OPEN_QUOTES = (b'Defaults "' + b'\\"' * 30_000, b"Defaults " + b"! " * 30_000, b"Defaults a" + b" " * 60_000 + b"=")


@target(longest=65536, written=OPEN_QUOTES)
def sudoers(data: bytes) -> None:
    """sudo's configuration."""
    entries = sudo.parse_sudoers("x", data.decode("utf-8", "replace"))
    found = sudo.interpret(each for each in entries if isinstance(each, sudo.Default))
    assert all(setting and place.startswith("x:") for place, setting in found.unmarked)
    list(sudo.check(found, None))


@target(longest=65536, written=[b"ExecStart=" + b"argv[]=" * 9_000])
def units(data: bytes) -> None:
    """What `systemctl show` prints of services and sockets, and inetd.conf."""
    text = data.decode("utf-8", "replace")
    services = servers.parse_services(text)
    started = [(each.unit, command) for each in services for command in each.commands]
    started += [("x", command) for command in servers.parse_inetd(text)]
    started += [("x", (each.instance,)) for each in servers.parse_sockets(text)]
    found = servers.interpret(started, services)
    assert all(user for _, user in found.autologins)
    list(servers.check(found))


@target(longest=65536)
def shown(data: bytes) -> None:
    """What a daemon, perhaps of another version, shows of its sessions."""
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError):
        return
    list(sessions.check(sessions.parse_sessions(rows), None))
    list(sessions.check(sessions.parse_sessions([rows]), BUILT_IN))
