"""Interprets sshd's configuration: the output of `sshd -T`, or the text of its files. Pure.

The first value of a keyword wins, as in sshd_config(5). The output of `sshd -T` has the same syntax as the files, with
keywords in lower case and times in seconds, or as they were written (ChannelTimeout, OpenSSH 9.2 and 10.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reaper.decide.text.duration import USEC_PER_DAY, USEC_PER_HOUR, USEC_PER_MIN, USEC_PER_SEC, USEC_PER_WEEK
from reaper.decide.text.number import parse_whole
from reaper.doctor.findings import Finding, error, note

TIMEOUTS = ("channeltimeout", "unusedconnectiontimeout", "clientaliveinterval", "clientalivecountmax")
_UNITS = {"": USEC_PER_SEC, "s": USEC_PER_SEC, "m": USEC_PER_MIN, "h": USEC_PER_HOUR, "d": USEC_PER_DAY,
          "w": USEC_PER_WEEK}  # fmt: skip
_TIME = re.compile(r"([0-9]{1,9})([smhdw]?)", re.ASCII | re.IGNORECASE)

Keyword = tuple[str, str]


@dataclass(frozen=True)
class Sshd:
    """The settings for a connection that no Match block matches.

    `use_pam` is None if it is not known. A time of None is never. `channels` are ChannelTimeout's patterns with their
    times. `matched` are the timeouts that Match blocks set. `problem` is why `sshd -T` failed for root, or "".
    """

    use_pam: bool | None
    channels: tuple[tuple[str, int], ...] = ()
    unused_usec: int | None = None
    alive_usec: int | None = None
    pam_service: str = "sshd"
    matched: tuple[str, ...] = ()
    problem: str = ""

    def channel_usec(self, kinds: Iterable[str]) -> int | None:
        """Returns when the last of these kinds of channels is closed; None if one of them never is."""
        limits = [next((usec for pattern, usec in self.channels if fnmatchcase(kind, pattern)), 0) for kind in kinds]
        return None if not limits or 0 in limits else max(limits)


def parse_keywords(text: str) -> tuple[Keyword, ...]:
    """Returns the keywords of a configuration in lower case, each with the rest of its line."""
    found = []
    for line in text.split("\n"):
        words = line.strip().replace("=", " ", 1) if re.match(r"\s*\w+\s*=", line) else line.strip()
        name, _, value = words.partition(" ") if " " in words else words.partition("\t")
        if name and not name.startswith("#"):
            found.append((name.lower(), value.strip().strip('"')))
    return tuple(found)


def parse_time(text: str) -> int | None:
    """Parses a time of sshd_config(5) ("10m", "1h30m", "600") into microseconds; None for none, 0 or nonsense."""
    parts = _TIME.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(int(number) * _UNITS[unit.lower()] for number, unit in parts) or None


def interpret(keywords: Iterable[Keyword], *, complete: bool, problem: str = "") -> Sshd:
    """Interprets keywords in the order in which sshd reads them.

    Of Match blocks, only the names of their timeouts are kept. `complete`: no keyword is missing, so that a keyword
    that does not occur has sshd's default (UsePAM: no).
    """
    first: dict[str, str] = {}
    matched: dict[str, None] = {}
    in_match = False
    for name, value in keywords:
        if name == "match":
            in_match = value.lower() != "all"
        elif in_match and name in TIMEOUTS:
            matched[name] = None
        elif not in_match:
            first.setdefault(name, value)
    interval, count = (
        parse_time(first.get("clientaliveinterval", "")),
        parse_whole(first.get("clientalivecountmax", "3")),
    )
    use_pam = first.get("usepam", "no" if complete else "").lower()
    return Sshd(
        use_pam={"yes": True, "no": False}.get(use_pam),
        channels=_channels(first.get("channeltimeout", "")),
        unused_usec=parse_time(first.get("unusedconnectiontimeout", "")),
        alive_usec=interval * count if interval and count else None,
        pam_service=first.get("pamservicename", "sshd"),
        matched=tuple(matched),
        problem=problem,
    )


def _channels(value: str) -> tuple[tuple[str, int], ...]:
    found = []
    for word in value.replace('"', " ").split():
        pattern, _, time = word.partition("=")
        usec = parse_time(time)
        found.append((pattern, usec or 0))
    return tuple(found)


def check(sshd: Sshd) -> Iterator[Finding]:
    """Yields why logins over ssh are not recorded, and what is not known of sshd's settings."""
    if sshd.problem:
        yield note("sshd-not-asked", f"sshd -T fails, so doctor reads sshd's files instead: {sshd.problem}", "sshd -t")
    if sshd.use_pam is False:
        yield error(
            "sshd-without-pam",
            "sshd is configured with UsePAM no: logins over ssh are not recorded and never ended.",
            "UsePAM yes in /etc/ssh/sshd_config, then systemctl reload ssh.service (sshd.service on EL)",
        )
    if sshd.matched:
        yield note(
            "sshd-match",
            f"Match blocks of sshd's configuration set {', '.join(sshd.matched)} for some connections; doctor looks"
            " only at connections that no Match block matches.",
            "sshd -T -C user=NAME,host=HOST,addr=ADDRESS",
        )


def check_other(unit: str, sshd: Sshd) -> Iterator[Finding]:
    """Yields why logins by an sshd with a configuration of its own are not recorded."""
    if sshd.use_pam is False:
        yield error(
            "sshd-without-pam",
            f"{unit} starts an sshd with UsePAM no: its logins are not recorded and never ended.",
            f"UsePAM yes in the configuration that systemctl cat {unit} names, then systemctl restart {unit}",
        )
