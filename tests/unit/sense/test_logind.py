"""logind as the daemon asks it: seldom, and only about sessions that the daemon does not know."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reaper.sense import logind
from reaper.sense.logind import Logind


class FakeLibrary:
    """systemd's Python library, systemd.login."""

    def __init__(self) -> None:
        self.ids = ["1", "c7"]
        self.asked = 0
        self.is_there = True

    def sessions(self) -> list[str]:
        self.asked += 1
        if not self.is_there:
            raise FileNotFoundError(2, "No such file or directory")
        return list(self.ids)

    def Monitor(self, _category: str) -> FakeLibrary:
        if not self.is_there:
            raise FileNotFoundError(2, "No such file or directory")
        return self

    def fileno(self) -> int:
        return 5

    def flush(self) -> None:
        pass


@pytest.fixture
def library(monkeypatch) -> FakeLibrary:
    library = FakeLibrary()
    monkeypatch.setattr(logind, "login", library)
    return library


def test_ids_are_listed_again_only_after_a_change(library):
    asker = Logind()
    assert asker.list_ids() == {"1", "c7"}
    library.ids.append("c8")
    assert asker.list_ids() is None
    assert library.asked == 1
    asker.flush()
    assert asker.list_ids() == {"1", "c7", "c8"}
    assert library.asked == 2
    assert asker.list_ids() is None


def test_recalled_answer_is_given_again(library):
    asker = Logind()
    assert asker.list_ids() == {"1", "c7"}
    asker.recall()
    assert asker.list_ids() == {"1", "c7"}


def test_ids_are_listed_each_time_without_a_monitor(library):
    """Nothing reports that a session has begun, so no answer is kept."""
    library.is_there = False
    asker = Logind()
    assert asker.fileno() is None
    assert asker.list_ids() == set()
    library.is_there = True
    assert asker.list_ids() == {"1", "c7"}
    library.ids.append("c8")
    assert asker.list_ids() == {"1", "c7", "c8"}


def test_failed_listing_is_repeated(library):
    asker = Logind()
    library.is_there = False
    assert asker.list_ids() == set()
    library.is_there = True
    assert asker.list_ids() == {"1", "c7"}


@pytest.fixture
def loginctl(tmp_path, monkeypatch):
    """A loginctl that prints and exits as a test wants."""

    def make(out: str, error: str, status: int) -> None:
        path = Path(tmp_path / "loginctl")
        path.write_text(f"#!/bin/sh\nprintf '%s' '{out}'\nprintf '%s' '{error}' >&2\nexit {status}\n")
        path.chmod(0o755)
        monkeypatch.setattr(os, "defpath", str(tmp_path))

    return make


GOOD = "Id=c7\nUser=1000\nName=alice\nService=sshd\nLeader=777\nClass=user\nType=tty\nTimestampMonotonic=5\n"


def test_sessions_are_read(library, loginctl):
    loginctl(GOOD, "", 0)
    (session,) = Logind().read_sessions(["c7"]) or []
    assert (session.session_id, session.leader, session.user) == ("c7", 777, "alice")


def test_idle_hint_is_read_for_graphical_sessions_only(library, loginctl, monkeypatch):
    monkeypatch.setattr(logind.time, "clock_gettime_ns", lambda _clock: 100_000_000)
    for properties, idle_usec in (
        ("IdleHint=yes\nIdleSinceHintMonotonic=70000\n", 30_000),
        ("IdleHint=no\nIdleSinceHintMonotonic=70000\n", 0),
        ("IdleHint=yes\nIdleSinceHintMonotonic=\n", None),
        ("IdleHint=yes\nIdleSinceHintMonotonic=\u00b2\n", None),
        ("IdleHint=\n", None),
        ("", None),
    ):
        loginctl(f"{properties}Type=wayland\n", "", 0)
        assert Logind().read_idle_usec("c7") == idle_usec
        loginctl(f"{properties}Type=tty\n", "", 0)
        assert Logind().read_idle_usec("c7") is None, "made of the times of a console that nobody types on"
    loginctl("", "Failed to connect to bus: No such file or directory", 1)
    assert Logind().read_idle_usec("c7") is None


def test_locked_hint_is_read(library, loginctl):
    for properties, is_locked in (
        ("LockedHint=yes\n", True),
        ("LockedHint=no\n", False),
        ("", None),
        ("LockedHint=\n", None),
    ):
        loginctl(properties, "", 0)
        assert Logind().read_locked_hint("c7") is is_locked
    loginctl("", "Failed to connect to bus: No such file or directory", 1)
    assert Logind().read_locked_hint("c7") is None


def test_logind_without_a_bus_gives_no_answer(library, loginctl):
    """Without a bus nothing is known about the sessions, so they must be asked for again."""
    loginctl("", "Failed to connect to bus: No such file or directory", 1)
    assert Logind().read_sessions(["c7"]) is None


def test_hanging_logind_is_not_asked_again_for_a_while(library, loginctl, tmp_path, monkeypatch):
    """The daemon waits for it once, not at each poll nor once for each session."""
    monkeypatch.setattr(logind, "_TIMEOUT_SEC", 0.2)
    loginctl("", "", 0)
    (tmp_path / "loginctl").write_text(f"#!/bin/sh\necho x >>{tmp_path}/asked\nexec /bin/sleep 60\n")
    asker = Logind()
    assert asker.read_sessions(["c7"]) is None
    assert asker.read_idle_usec("c7") is None
    assert asker.read_locked_hint("c7") is None
    assert (tmp_path / "asked").read_text() == "x\n"
    monkeypatch.setattr(asker, "_silent_until_sec", 0)
    loginctl(GOOD, "", 0)
    assert len(asker.read_sessions(["c7"]) or []) == 1


def test_ended_session_is_left_out(library, loginctl):
    loginctl("", "Failed to get path for session: No session c7 known", 1)
    assert Logind().read_sessions(["c7"]) == []


def test_missing_loginctl_gives_no_answer(library, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "defpath", str(tmp_path))
    assert Logind().read_sessions(["c7"]) is None
