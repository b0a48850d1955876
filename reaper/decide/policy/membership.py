"""The groups of a session's user: their numbers, and the names that rules match.

Pure. The numbers are certain: the login recorded them, or they were read from the session's processes. A name may be
missing, because only a name service has it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

Membership = tuple[tuple[int, str], ...]
"""Sorted pairs of a group's number and its name, "" if the name is not known; a number can have two names."""

# A user of a directory service can be in hundreds of groups, but a thousand sessions belong to few users.
_MOST_SHARED = 1024


@functools.lru_cache(maxsize=_MOST_SHARED)
def _shared(membership: Membership) -> Membership:
    return membership


def make(groups: Iterable[tuple[int, str]]) -> Membership:
    """Return the membership of these numbers and names; equal ones are one object. A known name replaces ""."""
    found = set(groups)
    named = {gid for gid, name in found if name}
    return _shared(tuple(sorted((gid, name) for gid, name in found if name or gid not in named)))


def with_names(membership: Membership, gids: Mapping[str, int], names: Mapping[int, str]) -> Membership:
    """Return the membership with missing names filled in from the answers of name services.

    `gids` has their answers by name, `names` those by number.
    """
    own = {gid for gid, _ in membership}
    found = {(gid, name) for name, gid in gids.items() if gid in own}
    found |= {(gid, names[gid]) for gid in unnamed(membership) if gid in names}
    return membership if found <= set(membership) else make([*membership, *found])


@functools.lru_cache(maxsize=_MOST_SHARED)
def names_of(membership: Membership) -> frozenset[str]:
    """Return what rules match: the names, and the number of each group without one."""
    return frozenset(name or str(gid) for gid, name in membership)


def unnamed(membership: Membership) -> frozenset[int]:
    """Return the numbers of the groups without a name."""
    return frozenset(gid for gid, name in membership if not name)
