"""What a test sees of a login: the messages on its terminals, and whether a process of it was signalled."""

from __future__ import annotations

from tests.unit.logins import FakeLogin


def shown(login: FakeLogin, terminal: str = "pts/1") -> list[str]:
    """Returns the messages on a terminal, as its user reads them."""
    return [text.replace(" \x1b[K", "").strip("\a\r\n") for text in login.ttys[terminal].shown]


def signalled(login: FakeLogin) -> bool:
    return any(process.signals for process in (login.leader, *login.processes, *login.survivors))
