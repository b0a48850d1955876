"""What the doctor reads of a host's configuration. It takes anything, and says no more than it has understood."""

from __future__ import annotations

from reaper.decide import pamstack
from reaper.doctor import daemon, journal, logind, pam, shell, sshd

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
"""Each took half a minute when one pattern was looked for from everywhere."""


@target(longest=65536, written=LONG_LINES)
def settings(data: bytes) -> None:
    """journald's, logind's and the shells' settings, and the properties of a unit."""
    text = data.decode("utf-8", "replace")
    storage, burst = journal.parse_settings(text)
    list(journal.check(journal.Journal(storage, False, burst)))
    span = logind.parse_span(logind.parse_property(text))
    assert span is None or span > 0
    assert all(each.seconds > 0 for each in shell.parse_tmout("x", text))
    list(daemon.check(daemon.Daemon(daemon.parse_properties(text), answers=False), "1"))


@target(longest=65536, written=[b"session " + b"[ " * 30_000])
def pam_session(data: bytes) -> None:
    """The session stack of a service."""
    lines = pamstack.collect(data.decode("utf-8", "replace"), "session", lambda _path: None)
    stack = pam.Stack("sshd", lines)
    list(pam.check(pam.Pam((stack,), (stack,), has_module=False, has_updater=False), True, None))
