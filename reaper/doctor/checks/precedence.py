"""Works out which mechanism ends each kind of session first. Pure.

What the other mechanisms do is measured on real sessions of Debian 12 and 13. TMOUT ends a shell at its prompt and
nothing else. logind's StopIdleSessionSec depends on the terminal that logind knows for the session, and never ends a
connection without one. ChannelTimeout closes a channel on which nothing is sent, so output prevents it.
UnusedConnectionTimeout closes connections without a channel. ClientAliveInterval closes connections whose client no
longer answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reaper.decide.policy.ceiling import cap
from reaper.decide.policy.limits import Action, Limits
from reaper.decide.policy.match import ANY_TERMINAL, NO_TERMINAL, Match, Origin
from reaper.decide.policy.rules import Policy
from reaper.decide.text.duration import USEC_PER_SEC, span
from reaper.doctor.checks.logind import LogindFacts
from reaper.doctor.checks.shell import Tmout
from reaper.doctor.checks.sshd import Sshd
from reaper.doctor.findings import Finding, note, warning

REAPER = "reaper"
AGE = "reaper-max"


@dataclass(frozen=True)
class SessionKind:
    """A kind of session. `channels` are the sshd channels of such a connection, as ChannelTimeout names them."""

    id: str
    words: str
    origin: Origin
    service: str
    has_terminal: bool = True
    at_prompt: bool = False
    channels: tuple[str, ...] = ()


KINDS = (
    SessionKind("ssh-prompt", "ssh, at a shell prompt", Origin.SSH, "sshd", at_prompt=True,
                channels=("session:shell",)),
    SessionKind("ssh-program", "ssh, a program in front", Origin.SSH, "sshd", channels=("session:shell",)),
    SessionKind("ssh-no-terminal", "ssh, no terminal", Origin.SSH, "sshd", has_terminal=False,
                channels=("session:command", "session:subsystem:sftp")),
    SessionKind("console-prompt", "console, at a shell prompt", Origin.CONSOLE, "login", at_prompt=True),
    SessionKind("console-program", "console, a program in front", Origin.CONSOLE, "login"),
    SessionKind("serial-prompt", "serial line, at a shell prompt", Origin.SERIAL, "login", at_prompt=True),
    SessionKind("serial-program", "serial line, a program in front", Origin.SERIAL, "login"),
)  # fmt: skip


@dataclass(frozen=True)
class Mechanism:
    """A mechanism that may end sessions of a kind.

    `shortest_usec` and `longest_usec` are the extremes of the rules that could apply; `longest_usec` is None if one of
    them never ends a session. `setting` is its name for people. `condition` is what else it depends on, or "".
    """

    by: str
    setting: str
    shortest_usec: int
    longest_usec: int | None
    condition: str = ""


@dataclass(frozen=True)
class Row:
    """A kind of session and the mechanisms that may end it, the earliest first."""

    kind: SessionKind
    mechanisms: tuple[Mechanism, ...]


def table(policy: Policy | None, sshd: Sshd | None, logind: LogindFacts, tmouts: Sequence[Tmout]) -> tuple[Row, ...]:
    """Returns a row for each kind of session.

    Without `policy`, reaper ends nothing. Without `sshd`, there are no rows for ssh. If sshd has UsePAM off, neither
    reaper nor logind knows the sessions of ssh.
    """
    kinds = [kind for kind in KINDS if sshd is not None or kind.origin is not Origin.SSH]
    rows = []
    for kind in kinds:
        uses_pam = kind.origin is not Origin.SSH or (sshd is not None and sshd.use_pam is not False)
        found = [*_of_reaper(policy, kind), *_of_logind(logind, kind)] if uses_pam else []
        found += [*_of_shell(tmouts, kind), *(_of_sshd(sshd, kind) if sshd else ())]
        rows.append(Row(kind, tuple(sorted(found, key=lambda each: each.shortest_usec))))
    return tuple(rows)


def _of_reaper(policy: Policy | None, kind: SessionKind) -> Iterator[Mechanism]:
    limits = list(limits_of(policy, kind)) if policy else []
    acting = [each for each in limits if each.action is not Action.OBSERVE]
    all_act = len(acting) == len(limits)
    what = "without input" if kind.has_terminal else "without work"
    yield from _range(REAPER, f"reaper, {what}", [each.idle_usec for each in acting], all_act)
    yield from _range(AGE, "reaper, by age", [each.max_usec for each in acting], all_act)


def _range(by: str, setting: str, times: Sequence[int | None], all_act: bool) -> Iterator[Mechanism]:
    limited = [time for time in times if time is not None]
    if limited:
        longest = max(limited) if all_act and len(limited) == len(times) else None
        yield Mechanism(by, setting, min(limited), longest)


def limits_of(policy: Policy, kind: SessionKind) -> Iterator[Limits]:
    """Yields the limits, capped by the ceiling, of every rule that could apply to a session of the kind."""
    for rule in policy.rules:
        if _could_match(rule.match, kind):
            yield rule.limits if rule.name in policy.ceiling.exempt else cap(rule.limits, policy.ceiling)[0]
            if _must_match(rule.match, kind):
                return
    yield cap(policy.environments[policy.environment], policy.ceiling)[0]


def _could_match(match: Match, kind: SessionKind) -> bool:
    if match.origin and kind.origin not in match.origin:
        return False
    if match.service and not any(fnmatchcase(kind.service, pattern) for pattern in match.service):
        return False
    if match.remote and kind.origin is not Origin.SSH:
        return False
    wanted = [pattern for pattern in match.terminal if (pattern != NO_TERMINAL) is kind.has_terminal]
    return not match.terminal or bool(wanted)


def _must_match(match: Match, kind: SessionKind) -> bool:
    """Whether a rule that could match does so for every user at any time."""
    given = (match.user, match.group, match.remote, match.hours)
    any_terminal = not match.terminal or not kind.has_terminal or ANY_TERMINAL in match.terminal
    return not any(given) and match.elevated is None and any_terminal


def _of_logind(logind: LogindFacts, kind: SessionKind) -> Iterator[Mechanism]:
    is_known = kind.has_terminal and (kind.origin is not Origin.SSH or logind.knows_ssh_terminals)
    if logind.stop_idle_usec is not None and is_known:
        usec = logind.stop_idle_usec
        yield Mechanism("logind", "logind's StopIdleSessionSec", usec, usec)


def _of_shell(tmouts: Sequence[Tmout], kind: SessionKind) -> Iterator[Mechanism]:
    if tmouts and kind.at_prompt:
        ordered = sorted(tmouts, key=lambda each: each.seconds)
        first, times = ordered[0], [each.seconds * USEC_PER_SEC for each in ordered]
        condition = "" if any(each.is_readonly for each in tmouts) else "unless the user unsets it"
        yield Mechanism("tmout", f"TMOUT in {first.path}:{first.line}", times[0], times[-1], condition)


def _of_sshd(sshd: Sshd, kind: SessionKind) -> Iterator[Mechanism]:
    if kind.origin is not Origin.SSH:
        return
    channel = sshd.channel_usec(kind.channels)
    if channel is not None:
        yield Mechanism("channel-timeout", "sshd's ChannelTimeout", channel, channel, "unless something is printed")
    if sshd.unused_usec is not None and not kind.has_terminal:
        usec = sshd.unused_usec
        yield Mechanism("unused-timeout", "sshd's UnusedConnectionTimeout", usec, usec, "if no channel is open")


def sentence(row: Row) -> str:
    """Describes a row in words."""
    if not row.mechanisms:
        return "nothing ends it"
    words = [_described(each) for each in row.mechanisms]
    return ", then ".join(words)


def _described(mechanism: Mechanism) -> str:
    shortest, longest = mechanism.shortest_usec, mechanism.longest_usec
    condition = f" ({mechanism.condition})" if mechanism.condition else ""
    if longest is None:
        return f"{mechanism.setting} {span(shortest)}{condition}, by some rules never"
    reach = span(shortest) if shortest == longest else f"{span(shortest)} to {span(longest)}"
    return f"{mechanism.setting} {reach}{condition}"


# The id, the message and the remedy of the finding about each other mechanism.
FINDINGS = {
    "logind": (
        "logind-stop-idle",
        "logind ends sessions that it takes to be idle (StopIdleSessionSec={time}), without a warning",
        "StopIdleSessionSec=infinity in /etc/systemd/logind.conf, then systemctl restart systemd-logind.service",
    ),
    "tmout": (
        "shell-tmout",
        "Shells exit at the prompt by themselves ({setting}, {time}), without a warning",
        "remove {setting}",
    ),
    "channel-timeout": (
        "sshd-channel-timeout",
        "sshd closes channels on which nothing is sent (ChannelTimeout, {time}), without a warning",
        "ChannelTimeout none in /etc/ssh/sshd_config, then systemctl reload ssh.service (sshd.service on EL)",
    ),
    "unused-timeout": (
        "sshd-unused-timeout",
        "sshd closes connections that have no open channel (UnusedConnectionTimeout, {time})",
        "UnusedConnectionTimeout none in /etc/ssh/sshd_config, then systemctl reload ssh.service (sshd.service on EL)",
    ),
}


def check(rows: Sequence[Row], sshd: Sshd | None, is_known: bool) -> Iterator[Finding]:
    """Yields the other mechanisms, each with the kinds of session that it ends before reaper does.

    `is_known` is false if the policy in force is not known, so that reaper's limits are not in the rows.
    """
    for by, (name, message, remedy_text) in FINDINGS.items():
        found = [(row, each) for row in rows for each in row.mechanisms if each.by == by]
        if not found:
            continue
        text = message.format(time=span(found[0][1].shortest_usec), setting=found[0][1].setting)
        remedy = remedy_text.format(setting=found[0][1].setting)
        early = [row.kind.words for row, each in found if _is_before_reaper(row, each)]
        if not is_known:
            yield warning(name, f"{text}; it is not known whether reaper ends them first.", remedy)
        elif early:
            yield warning(name, f"{text}, before reaper does: {'; '.join(early)}.", remedy)
        else:
            yield note(name, f"{text}; reaper ends them first.")
    if sshd and sshd.alive_usec:
        yield note(
            "sshd-client-alive",
            f"sshd closes connections whose client has not answered for {span(sshd.alive_usec)} (ClientAliveInterval),"
            " whether the session is idle or not.",
        )


def _is_before_reaper(row: Row, mechanism: Mechanism) -> bool:
    """Whether the mechanism ends a session of the kind that reaper would end later or never."""
    by_reaper = [each for each in row.mechanisms if each.by == REAPER]
    latest = by_reaper[0].longest_usec if by_reaper else None
    return latest is None or mechanism.shortest_usec < latest
