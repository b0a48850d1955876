"""The records that pam_reaper.so writes of logins; pam_files.py reads the files."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from reaper.decide.policy import membership
from reaper.decide.policy.membership import Membership
from reaper.decide.session.model import SessionKey
from reaper.errors import ReaperError
from reaper.sense import pam_files
from reaper.sense.pam_files import parse_number

DIRECTORY = "/run/reaper/sessions"
_GROUP = re.compile(r"GROUP_([0-9]{1,10})", re.ASCII)


class LoginRecord(NamedTuple):
    """One login as PAM saw it. Strings are as the module got them and may contain hostile characters."""

    key: SessionKey
    user: str
    uid: int
    service: str
    tty: str
    rhost: str
    session_id: str
    opened_usec: int
    login: str = ""  # the name that was typed, if the account has another
    membership: Membership = ()  # the user's groups
    has_all_groups: bool = False  # False: there are more, or the module could not read them
    holds_tty: bool = False  # the leader had the terminal when the session was opened; 0.1.0 did not check
    kind: str = ""  # "tty", "x11", "wayland": PAM's session type at that time


def parse_name(name: str) -> SessionKey | None:
    """Returns the session that a file name stands for; None for a temporary or foreign file."""
    pair = pam_files.parse_name(name)
    return SessionKey(*pair) if pair else None


def parse_record(key: SessionKey, data: bytes) -> LoginRecord:
    """Parses a record. Ignores unknown keys, so that an older daemon can read the records of a newer module.

    Raises ReaperError for anything garbled, truncated, foreign or contradictory.
    """
    try:
        values = pam_files.parse_values(key, data)
        groups = _parse_groups(values)
        return LoginRecord(
            key=key,
            user=values["USER"],
            uid=parse_number(values["UID"]),
            service=values["SERVICE"],
            tty=values.get("TTY", ""),
            rhost=values.get("RHOST", ""),
            session_id=values.get("XDG_SESSION_ID", ""),
            opened_usec=parse_number(values["OPENED_USEC"]),
            login=values.get("LOGIN", ""),
            membership=groups,
            has_all_groups=bool(groups) and len(dict(groups)) == parse_number(values.get("GROUPS") or "0"),
            holds_tty=values.get("TTY_IS_HELD") == "1",
            kind=values.get("XDG_SESSION_TYPE", ""),
        )
    except KeyError as error:
        raise _broken(key, f"{error.args[0]} is missing") from None
    except ValueError as error:
        raise _broken(key, str(error)) from None


def _parse_groups(values: Mapping[str, str]) -> Membership:
    """Returns the groups of a record: lines GROUP_NUMBER=NAME, without a name where the module found none."""
    found = ((_GROUP.fullmatch(key), name) for key, name in values.items())
    return membership.make((int(match[1]), name) for match, name in found if match)


def _broken(key: SessionKey, why: str) -> ReaperError:
    return ReaperError(
        "record-broken",
        f"login record {key} cannot be read: {why}",
        "the session is found through logind instead; if this happens again, check that pam_reaper.so and reaperd are"
        " of one version",
    )


class LoginRecords:
    """The directory of the records."""

    def __init__(self, directory: str = DIRECTORY) -> None:
        self._directory = pam_files.Directory(directory)
        self._unknown: frozenset[SessionKey] = frozenset()

    def list_unknown(self, known: Container[SessionKey]) -> frozenset[SessionKey]:
        """Returns the sessions that have a record and are not among `known`.

        The names are processed only when they have changed, and are not kept: a thousand known sessions would be stored
        twice.
        """
        names = self._directory.list_if_changed()
        keys: Iterable[SessionKey | None] = self._unknown if names is None else map(parse_name, names)
        self._unknown = frozenset(key for key in keys if key is not None and key not in known)
        return self._unknown

    def exists(self, key: SessionKey) -> bool:
        """Returns whether a session has a record, which it has until PAM closes it."""
        return os.path.lexists(f"{self._directory.path}/{key}")

    def read(self, key: SessionKey) -> LoginRecord | None:
        """Returns one record; None where it is gone. Raises ReaperError where the module cannot have written it."""
        try:
            data = self._directory.read(str(key))
        except ValueError as error:
            raise _broken(key, str(error)) from error
        return None if data is None else parse_record(key, data)
