"""Locks ordered, begun, ended and cleared away: what is written, and what systemd and logind are asked."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from reaper.act import lock_service
from reaper.decide.session.lock_protocol import LockOrder, Stage
from reaper.errors import ReaperError
from reaper.sense import lock_files
from tests.unit.fakes import make_session
from tests.unit.locked import KEEPER, keep_files

ORDER = LockOrder(make_session(100), "Locked.", {"session": "100"}, 5, None)


class FakeTools:
    """systemctl and loginctl that note how they were called, and do what a test wants."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.does("exit 0")

    def does(self, script: str) -> None:
        for name in ("systemctl", "loginctl"):
            path = self.directory / name
            path.write_text(f'#!/bin/sh\necho "$(basename "$0") $*" >> "{self.directory}/asked"\n{script}\n')
            path.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        path = self.directory / "asked"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def tools(tmp_path, monkeypatch) -> FakeTools:
    (tmp_path / "tools").mkdir()
    tools = FakeTools(tmp_path / "tools")
    monkeypatch.setattr(os, "defpath", f"{tools.directory}:{os.defpath}")
    return tools


@pytest.fixture
def directory(tmp_path) -> str:
    return str(tmp_path / "locks")


def test_an_order_is_written_for_root_alone_before_anything_is_started(tools, directory):
    tools.does(f'stat -c %a "{directory}/100" "{directory}/100/order" >> "{tools.directory}/asked"')
    lock_service.lock_terminals("100", ORDER, directory)
    assert tools.asked == ["systemctl --no-ask-password --no-block start reaper-lock@100.service", "700", "600"]
    assert lock_files.read_order("100", directory) == ORDER
    assert os.listdir(f"{directory}/100") == ["order"]
    assert stat.S_IMODE(os.stat(f"{directory}/100").st_mode) == 0o700


def test_what_another_session_of_the_name_has_left_is_cleared_away(tools, directory):
    """Its state would say that this one is unlocked."""
    lock_service.lock_terminals("100", ORDER, directory)
    keep_files(directory, "100", Stage.UNLOCKED)
    assert lock_files.read_state("100", directory).keeper == KEEPER
    lock_service.lock_terminals("100", ORDER, directory)
    assert lock_files.read_state("100", directory) is None
    assert lock_files.read_order("100", directory) == ORDER


def test_an_order_that_cannot_be_written(tools, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ReaperError, match="the order to lock cannot be written"):
        lock_service.lock_terminals("100", ORDER, str(tmp_path / "file"))
    assert tools.asked == []


@pytest.mark.parametrize("tool", ["#!/bin/sh\nexit 1\n", ""])
def test_an_order_that_systemd_does_not_take_is_taken_back(tools, directory, tool, monkeypatch):
    """It may have taken it all the same, and whoever it starts must not lock what nobody knows to be locked."""
    monkeypatch.setattr(os, "defpath", str(tools.directory))
    (tools.directory / "systemctl").write_text(tool)  # an empty file cannot be executed
    with pytest.raises(ReaperError, match="systemd"):
        lock_service.lock_terminals("100", ORDER, directory)
    assert os.listdir(f"{directory}/100") == ["withdrawn"]


@pytest.mark.parametrize("name", ["", "../3", "a b", "100.service"])
def test_a_name_that_is_none_of_a_unit(tools, directory, name):
    with pytest.raises(AssertionError):
        lock_service.lock_terminals(name, ORDER, directory)
    assert tools.asked == []
    assert not os.path.exists(directory)


ASKING: list[tuple[Callable[[], None], str]] = [
    (lambda: lock_service.lock_session("c3"), "loginctl --no-pager lock-session c3"),
    (lambda: lock_service.start_keeper("100"), "systemctl --no-ask-password --no-block start reaper-lock@100.service"),
    (
        lambda: lock_service.end_lock("4711.17"),
        "systemctl --no-ask-password --no-block stop reaper-lock@4711.17.service",
    ),
]


