"""The kinds of evidence that a session is in use. Pure.

CONTRIBUTING.md, "Adding a kind of evidence", says what else a new kind needs.
"""

from __future__ import annotations

import enum


class EvidenceKind(enum.Enum):
    """A kind of evidence. The value is its name in the state file, in the journal and with --json."""

    LOGIN = "login"
    SEEN = "seen"
    TERMINAL = "terminal"
    INPUT = "input"
    TRAFFIC = "traffic"
    DESKTOP = "desktop"
    NETWORK = "network"
    CPU = "cpu"
    UNLOCKED = "unlocked"
    SHARED = "shared"

    @property
    def words(self) -> str:
        """The end of the sentence "The last sign of life was ...", for `reaperctl explain`."""
        return _WORDS[self]


_WORDS = {
    EvidenceKind.LOGIN: "the login itself",
    EvidenceKind.SEEN: "reaperd finding the session (nothing is known of the time before)",
    EvidenceKind.TERMINAL: "a terminal that was opened on its connection",
    EvidenceKind.INPUT: "input on its terminal",
    EvidenceKind.TRAFFIC: "traffic of its connection, which cannot be counted and may have been a key",
    EvidenceKind.DESKTOP: "activity that its desktop reports to logind",
    EvidenceKind.NETWORK: "data on its connection",
    EvidenceKind.CPU: "the CPU time of its processes",
    EvidenceKind.UNLOCKED: "its user unlocking it",
    EvidenceKind.SHARED: "input in another session of the same user",
}

CONFIGURABLE = (EvidenceKind.INPUT, EvidenceKind.NETWORK, EvidenceKind.CPU)
"""What a rule may count as activity (`activity` in reaper.yaml(5)); all other kinds always count."""
