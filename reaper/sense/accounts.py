"""Who a user is by the host's name services, which may be slow: asked only where somebody wants to know."""

from __future__ import annotations

import os


def read_uid(user: str) -> int | None:
    """A user's id; None where no name service knows the user, or none answers."""
    import pwd  # maps name services into the process

    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None


def read_groups(user: str, uid: int) -> frozenset[str] | None:
    """The names of a user's groups, primary and supplementary; numbers where a group has no name.

    None where the host does not know the user.  Of one who is logged in that means that a name service does not
    answer, and Python does not tell that from an unknown user.
    """
    import pwd

    try:
        primary = pwd.getpwuid(uid).pw_gid
        ids = os.getgrouplist(user, primary)
    except (KeyError, OSError):
        return None
    return frozenset(map(_group_name, ids))


def _group_name(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
