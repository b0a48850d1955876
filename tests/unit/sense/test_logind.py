"""logind as the daemon asks it: seldom, and never in vain for the sessions that it does not know."""

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


def test_the_ids_are_asked_for_again_only_after_news(library):
    asker = Logind()
    assert asker.list_ids() == {"1", "c7"}
    library.ids.append("c8")
    assert asker.list_ids() is None
    assert library.asked == 1
    asker.flush()
    assert asker.list_ids() == {"1", "c7", "c8"}
    assert library.asked == 2
    assert asker.list_ids() is None


def test_an_answer_of_no_use_is_given_again(library):
    asker = Logind()
    assert asker.list_ids() == {"1", "c7"}
    asker.recall()
    assert asker.list_ids() == {"1", "c7"}


def test_without_news_to_wait_for_it_is_asked_each_time(library):
    """Nobody says when a session comes, so what was told once is not kept."""
    library.is_there = False
    asker = Logind()
    assert asker.fileno() is None
    assert asker.list_ids() == set()
    library.is_there = True
    assert asker.list_ids() == {"1", "c7"}
    library.ids.append("c8")
    assert asker.list_ids() == {"1", "c7", "c8"}


def test_what_fails_is_not_kept(library):
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


def test_a_logind_that_answers(library, loginctl):
    loginctl(GOOD, "", 0)
    (session,) = Logind().read_sessions(["c7"]) or []
    assert (session.session_id, session.leader, session.user) == ("c7", 777, "alice")


def test_a_desktops_word(library, loginctl, monkeypatch):
    monkeypatch.setattr(logind.time, "clock_gettime_ns", lambda _clock: 100_000_000)
    for told, idle_usec in (
        ("IdleHint=yes\nIdleSinceHintMonotonic=70000\n", 30_000),
        ("IdleHint=no\nIdleSinceHintMonotonic=70000\n", 0),
        ("IdleHint=yes\nIdleSinceHintMonotonic=\n", None),
        ("IdleHint=yes\nIdleSinceHintMonotonic=\u00b2\n", None),
        ("IdleHint=\n", None),
        ("", None),
    ):
        loginctl(f"{told}Type=wayland\n", "", 0)
        assert Logind().read_idle_usec("c7") == idle_usec
        loginctl(f"{told}Type=tty\n", "", 0)
        assert Logind().read_idle_usec("c7") is None, "made of the times of a console that nobody types on"
    loginctl("", "Failed to connect to bus: No such file or directory", 1)
    assert Logind().read_idle_usec("c7") is None


def test_a_desktops_word_on_its_lock(library, loginctl):
    for told, is_locked in (
        ("LockedHint=yes\n", True),
        ("LockedHint=no\n", False),
        ("", None),
        ("LockedHint=\n", None),
    ):
        loginctl(told, "", 0)
        assert Logind().read_locked_hint("c7") is is_locked
    loginctl("", "Failed to connect to bus: No such file or directory", 1)
    assert Logind().read_locked_hint("c7") is None


def test_a_logind_that_does_not_answer(library, loginctl):
    """No bus: that says nothing about the sessions, so they are to be asked for again."""
    loginctl("", "Failed to connect to bus: No such file or directory", 1)
    assert Logind().read_sessions(["c7"]) is None


def test_a_logind_that_hangs_is_left_alone_for_a_while(library, loginctl, tmp_path, monkeypatch):
    """The daemon waits once for it, and not at each poll, nor once for each session."""
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


def test_a_session_that_is_gone_by_now(library, loginctl):
    loginctl("", "Failed to get path for session: No session c7 known", 1)
    assert Logind().read_sessions(["c7"]) == []


def test_no_loginctl(library, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "defpath", str(tmp_path))
    assert Logind().read_sessions(["c7"]) is None
