"""Which mechanism ends a session first, for each kind of session. Pure: a table out of what was found.

What the others do is measured on real sessions of Debian 12 and 13: TMOUT ends a shell at its prompt and nothing else;
logind's StopIdleSessionSec goes by the terminal that it knows a session by, and never ends a connection without one;
ChannelTimeout is about silence on a channel, so that output keeps it; UnusedConnectionTimeout is about connections
without any channel; ClientAliveInterval is about clients that answer no more.
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
    """A class of sessions. `channels` are those of sshd's that such a connection has, as ChannelTimeout names them."""

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
    """What may end sessions of a kind. The times are of the rules that could apply; `longest_usec` None is never.

    `setting` is what people know it by, `condition` what it depends on beside the time, "" for nothing.
    """

    by: str
    setting: str
    shortest_usec: int
    longest_usec: int | None
    condition: str = ""


@dataclass(frozen=True)
class Row:
    """A kind of sessions and what may end them, the soonest first."""

    kind: SessionKind
    mechanisms: tuple[Mechanism, ...]


def table(policy: Policy | None, sshd: Sshd | None, logind: LogindFacts, tmouts: Sequence[Tmout]) -> tuple[Row, ...]:
    """A row for each kind of session. Without `policy` reaper ends nothing, without `sshd` nobody comes over ssh.

    Where sshd has UsePAM off, neither reaper nor logind knows of who does.
    """
    kinds = [kind for kind in KINDS if sshd is not None or kind.origin is not Origin.SSH]
    rows = []
    for kind in kinds:
        is_told = kind.origin is not Origin.SSH or (sshd is not None and sshd.use_pam is not False)
        found = [*_of_reaper(policy, kind), *_of_logind(logind, kind)] if is_told else []
        found += [*_of_shell(tmouts, kind), *(_of_sshd(sshd, kind) if sshd else ())]
        rows.append(Row(kind, tuple(sorted(found, key=lambda each: each.shortest_usec))))
    return tuple(rows)


def _of_reaper(policy: Policy | None, kind: SessionKind) -> Iterator[Mechanism]:
    limits = list(limits_of(policy, kind)) if policy else []
    acting = [each for each in limits if each.action is not Action.OBSERVE]
    everywhere = len(acting) == len(limits)
    what = "without input" if kind.has_terminal else "without work"
    yield from _range(REAPER, f"reaper, {what}", [each.idle_usec for each in acting], everywhere)
    yield from _range(AGE, "reaper, by age", [each.max_usec for each in acting], everywhere)


def _range(by: str, setting: str, times: Sequence[int | None], everywhere: bool) -> Iterator[Mechanism]:
    limited = [time for time in times if time is not None]
    if limited:
        longest = max(limited) if everywhere and len(limited) == len(times) else None
        yield Mechanism(by, setting, min(limited), longest)


def limits_of(policy: Policy, kind: SessionKind) -> Iterator[Limits]:
    """The limits of every rule that a session of the kind could be under, whoever it is of; under the ceiling."""
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
    """Given that it could: whether it does, whoever it is and whenever."""
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
        changed = "" if any(each.is_readonly for each in tmouts) else "unless the user unsets it"
        yield Mechanism("tmout", f"TMOUT in {first.path}:{first.line}", times[0], times[-1], changed)


def _of_sshd(sshd: Sshd, kind: SessionKind) -> Iterator[Mechanism]:
    if kind.origin is not Origin.SSH:
        return
    channel = sshd.channel_usec(kind.channels)
    if channel is not None:
        yield Mechanism("channel-timeout", "sshd's ChannelTimeout", channel, channel, "unless something is printed")
    if sshd.unused_usec is not None and not kind.has_terminal:
        usec = sshd.unused_usec
        yield Mechanism("unused-timeout", "sshd's UnusedConnectionTimeout", usec, usec, "where no channel is open")


def sentence(row: Row) -> str:
    """A row in words."""
    if not row.mechanisms:
        return "nothing ends it"
    words = [_told(each) for each in row.mechanisms]
    return ", then ".join(words)


def _told(mechanism: Mechanism) -> str:
    shortest, longest = mechanism.shortest_usec, mechanism.longest_usec
    condition = f" ({mechanism.condition})" if mechanism.condition else ""
    if longest is None:
        return f"{mechanism.setting} {span(shortest)}{condition}, by some rules never"
    reach = span(shortest) if shortest == longest else f"{span(shortest)} to {span(longest)}"
    return f"{mechanism.setting} {reach}{condition}"


SAID = {
    "logind": (
        "logind-stop-idle",
        "logind ends sessions that it takes to be idle (StopIdleSessionSec={time}), without a warning",
        "StopIdleSessionSec=infinity in /etc/systemd/logind.conf, then systemctl restart systemd-logind.service",
    ),
    "tmout": (
        "shell-tmout",
        "Shells end at the prompt by themselves ({setting}, {time}), without a warning",
        "take TMOUT out of the file",
    ),
    "channel-timeout": (
        "sshd-channel-timeout",
        "sshd closes channels on which nothing goes to and fro (ChannelTimeout, {time}), without a warning",
        "ChannelTimeout none in /etc/ssh/sshd_config, then systemctl reload ssh.service (sshd.service on EL)",
    ),
    "unused-timeout": (
        "sshd-unused-timeout",
        "sshd closes connections on which no channel is open (UnusedConnectionTimeout, {time})",
        "UnusedConnectionTimeout none in /etc/ssh/sshd_config, then systemctl reload ssh.service (sshd.service on EL)",
    ),
}


def check(rows: Sequence[Row], sshd: Sshd | None, is_known: bool) -> Iterator[Finding]:
    """The other mechanisms, each with where it comes before reaper: there it interferes.

    `is_known` is false where reaper has limits that are not among the rows.
    """
    for by, (name, message, remedy) in SAID.items():
        found = [(row, each) for row in rows for each in row.mechanisms if each.by == by]
        if not found:
            continue
        text = message.format(time=span(found[0][1].shortest_usec), setting=found[0][1].setting)
        early = [row.kind.words for row, each in found if _is_before_reaper(row, each)]
        if not is_known:
            yield warning(name, f"{text}; whether before reaper cannot be told.", remedy)
        elif early:
            yield warning(name, f"{text}, where reaper would still leave them: {'; '.join(early)}.", remedy)
        else:
            yield note(name, f"{text}; reaper comes first.")
    if sshd and sshd.alive_usec:
        yield note(
            "sshd-client-alive",
            f"sshd closes connections whose client has not answered for {span(sshd.alive_usec)} (ClientAliveInterval):"
            " dead ones, idle or not.",
        )


def _is_before_reaper(row: Row, mechanism: Mechanism) -> bool:
    """Whether some session of the kind is ended by it that reaper would end later, or not at all."""
    ours = [each for each in row.mechanisms if each.by == REAPER]
    latest = ours[0].longest_usec if ours else None
    return latest is None or mechanism.shortest_usec < latest
