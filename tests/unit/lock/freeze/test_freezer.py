"""Which processes move into the frozen group, and back to which group. The effect of freezing: see tests/host."""

from __future__ import annotations

import errno
import os

import pytest

from reaper.decide.session.model import ProcessId
from reaper.errors import ReaperError
from reaper.lock.freeze import cgroups as groups
from reaper.lock.freeze.freezer import Freezer
from tests.unit.sense.trees import START_TICKS

ELSEWHERE = "/user.slice/user-1000.slice/user@1000.service/app.slice/a b.service"


def freeze_file(cgroups) -> str:
    with open(f"{cgroups.mount}{cgroups.path}/cgroup.freeze", encoding="ascii") as file:
        return file.read()


def test_process_is_frozen_and_returns_to_its_group(cgroups):
    cgroups.make()
    shell, service = cgroups.add(10, cgroups.scope), cgroups.add(11, ELSEWHERE)
    assert freeze_file(cgroups) == "1"
    assert cgroups.freezer.origin(shell) == cgroups.scope
    origins = {each: cgroups.freezer.add(each) for each in (shell, service)}
    assert origins == {shell: cgroups.scope, service: ELSEWHERE}
    assert cgroups.freezer.members() == [shell, service]
    assert [cgroups.freezer.add(each) for each in (shell, service)] == [None, None], "in already"
    cgroups.freezer.put_back(origins)
    assert (cgroups.where(10), cgroups.where(11)) == (cgroups.scope, ELSEWHERE)
    assert not os.path.exists(cgroups.mount + cgroups.path)
    cgroups.freezer.put_back(origins)
    assert cgroups.freezer.members() == []
    cgroups.freezer.thaw()


def test_interrupted_put_back_can_be_repeated(cgroups):
    cgroups.make()
    origins = dict.fromkeys((cgroups.add(10, ELSEWHERE), cgroups.add(11, ELSEWHERE)), ELSEWHERE)
    for each in origins:
        cgroups.freezer.add(each)
    cgroups.write(f"{cgroups.mount}{ELSEWHERE}/cgroup.procs", "10")
    cgroups.freezer.make()
    cgroups.freezer.put_back(origins)
    assert [cgroups.where(pid) for pid in (10, 11)] == [ELSEWHERE, ELSEWHERE]


def test_process_without_its_first_thread_is_moved(cgroups):
    """Only its other threads are in the group."""
    cgroups.make()
    process = cgroups.add(10, ELSEWHERE)
    cgroups.tree.add(12, scope=cgroups.path)
    cgroups.tree.write_scope(cgroups.path, "cgroup.procs", "")
    cgroups.tree.write_scope(cgroups.path, "cgroup.threads", "12\n")
    cgroups.tree.write(12, "status", "Name:\ta\nTgid:\t10\n")
    assert cgroups.freezer.members() == [process]


def test_process_that_cannot_return_goes_to_the_scope(cgroups):
    """Its group is unknown, gone or refuses it; and none goes back to the frozen group."""
    cgroups.make()
    processes = [cgroups.add(pid, ELSEWHERE) for pid in range(10, 15)]
    origins = {each: cgroups.freezer.add(each) or "" for each in processes}
    del origins[processes[0]]
    origins[processes[1]] = "/user.slice/gone.service"
    cgroups.refusals[ELSEWHERE, 12] = errno.EBUSY
    origins[processes[3]] = cgroups.path
    cgroups.freezer.put_back(origins)
    assert [cgroups.where(pid) for pid in range(10, 15)] == [cgroups.scope] * 4 + [ELSEWHERE]


def test_another_process_with_the_same_pid_is_not_moved(cgroups):
    cgroups.make()
    assert cgroups.freezer.add(ProcessId(10, START_TICKS)) is None
    cgroups.add(10, ELSEWHERE)
    assert cgroups.freezer.add(ProcessId(10, START_TICKS + 1)) is None
    assert cgroups.where(10) == ELSEWHERE


