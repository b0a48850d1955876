"""The package's life on a host: a login works before, during and after every step, PAM's configuration follows."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from .lab import Host
from .people import log_in_and_out, log_in_while, records

PAM_LINE = "pam_reaper.so"
SESSION = "/etc/pam.d/common-session"
PACKAGE = "idle-reaper"


@pytest.fixture
def bare(suite: str) -> Iterator[Host]:
    """A host without the package, for the one test: it boots in about a second."""
    with Host(suite) as booted:
        booted.add_user("alice")
        yield booted


@contextlib.contextmanager
def apt(host: Host, *words: str) -> Iterator[subprocess.Popen[str]]:
    """apt-get at work; on leaving, it has succeeded."""
    with tempfile.TemporaryFile("w+") as output:
        command = host.words(["apt-get", "-q", "-y", *words], {"DEBIAN_FRONTEND": "noninteractive"})
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True)
        try:
            yield process
        finally:
            status = process.wait(300)
            output.seek(0)
            shown = output.read()
        assert status == 0, shown


def upload(host: Host, deb: str) -> str:
    target = f"/var/tmp/{os.path.basename(deb)}"
    with open(deb, "rb") as stream:
        host.write(target, stream.read())
    return target


def newer(host: Host, deb: str) -> str:
    """The same package under a later version, on the host."""
    host.shell(
        f"set -e; cd /var/tmp; rm -rf newer; dpkg-deb -R {upload(host, deb)} newer; "
        "sed -i 's/^Version: .*/&.1/' newer/DEBIAN/control; dpkg-deb --root-owner-group -b newer newer.deb; "
        "rm -rf newer"
    )
    return "/var/tmp/newer.deb"


def module_lines(host: Host, path: str = SESSION) -> list[str]:
    return [line.split() for line in host.read(path).splitlines() if PAM_LINE in line]


LOGINS = ["session", "optional", PAM_LINE]
# pam-auth-update takes two lines with the same control and module for one, and mixes up what is edited in them.
ELEVATIONS = ["session", "[success=ok", "default=ignore]", PAM_LINE, "elevations"]
ENABLED = [ELEVATIONS, LOGINS]
PROFILES = ["reaper", "reaper-elevations"]


def files(host: Host) -> set[str]:
    """Every file that somebody keeps; not what a running system writes by itself."""
    kept = "/etc /usr /var/lib /opt /root /run/reaper"
    passing = "/var/lib/dpkg /var/lib/apt /var/lib/systemd/catalog /var/lib/systemd/timesync /var/lib/systemd/timers"
    prune = " -o ".join(f"-path {path}" for path in passing.split())
    listing = host.shell(rf"find {kept} -xdev \( {prune} \) -prune -o -print 2>/dev/null; true").stdout
    return {line for line in listing.splitlines() if not line.endswith((".pyc", "__pycache__"))}


def compiled(host: Host) -> str:
    return host.shell("find /usr /etc /var/lib -path '*reaper*' -name '*.pyc' 2>/dev/null").stdout


def test_logins_work_before_during_and_after_installation(bare: Host, deb: str) -> None:
    log_in_and_out(bare, "alice")
    assert module_lines(bare) == []
    with bare.ssh("alice") as early:
        early.prompt()
        with apt(bare, "install", upload(bare, deb)) as process:
            assert log_in_while(bare, "alice", process) >= 2
        log_in_and_out(bare, "alice")
        assert early.command("echo still here") == "still here"
    assert module_lines(bare) == ENABLED
    assert module_lines(bare, "/etc/pam.d/common-session-noninteractive") == [ELEVATIONS]
    with bare.ssh("alice") as terminal:
        terminal.prompt()
        assert [record["SERVICE"] for record in records(bare, "alice")] == ["sshd"]


def test_module_comes_after_the_one_that_names_the_session(host: Host) -> None:
    lines = host.read(SESSION)
    assert lines.index("pam_systemd.so") < lines.index(PAM_LINE)


def test_logins_work_during_upgrade_and_sessions_outlive_it(bare: Host, deb: str) -> None:
    bare.install(deb)
    with bare.ssh("alice") as early:
        early.prompt()
        (record,) = records(bare, "alice")
        with apt(bare, "install", newer(bare, deb)) as process:
            assert log_in_while(bare, "alice", process) >= 2
        assert module_lines(bare) == ENABLED
        assert record in records(bare, "alice")
        assert early.command("echo still here") == "still here"
        early.send("exit\n")
        assert early.wait() == 0
    bare.wait_end(int(record["LEADER"]))
    assert records(bare, "alice") == []
    log_in_and_out(bare, "alice")


def test_daemon_runs_after_installation_and_anew_after_upgrade(bare: Host, deb: str) -> None:
    def daemon() -> dict[str, str]:
        shown = bare.output(["systemctl", "show", "reaper.service", "-p", "ActiveState,UnitFileState,InvocationID"])
        return dict(line.split("=", 1) for line in shown.splitlines())

    bare.install(deb)
    installed = daemon()
    assert installed["ActiveState"] == "active", bare.output(["journalctl", "--no-pager", "-u", "reaper.service"])
    assert installed["UnitFileState"] == "enabled"
    bare.apt("install", newer(bare, deb))
    upgraded = daemon()
    assert upgraded["ActiveState"] == "active"
    assert upgraded["InvocationID"] != installed["InvocationID"]
    bare.apt("remove", PACKAGE)
    assert daemon().get("ActiveState") != "active"


def test_removal_takes_the_module_back_and_purge_leaves_nothing(bare: Host, deb: str) -> None:
    before = files(bare)
    bare.install(deb)
    assert files(bare) > before
    with bare.ssh("alice") as early:
        early.prompt()
        with apt(bare, "remove", PACKAGE) as process:
            assert log_in_while(bare, "alice", process) >= 2
        assert module_lines(bare) == []
        assert bare.shell("find / -xdev -name pam_reaper.so").stdout == ""
        log_in_and_out(bare, "alice")
        # The module is still mapped in this session's leader: it closes as it opened.
        early.send("exit\n")
        assert early.wait() == 0
    with apt(bare, "purge", PACKAGE) as process:
        assert log_in_while(bare, "alice", process) >= 1
    log_in_and_out(bare, "alice")
    assert files(bare) - before == set()
    assert compiled(bare) == ""


def test_purge_without_removal_first(bare: Host, deb: str) -> None:
    before = files(bare)
    bare.install(deb)
    log_in_and_out(bare, "alice")
    bare.write("/etc/reaper/reaper.d/50-mine.yaml", "environment: standard\n")
    with apt(bare, "purge", PACKAGE) as process:
        assert log_in_while(bare, "alice", process) >= 1
    assert module_lines(bare) == []
    assert files(bare) - before == set()
    log_in_and_out(bare, "alice")


def test_reinstallation_after_removal(bare: Host, deb: str) -> None:
    bare.install(deb)
    bare.apt("remove", PACKAGE)
    bare.install(deb)
    assert module_lines(bare) == ENABLED
    with bare.ssh("alice") as terminal:
        terminal.prompt()
        assert len(records(bare, "alice")) == 1


def test_an_administrator_may_turn_the_module_off_for_good(bare: Host, deb: str) -> None:
    bare.install(deb)
    bare.run(
        ["pam-auth-update", "--disable", *PROFILES]
        if supports_disable(bare)
        else ["pam-auth-update", "--package", "--remove", *PROFILES]
    )
    bare.apt("install", newer(bare, deb))
    log_in_and_out(bare, "alice")
    if supports_disable(bare):
        assert module_lines(bare) == []


def supports_disable(host: Host) -> bool:
    return "--disable" in host.shell("cat /usr/sbin/pam-auth-update").stdout


def test_a_hand_edited_stack_is_left_alone(bare: Host, deb: str) -> None:
    bare.shell(f"sed -i 's/^session.*pam_unix.so/& quiet/' {SESSION}")
    edited = bare.read(SESSION)
    assert "pam_unix.so quiet" in edited
    bare.install(deb)
    log_in_and_out(bare, "alice")
    assert "pam_unix.so quiet" in bare.read(SESSION)
    bare.apt("purge", PACKAGE)
    log_in_and_out(bare, "alice")
    assert module_lines(bare) == []


def test_a_failing_pam_auth_update_keeps_nobody_out(bare: Host, deb: str) -> None:
    tool = "/usr/sbin/pam-auth-update"
    bare.shell(f"dpkg-divert --local --rename --add {tool}; printf '#!/bin/sh\\nexit 1\\n' > {tool}; chmod 755 {tool}")
    assert "could not be enabled, ignoring" in bare.install(deb)
    log_in_and_out(bare, "alice")
    removal = bare.run(["apt-get", "-q", "-y", "remove", PACKAGE], check=False, timeout=120)
    assert removal.returncode != 0
    log_in_and_out(bare, "alice")
    bare.shell(f"rm {tool}; dpkg-divert --rename --remove {tool}")
    bare.apt("remove", PACKAGE)
    log_in_and_out(bare, "alice")


def test_a_lost_module_keeps_nobody_out(bare: Host, deb: str) -> None:
    bare.install(deb)
    bare.shell("find / -xdev -name pam_reaper.so -delete")
    log_in_and_out(bare, "alice")


def test_every_file_is_roots_and_nobody_else_may_write_it(host: Host) -> None:
    script = f"dpkg -L {PACKAGE} | xargs -d '\\n' stat --format='%U:%G %a %F %n'"
    for line in host.shell(script).stdout.splitlines():
        owner, mode, _ = line.split(" ", 2)
        assert owner == "root:root", line
        assert int(mode, 8) & 0o6022 == 0 or "symbolic link" in line, line


def test_programs_are_compiled_and_isolated_from_the_callers_python(host: Host, person: str) -> None:
    assert "__init__" in compiled(host)
    for program in ("/usr/sbin/reaperd", "/usr/bin/reaperctl"):
        assert host.read(program).startswith("#!/usr/bin/python3 -I\n")
    evil = "import sys; sys.exit('hijacked')\n"
    host.write(f"/home/{person}/reaper/__init__.py", evil)
    host.write(f"/home/{person}/sitecustomize.py", evil)
    shown = host.run(
        ["sh", "-c", f"cd /home/{person} && PYTHONPATH=. reaperctl --help"],
        check=False,
        environment={"PYTHONSTARTUP": "x"},
    )
    assert "hijacked" not in shown.stdout + shown.stderr
