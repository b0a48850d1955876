"""Who must not suffer when a session ends, and who must not be able to keep the daemon from ending it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import ENDED, FAREWELL, events, log_in, quick, rule, wait_event


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def restarts(host: Host) -> str:
    return host.output(["systemctl", "show", "--property=NRestarts", "reaper.service"])


def test_terminal_of_a_container(host: Host, person: str) -> None:
    """Every instance of devpts has a pts/0 with the same device number; a container's is not the session's."""
    box = (
        "mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts /dev/pts && mount --bind /dev/pts/ptmx /dev/ptmx;"
        " exec script -qfc 'sleep 1004' /dev/null"
    )
    with rule(host, person, kill="session"), log_in(host, person) as terminal:
        assert terminal.command("tty") == "/dev/pts/0"
        host.run(["systemd-run", "--unit=box", "--collect", "--property=PrivateMounts=yes", "sh", "-c", box])
        try:
            assert terminal.closed(ENDED)
            wait_event(host, person, "terminated")
            pid = host.output(["pgrep", "-fx", "sleep 1004"])
            assert host.output(["ps", "-o", "tty=", "-p", pid]).strip() in ("pts/0", "?")
        finally:
            host.run(["systemctl", "stop", "box.service"], check=False)


def test_sshd_in_the_session_of_an_administrator(host: Host, person: str) -> None:
    """Who logs in to an sshd that runs in another session's scope does not take that session along."""
    admin = host.add_user(f"adm{person}")
    with rule(host, person, kill="session"), log_in(host, admin) as other:
        scope = f"session-{wait_event(host, admin, 'opened')['REAPER_SESSION']}.scope"
        uid = host.output(["id", "-u", admin])
        procs = f"/sys/fs/cgroup/user.slice/user-{uid}.slice/{scope}/cgroup.procs"
        host.shell(f"echo $$ > {procs}; exec /usr/sbin/sshd -p 2222 -o PidFile=none")
        with log_in(host, person, port=2222) as terminal:
            assert terminal.closed(ENDED)
            wait_event(host, person, "terminated")
        assert other.command("echo unharmed") == "unharmed"
        assert host.run(["pgrep", "-f", "sshd -p 2222"], check=False).stdout
    host.remove_user(admin)


def test_program_below_a_path_that_is_too_long(host: Host, person: str) -> None:
    """readlink(2) of /proc/PID/exe fails for it: told to nobody, and the daemon goes on."""
    deep = (
        "import os, shutil\n"
        "os.chdir('/tmp')\n"
        "for _ in range(25):\n"
        f"    os.mkdir('{person}' + 'd' * 180); os.chdir('{person}' + 'd' * 180)\n"
        "shutil.copy('/bin/sleep', 'sleep')\n"
        "os.spawnl(os.P_NOWAIT, 'sleep', 'sleep', '1005') if os.fork() == 0 and os.setsid() is None else None\n"
    )
    before = restarts(host)
    with rule(host, person), log_in(host, person) as terminal:
        host.write(f"/tmp/{person}.py", deep)
        wait_event(host, person, "opened")
        terminal.command(f"python3 /tmp/{person}.py")
        host.wait_process("-u", person, "-fx", "sleep 1005", timeout=20)
        terminal.send("exit\n")
        assert terminal.closed(20)
        wait_event(host, person, "closed")
        with log_in(host, person) as second:
            assert second.closed(ENDED)
    wait_event(host, person, "terminated")
    assert restarts(host) == before


def test_master_that_persists(host: Host, person: str, tmp_path: os.PathLike[str]) -> None:
    """A connection that outlives its shells is ended soon, so that nobody comes back to what is ending."""
    control = os.path.join(tmp_path, "control")
    options = ["-o", "ControlPersist=yes"]
    with rule(host, person, grace="10s"), log_in(host, person, control=control, options=options) as terminal:
        terminal.expect(FAREWELL, ENDED)
        wait_event(host, person, "terminated", timeout=7)
    assert events(host, person)[-2:] == ["ending", "terminated"]


def test_disowned_job(host: Host, person: str) -> None:
    """What was disowned survives, as after a lost line."""
    with rule(host, person), log_in(host, person) as terminal:
        terminal.command("sleep 1006 & disown")
        assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")
    assert host.output(["pgrep", "-u", person, "-fx", "sleep 1006"])