@pytest.mark.parametrize(
    ("parent", "uid", "home"),
    [
        (5, 0, "/system.slice/cron.service"),
        (5, 1000, "/system.slice/cron.service"),
        (1, 0, "/init.scope"),
        (1, 1001, "/init.scope"),
        (1, 1000, None),
        (7, 0, "/init.scope"),
        (7, 1000, None),
    ],
)
@pytest.mark.parametrize("way", ["in", "out"])
def test_process_that_gets_the_pid_during_a_move_is_sent_back(cgroups, monkeypatch, way, parent, uid, home):
    """The other process goes back to its parent's group; never to the session's scope, unless it is the user's own."""
    cgroups.make()
    for group in ("/init.scope", "/system.slice/cron.service"):
        os.makedirs(cgroups.mount + group)
    cgroups.add(5, "/system.slice/cron.service")
    process = cgroups.add(10, ELSEWHERE)
    if way == "out":
        cgroups.freezer.add(process)
    entry = cgroups.tree.directory / "proc/10"
    stat = (entry / "stat").read_text().replace("S 1 ", f"S {parent} ").replace(f" {START_TICKS} ", " 99 ")

    def write(path: str, text: str) -> None:
        cgroups.write(path, text)
        (entry / "stat").write_text(stat)
        (entry / "status").write_text(f"Name:\ta\nUid:\t{uid}\t0\t0\t0\n")

    monkeypatch.setattr(groups, "write", write)
    if way == "in":
        assert cgroups.freezer.add(process) is None
    else:
        cgroups.freezer.move_back(process, ELSEWHERE)
    assert cgroups.where(10) == (home or cgroups.scope)


@pytest.mark.parametrize("how", ["by its name", "it has left", "another has its pid", "another has its thread's id"])
def test_process_outside_the_group_is_not_moved(cgroups, how):
    """Although the kernel, or whoever faked that, has just reported that it is in."""
    cgroups.make()
    victim = cgroups.add(30, "/system.slice/cron.service")
    if how == "by its name":
        cgroups.tree.add(12, scope=cgroups.path)
        cgroups.tree.write_scope(cgroups.path, "cgroup.procs", "")
        cgroups.tree.write_scope(cgroups.path, "cgroup.threads", "12\n")
        cgroups.tree.write(12, "status", "Name:\t\rTgid:30\nTgid:\t12\n")
    elif how == "another has its thread's id":
        cgroups.tree.add(12, scope=cgroups.scope)
        cgroups.tree.write(12, "status", "Name:\ta\nTgid:\t30\n")
        cgroups.tree.write_scope(cgroups.path, "cgroup.threads", "12\n")
    else:
        cgroups.tree.write_scope(cgroups.path, "cgroup.procs", "30\n")
    origin = {"another has its pid": ProcessId(30, START_TICKS + 1)}.get(how, victim)
    cgroups.freezer.move_back(origin, cgroups.scope)
    for _ in range(2):
        cgroups.freezer.put_back(dict.fromkeys((origin, ProcessId(12, START_TICKS)), cgroups.scope))
    assert cgroups.where(30) == "/system.slice/cron.service"


@pytest.mark.parametrize(
    "origin", ["", "relative", "/user.slice/../system.slice", "/./x", "//x", "/x/", "/a\0b", "/\ud800"]
)
def test_invalid_origin_means_the_scope(cgroups, origin):
    assert not groups.is_path(origin)
    cgroups.make()
    process = cgroups.add(10, ELSEWHERE)
    cgroups.freezer.add(process)
    cgroups.freezer.put_back({process: origin})
    assert cgroups.where(10) == cgroups.scope


@pytest.mark.parametrize("name", ["a\rb", "a\u2028", "\udcff\x1c", "...", "a b (deleted)", "0::", "-"])
def test_group_may_have_any_name(cgroups, name):
    cgroups.make()
    group = f"{ELSEWHERE.rpartition('/')[0]}/{name}"
    process = cgroups.add(10, group)
    assert cgroups.freezer.add(process) == group
    cgroups.freezer.put_back({process: group})
    assert cgroups.where(10) == group


