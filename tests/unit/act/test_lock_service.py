"""Locks ordered, begun, ended and removed: what is written, and what systemd and logind are asked."""

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
    """systemctl and loginctl that record how they were called, and do what a test wants."""

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


def test_order_is_written_for_root_only_before_the_start(tools, directory):
    tools.does(f'stat -c %a "{directory}/100" "{directory}/100/order" >> "{tools.directory}/asked"')
    lock_service.lock_terminals("100", ORDER, directory)
    assert tools.asked == ["systemctl --no-ask-password --no-block start reaper-lock@100.service", "700", "600"]
    assert lock_files.read_order("100", directory) == ORDER
    assert os.listdir(f"{directory}/100") == ["order"]
    assert stat.S_IMODE(os.stat(f"{directory}/100").st_mode) == 0o700


def test_files_of_an_earlier_session_of_the_name_are_removed(tools, directory):
    """Its state would say that this session is unlocked."""
    lock_service.lock_terminals("100", ORDER, directory)
    keep_files(directory, "100", Stage.UNLOCKED)
    assert lock_files.read_state("100", directory).keeper == KEEPER
    lock_service.lock_terminals("100", ORDER, directory)
    assert lock_files.read_state("100", directory) is None
    assert lock_files.read_order("100", directory) == ORDER


def test_order_that_cannot_be_written_raises(tools, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ReaperError, match="the order to lock cannot be written"):
        lock_service.lock_terminals("100", ORDER, str(tmp_path / "file"))
    assert tools.asked == []


@pytest.mark.parametrize("tool", ["#!/bin/sh\nexit 1\n", ""])
def test_order_that_systemd_refuses_is_withdrawn(tools, directory, tool, monkeypatch):
    """systemd may have accepted it nevertheless, and a reaper-lock that it starts must not lock unnoticed."""
    monkeypatch.setattr(os, "defpath", str(tools.directory))
    (tools.directory / "systemctl").write_text(tool)  # an empty file cannot be executed
    with pytest.raises(ReaperError, match="systemd"):
        lock_service.lock_terminals("100", ORDER, directory)
    assert os.listdir(f"{directory}/100") == ["withdrawn"]


@pytest.mark.parametrize("name", ["", "../3", "a b", "100.service"])
def test_name_that_no_unit_can_have_is_refused(tools, directory, name):
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
def test_systemctl_and_loginctl_get_the_right_commands(tools, ask, command):
    ask()
    assert tools.asked == [command]


@pytest.mark.parametrize(("ask", "command"), ASKING)
def test_refusal_raises_with_its_reason(tools, ask, command):
    tools.does("echo 'Access denied' >&2; exit 1")
    whom = "logind" if command.startswith("loginctl") else "systemd"
    with pytest.raises(ReaperError, match=f"{whom} refuses: Access denied"):
        ask()


@pytest.mark.parametrize(("ask", "command"), ASKING)
def test_missing_program_raises(tools, ask, command, monkeypatch):
    monkeypatch.setattr(os, "defpath", "/nonexistent")
    with pytest.raises(ReaperError, match="cannot be asked"):
        ask()


def test_withdrawal_is_written_before_the_stop(tools, directory):
    """Otherwise reaper-lock would take the stop for the end of the session."""
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


def test_frozen_processes_are_thawed(tmp_path):
    path = make_frozen(tmp_path, SCOPE)
    lock_service.thaw(SCOPE, str(tmp_path))
    assert path.read_text() == "0"


def test_missing_group_is_not_an_error(tmp_path):
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
def test_other_groups_are_never_thawed(tmp_path, scope):
    """An administrator may have frozen it."""
    path = make_frozen(tmp_path, f"/{scope}")
    with pytest.raises(ReaperError, match="no session's scope"):
        lock_service.thaw(scope, str(tmp_path))
    assert path.read_text() == "1"


def test_thaw_that_the_kernel_refuses_raises(tmp_path):
    path = make_frozen(tmp_path, SCOPE)
    os.rename(path, tmp_path / "other")
    os.symlink(tmp_path / "other", path)
    with pytest.raises(ReaperError, match=r"Too many levels|cgroup\.freeze"):
        lock_service.thaw(SCOPE, str(tmp_path))
    assert (tmp_path / "other").read_text() == "1"


def test_files_of_an_ended_lock_are_removed(tools, directory):
    lock_service.lock_terminals("100", ORDER, directory)
    lock_service.lock_terminals("101", ORDER, directory)
    keep_files(directory, "100", Stage.LOCKED)
    for leftover in ("order.new", "state.new"):
        Path(f"{directory}/100/{leftover}").touch()
    lock_service.forget_lock("100", directory)
    assert os.listdir(directory) == ["101"]
    lock_service.forget_lock("100", directory)
    lock_service.forget_lock("never", f"{directory}/never")
