"""The groups of a session's user: their numbers, and the names that rules match on.

Pure. The numbers are known for certain: the login recorded them, or the kernel has them of the session's processes. A
name may be missing, as only a name service has it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

Membership = tuple[tuple[int, str], ...]
"""The number of each group with its name, "" where nothing has told it, in order; a number can have two names."""

# A user of a directory service can be in hundreds of groups; a thousand sessions are of few users.
_MOST_SHARED = 1024


@functools.lru_cache(maxsize=_MOST_SHARED)
def _shared(membership: Membership) -> Membership:
    return membership


def make(groups: Iterable[tuple[int, str]]) -> Membership:
    """Returns a membership of these numbers and names; equal ones are one object. A name makes "" superfluous."""
    found = set(groups)
    named = {gid for gid, name in found if name}
    return _shared(tuple(sorted((gid, name) for gid, name in found if name or gid not in named)))


def with_names(membership: Membership, gids: Mapping[str, int], names: Mapping[int, str]) -> Membership:
    """Returns a membership with the names that it lacks, of those that name services have told either way."""
    own = {gid for gid, _ in membership}
    told = {(gid, name) for name, gid in gids.items() if gid in own}
    told |= {(gid, names[gid]) for gid in unnamed(membership) if gid in names}
    return membership if told <= set(membership) else make([*membership, *told])


@functools.lru_cache(maxsize=_MOST_SHARED)
def names_of(membership: Membership) -> frozenset[str]:
    """Returns what rules match on: the names, and the number of a group that has none."""
    return frozenset(name or str(gid) for gid, name in membership)


def unnamed(membership: Membership) -> frozenset[int]:
    """Returns the numbers of the groups without a name."""
    return frozenset(gid for gid, name in membership if not name)