@pytest.mark.parametrize(("ask", "command"), ASKING)
def test_what_is_asked(tools, ask, command):
    ask()
    assert tools.asked == [command]


@pytest.mark.parametrize(("ask", "command"), ASKING)
def test_what_is_refused(tools, ask, command):
    tools.does("echo 'Access denied' >&2; exit 1")
    whom = "logind" if command.startswith("loginctl") else "systemd"
    with pytest.raises(ReaperError, match=f"{whom} refuses: Access denied"):
        ask()


@pytest.mark.parametrize(("ask", "command"), ASKING)
def test_who_cannot_be_asked(tools, ask, command, monkeypatch):
    monkeypatch.setattr(os, "defpath", "/nonexistent")
    with pytest.raises(ReaperError, match="cannot be asked"):
        ask()


def test_what_is_withdrawn_says_so_before_it_is_stopped(tools, directory):
    """Else reaper-lock would take the stop for the end of the session."""
    lock_service.lock_terminals("100", ORDER, directory)
    tools.does(f"ls {directory}/100 > {directory}/seen")
    lock_service.withdraw_lock("100", directory)
    assert Path(f"{directory}/seen").read_text().split() == ["withdrawn"]
    assert tools.asked[-1] == "systemctl --no-ask-password --no-block restart reaper-lock@100.service"
    assert lock_files.read_order("100", directory) is None
    lock_service.forget_lock("100", directory)
    assert not os.path.exists(f"{directory}/100")


SCOPE = "/user.slice/user-1000.slice/session-3.scope"


def make_frozen(mount: Path, scope: str) -> Path:
    path = Path(os.path.normpath(f"{mount}{scope}/reaper-lock")) / "cgroup.freeze"
    path.parent.mkdir(parents=True)
    path.write_text("1")
    return path


def test_what_is_frozen_is_thawed(tmp_path):
    path = make_frozen(tmp_path, SCOPE)
    lock_service.thaw(SCOPE, str(tmp_path))
    assert path.read_text() == "0"


def test_what_is_gone_is_not_frozen(tmp_path):
    lock_service.thaw(SCOPE, str(tmp_path))
    os.makedirs(f"{tmp_path}{SCOPE}/reaper-lock")
    lock_service.thaw(SCOPE, str(tmp_path))


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "/",
        "/user.slice",
        "/user.slice/user-1000.slice",
        "/user.slice/user-1000.slice/user@1000.service",
        "/user.slice/user-1000.slice/session-3.scope/below",
        "/user.slice/user-1000.slice/run-3.scope",
        "/system.slice/session-3.scope",
        "/user.slice/../system.slice/session-3.scope",
    ],
)
def test_no_other_group_is_ever_thawed(tmp_path, scope):
    """An administrator may have frozen it."""
    path = make_frozen(tmp_path, f"/{scope}")
    with pytest.raises(ReaperError, match="no session's scope"):
        lock_service.thaw(scope, str(tmp_path))
    assert path.read_text() == "1"


def test_what_the_kernel_does_not_thaw(tmp_path):
    path = make_frozen(tmp_path, SCOPE)
    os.rename(path, tmp_path / "other")
    os.symlink(tmp_path / "other", path)
    with pytest.raises(ReaperError, match=r"Too many levels|cgroup\.freeze"):
        lock_service.thaw(SCOPE, str(tmp_path))
    assert (tmp_path / "other").read_text() == "1"


def test_what_is_over_is_cleared_away(tools, directory):
    lock_service.lock_terminals("100", ORDER, directory)
    lock_service.lock_terminals("101", ORDER, directory)
    keep_files(directory, "100", Stage.LOCKED)
    for leftover in ("order.new", "state.new"):
        Path(f"{directory}/100/{leftover}").touch()
    lock_service.forget_lock("100", directory)
    assert os.listdir(directory) == ["101"]
    lock_service.forget_lock("100", directory)
    lock_service.forget_lock("never", f"{directory}/never")