def test_first_thread_that_ended_while_frozen_does_not_block_removal(cgroups):
    """It is shown in the group for as long as the others live elsewhere; the group can be removed all the same."""
    cgroups.make()
    cgroups.make_group(ELSEWHERE)
    process = cgroups.add(10, cgroups.path)
    cgroups.write(f"{cgroups.mount}{ELSEWHERE}/cgroup.procs", "10")
    cgroups.tree.write_scope(cgroups.path, "cgroup.procs", "10\n")
    cgroups.freezer.put_back({process: ELSEWHERE})
    assert not os.path.exists(cgroups.mount + cgroups.path)


def test_move_that_the_kernel_refuses_raises(cgroups):
    cgroups.make()
    process = cgroups.add(10, ELSEWHERE)
    cgroups.refusals[cgroups.path, 10] = errno.EINVAL
    with pytest.raises(ReaperError, match="process 10") as caught:
        cgroups.freezer.add(process)
    assert caught.value.problem == "cannot-freeze"


def test_group_that_does_not_become_empty_is_thawed(cgroups):
    cgroups.make()
    process = cgroups.add(10, ELSEWHERE)
    cgroups.freezer.add(process)
    cgroups.refusals = {(ELSEWHERE, 10): errno.EBUSY, (cgroups.scope, 10): errno.EBUSY}
    with pytest.raises(ReaperError) as caught:
        cgroups.freezer.put_back({process: ELSEWHERE})
    assert caught.value.problem == "cannot-thaw"
    assert freeze_file(cgroups) == "0"


@pytest.mark.parametrize(
    "scope",
    ["", "/", "/user.slice", "/system.slice/ssh.service", "/user.slice/../system.slice/session-3.scope",
     "/user.slice/user-1000.slice/session-3.scope/below", "/user.slice/user-1000.slice/user@1000.service"],
)  # fmt: skip
def test_make_refuses_any_group_but_a_session_scope(cgroups, scope):
    os.makedirs(f"{cgroups.mount}/{scope}", exist_ok=True)
    with pytest.raises(ReaperError, match="no scope of its own"):
        Freezer(scope, cgroups.mount).make()


def test_make_fails_without_cgroup_v2(cgroups):
    with pytest.raises(ReaperError, match=r"no cgroup in /user\.slice"):
        Freezer("/user.slice/user-1000.slice/session-4.scope", cgroups.mount).make()
    os.unlink(f"{cgroups.mount}/cgroup.controllers")
    with pytest.raises(ReaperError, match="no cgroup v2"):
        cgroups.freezer.make()


def test_make_fails_on_a_kernel_without_freezer(cgroups, monkeypatch):
    def write(path: str, text: str) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(groups, "write", write)
    with pytest.raises(ReaperError, match="cannot be frozen") as caught:
        cgroups.freezer.make()
    assert "5.2" in caught.value.hint
    assert not os.path.exists(cgroups.mount + cgroups.path)


@pytest.mark.parametrize(
    ("events", "is_frozen"), [("populated 1\nfrozen 1\n", True), ("populated 1\nfrozen 0\n", False)]
)
def test_wait_returns_whether_all_have_stopped(cgroups, events, is_frozen):
    assert not cgroups.freezer.wait(0), "there is no group"
    cgroups.make()
    cgroups.tree.write_scope(cgroups.path, "cgroup.events", events)
    assert cgroups.freezer.wait(0) is is_frozen


@pytest.mark.parametrize(("state", "is_late"), [("R", True), ("D", False), ("S", False), ("Z", False)])
def test_only_a_running_member_is_late(cgroups, state, is_late):
    assert not cgroups.freezer.is_late(), "there is no group"
    cgroups.make()
    cgroups.add(10, ELSEWHERE)
    cgroups.tree.write_scope(cgroups.path, "cgroup.threads", "10\n11\n")
    stat = cgroups.tree.directory / "proc/10/stat"
    stat.write_text(stat.read_text().replace(") S ", f") {state} "))
    assert cgroups.freezer.is_late() is is_late
