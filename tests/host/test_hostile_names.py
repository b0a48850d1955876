"""Names of a user's choosing, of threads, programs, mounts and groups, fool neither the daemon nor a lock."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest

from .disguises import CROWD_PATH, disguise, install, pose
from .lab import Host, SshClient
from .limits import log_in, quick, rule, wait_event
from .locks import SECRET, Lock, asks, fail, lock, scope_of, session_of, unlock

# A scope that becomes empty is over, and there is no way back into it.
NOT_ALONE = """sh -c 'setsid -f sleep 4712 <&- >&- 2>&-; exec "$@"' sh"""


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    """Looks at sessions every second."""
    install(host)
    with quick(host):
        yield


def service(host: Host, name: str) -> str:
    """The main process of a service, which runs still or again, and how often systemd has had to start it again."""
    shown = host.output(["systemctl", "show", "--property=MainPID,NRestarts,ActiveState", name])
    assert "ActiveState=active" in shown, shown
    return shown


def group_of(host: Host, pid: str) -> str:
    (group,) = re.findall(r"^0::(.*)$", host.read(f"/proc/{pid}/cgroup"), re.MULTILINE)
    return str(group)


def test_thread_names_mounts_and_groups_at_a_lock(host: Host, someone: str) -> None:
    """A thread that is called `Tgid:` moves no process of that number, and no name stops the keeper."""
    others = [host.output(["systemctl", "show", "--property=MainPID", "--value", name]) for name in ("cron", "reaper")]
    before = [group_of(host, pid) for pid in others]
    with log_in(host, someone) as terminal:
        name = session_of(host, someone, terminal)
        disguise(terminal, "mount", "leave", "Tgid:zz")
        terminal.command("export XDG_RUNTIME_DIR=/run/user/$(id -u)")
        grouped = disguise(terminal, "group", "Tgid:zz", by=f"systemd-run --user --scope --quiet {NOT_ALONE}")
        grouped_in = ["od", "-c", f"/proc/{grouped}/cgroup"]
        group = host.output(grouped_in)
        disguise(terminal, *(f"Tgid:{pid}" for pid in [*others, "1", "zz"]), "Uid:zz", "SigIgn:zz")
        terminal.send("reaperctl lock self\n")
        asks(terminal)
        found = Lock(host, someone, name, "")
        assert host.output(grouped_in) != group
        threads = host.output(["sh", "-c", f"cat {found.group}/cgroup.threads | wc -l"])
        assert int(threads) > 70, "the crowd is not frozen"
        fail(host, terminal, someone)
        unlock(host, terminal, someone)
        assert [group_of(host, pid) for pid in others] == before
        assert host.output(grouped_in) == group
        assert int(host.output(["sh", "-c", f"cat {found.scope}/cgroup.threads | wc -l"])) > 70
        failures = ["journalctl", "--unit", found.unit, "--quiet", "--grep=Failed with result"]
        assert not host.run(failures, check=False).stdout


def test_reader_by_the_name_of_another_login(host: Host, someone: str) -> None:
    """An sshd of its person's own that is called `Uid:0` has none of what is typed at a lock."""
    with log_in(host, someone) as terminal:
        name = session_of(host, someone, terminal)
        pid = pose(terminal, r"\rUid:0", "reader")
        found = lock(host, someone, terminal, name)
        found.wait_frozen()
        assert str(pid) in host.output(["cat", f"{found.group}/cgroup.procs"]).split()
        fail(host, terminal, someone)
        terminal.send(f"{SECRET}\n")
        wait_event(host, someone, "unlocked")
        found.wait("given back", f"! test -e {found.group}")
        assert "invalid" not in host.output(["sh", "-c", f"cat /home/{someone}/log-*"])


@contextlib.contextmanager
def command_session(host: Host, person: str) -> Iterator[tuple[SshClient, str]]:
    """A command by ssh, without a terminal, which is called `SigIgn:zz`; with the name of its session."""
    script = f"'echo it is $XDG_SESSION_ID.; exec python3 {CROWD_PATH} SigIgn:zz Uid:zz'"
    with host.ssh(person, command=["sh", "-c", script]) as running:
        name = running.expect(r"it is (\w+)\.")[1].decode()
        running.expect("disguised")
        wait_event(host, person, "opened", REAPER_SESSION=name)
        yield running, name


def test_names_of_what_is_left_and_ended(host: Host, person: str) -> None:
    """None keeps the daemon from its work, or its own session from its end, or `kill: session` from what that says."""
    with rule(host, person, kill="session"):
        with log_in(host, person) as leaving:
            pose(leaving, r"\rUid:zz", "server")
            closing = scope_of(host, person, leaving.command("echo $XDG_SESSION_ID"))
            leaving.send("exit\n")
            assert leaving.wait() == 0
        with log_in(host, person) as terminal, command_session(host, person) as (running, name):
            session = session_of(host, person, terminal)
            pids = [str(pose(terminal, r"\rUid:0", "server"))]
            terminal.command("setsid -f sleep 4711")
            pids += host.wait_process("-u", person, "-fx", "sleep 4711")
            host.run(["systemctl", "restart", "reaper.service"])
            was = service(host, "reaper.service")
            with command_session(host, person) as (ordered, by_order):
                host.run(["reaperctl", "terminate", by_order, "--reason", "test"])
                wait_event(host, person, "terminated", REAPER_SESSION=by_order)
                assert ordered.closed(20)
            for each in (session, name):
                wait_event(host, person, "terminated", REAPER_SESSION=each)
            assert terminal.closed(20)
            assert running.closed(20)
            host.run(["sh", "-c", 'for pid; do ! test -e "/proc/$pid" || exit 1; done', "sh", *pids])
        assert service(host, "reaper.service") == was
        assert "terminate-failed" not in [e["REAPER_EVENT"] for e in host.journal(REAPER_USER=person)]
        host.run(["test", "-e", closing])
