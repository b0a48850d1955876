"""The conditions of a rule, the facts about a session that they test, and why a rule does not match.

Pure: no I/O, no name service, no address lookup, no clock. Names, groups, the remote host and the local time are
given as values.
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Union

from reaper.decide.text.hours import Hours, LocalTime, is_within

if TYPE_CHECKING:  # ipaddress takes almost 1 MiB: only a policy that names an address loads it
    import ipaddress

    Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
    Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

NO_TERMINAL = "none"
ANY_TERMINAL = "any"
_MAPPED_BITS = 96
"""RFC 4291, 2.5.5.2: an IPv4-mapped IPv6 address carries the IPv4 address in its last 32 bits."""


class Origin(enum.Enum):
    """How the user is connected to the host."""

    SSH = "ssh"
    CONSOLE = "console"
    SERIAL = "serial"
    GRAPHICAL = "graphical"
    OTHER = "other"


@dataclass(frozen=True)
class Subject:
    """The facts about one session that a rule is matched against, at one moment.

    `groups` has the names of the primary and all secondary groups. `remote` is the host as PAM reported it, an address
    or a name; empty for a local session. `terminals` are the outer terminals without /dev/ (``pts/3``). `elevated`: it
    is root's session, or the user became root in it (su, sudo). `local` is the host's local time; None if no rule has
    `hours`.
    """

    user: str
    uid: int
    groups: frozenset[str]
    origin: Origin
    remote: str
    terminals: tuple[str, ...]
    service: str
    elevated: bool = False
    local: LocalTime | None = None


@dataclass(frozen=True)
class Match:
    """The conditions of a rule: every key that is not empty must match, by at least one of its entries.

    `user`, `group`, `terminal` and `service` are case-sensitive globs; an entry of `user` that is all digits also
    matches the user id. `remote` (the key ``from``) has addresses and networks as parse_network() reads them, and
    globs for host names. `elevated` is None if it does not matter. A Match without conditions matches every session.
    """

    user: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    origin: tuple[Origin, ...] = ()
    remote: tuple[str, ...] = ()
    terminal: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    elevated: bool | None = None
    hours: tuple[Hours, ...] = ()


def mismatch(match: Match, subject: Subject) -> str:
    """Return why the session does not match, as text for `explain`; empty if it matches."""
    if match.user and not any(_is_user(pattern, subject) for pattern in match.user):
        return f"user {subject.user} is not {_either(match.user)}"
    if match.group and not any(fnmatchcase(group, pattern) for pattern in match.group for group in subject.groups):
        return f"user {subject.user} is not in group {_either(match.group)}"
    if match.origin and subject.origin not in match.origin:
        return f"origin {subject.origin.value} is not {_either(tuple(origin.value for origin in match.origin))}"
    if match.remote and not is_from(match.remote, subject.remote):
        return f"from {subject.remote or 'this host'} is not {_either(match.remote)}"
    if match.terminal and not any(_has_terminal(pattern, subject.terminals) for pattern in match.terminal):
        return f"terminal {', '.join(subject.terminals) or NO_TERMINAL} is not {_either(match.terminal)}"
    if match.service and not any(fnmatchcase(subject.service, pattern) for pattern in match.service):
        return f"service {subject.service or 'unknown'} is not {_either(match.service)}"
    if match.elevated is not None and match.elevated is not subject.elevated:
        return f"the session is {'' if subject.elevated else 'not '}elevated"
    if match.hours and not (subject.local and is_within(match.hours, subject.local)):
        return f"now is {subject.local or 'unknown'}, not {_either(tuple(map(str, match.hours)))}"
    return ""


def is_pattern(name: str) -> bool:
    """Return whether an entry of a list is a glob rather than a single name."""
    return any(character in name for character in "*?[")


def _either(patterns: tuple[str, ...]) -> str:
    return " or ".join(patterns)


def _is_user(pattern: str, subject: Subject) -> bool:
    if fnmatchcase(subject.user, pattern):
        return True
    return pattern.isascii() and pattern.isdigit() and int(pattern) == subject.uid


def _has_terminal(pattern: str, terminals: tuple[str, ...]) -> bool:
    if pattern == NO_TERMINAL:
        return not terminals
    if pattern == ANY_TERMINAL:
        return bool(terminals)
    return any(fnmatchcase(terminal, pattern) for terminal in terminals)


def is_from(patterns: tuple[str, ...], remote: str) -> bool:
    """Return whether a remote host matches one of the addresses, networks or host name globs; a local session does not.

    ``::ffff:10.0.0.1`` is 10.0.0.1, because sshd listens on IPv6 sockets. The zone of a link-local address is ignored,
    and so are case and a closing dot of host names (RFC 4343, RFC 1034).
    """
    if not remote:
        return False
    address = _parse_address(remote)
    name = remote.lower().rstrip(".")
    for pattern in patterns:
        network = parse_network(pattern)
        if network is None:
            if fnmatchcase(name, pattern.lower().rstrip(".")):
                return True
        elif address is not None and address.version == network.version and address in network:
            return True
    return False


def _parse_address(text: str) -> Address | None:
    import ipaddress

    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@functools.lru_cache(maxsize=256)  # only patterns of the policy, never text from a remote host
def parse_network(pattern: str) -> Network | None:
    """Return the network that an entry of ``from`` names; None if the entry is a glob for host names.

    Raises ValueError for an invalid network, such as one with host bits set.
    """
    import ipaddress

    try:
        network = ipaddress.ip_network(pattern)
    except ValueError:
        if "/" in pattern:
            raise
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((int(mapped), network.prefixlen - _MAPPED_BITS))
    return network
