"""What can be seen of a login: the words on its terminals, and whether anything of it was signalled."""

from __future__ import annotations

from tests.unit.logins import FakeLogin


def shown(login: FakeLogin, terminal: str = "pts/1") -> list[str]:
    """What the person has read on a terminal, a message one text."""
    return [text.replace(" \x1b[K", "").strip("\a\r\n") for text in login.ttys[terminal].shown]


def signalled(login: FakeLogin) -> bool:
    return any(process.signals for process in (login.leader, *login.processes, *login.survivors))
