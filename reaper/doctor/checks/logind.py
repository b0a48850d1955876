"""What logind does to sessions by itself, and whether it is there. Pure: what it answered goes in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reaper.decide.text.number import parse_whole
from reaper.doctor.findings import Finding, warning

NEVER_USEC = 2**64 - 1


@dataclass(frozen=True)
class LogindFacts:
    """logind's own settings. `answers` is None where it could not be asked.

    `stop_idle_usec` is None for never, and before systemd 252, which has no such thing. `knows_ssh_terminals`: systemd
    is built with utmp, from which alone logind learns the terminal of a session of sshd's; without one, it never takes
    such a session to be idle (measured: 257 of Debian 13 ended none of 23, 252 of Debian 12 those at a shell).
    """

    answers: bool | None
    stop_idle_usec: int | None = None
    kills_user_processes: bool = False
    knows_ssh_terminals: bool = False


def parse_property(text: str) -> str:
    """The value in what `busctl get-property` prints: `t 300000000`, `b true`."""
    return text.strip().partition(" ")[2]


def parse_span(text: str) -> int | None:
    """A time in microseconds as logind has it; None for never."""
    usec = parse_whole(text)
    return usec if usec and usec < NEVER_USEC else None


def check(logind: LogindFacts) -> Iterator[Finding]:
    """That it is away, or ends more than the policy says."""
    if logind.answers is False:
        yield warning(
            "no-logind",
            "logind does not answer: only logins that go through pam_reaper.so are seen.",
            "systemctl start systemd-logind.service",
        )
    if logind.kills_user_processes:
        yield warning(
            "logind-kills",
            "logind kills what is left of a session when it ends (KillUserProcesses=yes), tmux and nohup too,"
            " whatever the rule's kill says.",
            "KillUserProcesses=no in /etc/systemd/logind.conf, then systemctl restart systemd-logind.service",
        )
