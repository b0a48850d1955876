"""Checks that logind answers, and that it does not end processes that reaper keeps. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reaper.decide.text.number import parse_whole
from reaper.doctor.findings import Finding, warning

NEVER_USEC = 2**64 - 1


@dataclass(frozen=True)
class LogindFacts:
    """logind's settings. `answers` is None if logind could not be asked.

    `stop_idle_usec` is None for never, and before systemd 252, which does not have the setting. `knows_ssh_terminals`:
    systemd is built with utmp, which is where logind learns the terminal of an sshd session. Without utmp, logind never
    takes such a session to be idle (measured: 257 of Debian 13 ended none of 23, 252 of Debian 12 those at a shell).
    """

    answers: bool | None
    stop_idle_usec: int | None = None
    kills_user_processes: bool = False
    knows_ssh_terminals: bool = False


def parse_property(text: str) -> str:
    """Returns the value in what `busctl get-property` prints: `t 300000000`, `b true`."""
    return text.strip().partition(" ")[2]


def parse_span(text: str) -> int | None:
    """Parses a time in microseconds as logind reports it; None for never."""
    usec = parse_whole(text)
    return usec if usec and usec < NEVER_USEC else None


def check(logind: LogindFacts) -> Iterator[Finding]:
    """Yields that logind does not answer, or ends more than the policy says."""
    if logind.answers is False:
        yield warning(
            "no-logind",
            "logind does not answer: reaperd sees only logins that go through pam_reaper.so.",
            "systemctl start systemd-logind.service",
        )
    if logind.kills_user_processes:
        yield warning(
            "logind-kills",
            "When a session ends, logind kills all its processes (KillUserProcesses=yes), including those of tmux and"
            " nohup, whatever kill in the rule says.",
            "KillUserProcesses=no in /etc/systemd/logind.conf, then systemctl restart systemd-logind.service",
        )
