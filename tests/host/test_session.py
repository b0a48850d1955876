"""The life of a session on a booted host: what the person sees on the terminal, and what the auditor reads.

Limits are as short as the policy allows (16 s: two steps of the kernel's clock for terminals), so a test of one takes
about half a minute.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import ExpectError, Host, SshClient
from .lab.guest import JournalEntry
from .limits import ENDED, FAREWELL, IDLE, WARN, WARNING, events, log_in, quick, reload, rule, wait_event


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def test_story(host: Host, person: str) -> None:
    """Opened, warned, cancelled, resumed, warned, ending, terminated; and the one who types is left alone."""
    typist = host.add_user(f"{person}t")
    with rule(host, person), log_in(host, person) as idle, log_in(host, typist) as busy:
        type_until(busy, idle, WARNING)
        idle.send("x")
        type_until(busy, idle, "Thank you, this session stays")
        type_until(busy, idle, FAREWELL)
        assert idle.closed(10)
        assert "reaper:" not in busy.text
        assert not busy.closed()
        wait_event(host, person, "terminated")
        told = host.journal(REAPER_USER=person)
        story = ["opened", "warned", "cancelled", "resumed", "warned", "ending", "terminated"]
        assert [entry["REAPER_EVENT"] for entry in told] == story
        assert events(host, typist) == ["opened"]
    host.remove_user(typist)
    check_fields(told, person)
    explained = host.output(["journalctl", "-x", "--no-pager", f"REAPER_USER={person}", "REAPER_EVENT=terminated"])
    assert "Subject: A session was ended" in explained


def type_until(typist: SshClient, idle: SshClient, pattern: str) -> None:
    """Types on one terminal every few seconds until something appears on the other."""
    deadline = time.monotonic() + ENDED
    while time.monotonic() < deadline:
        typist.send("y")
        with contextlib.suppress(ExpectError):
            idle.expect(pattern, 3)
            return
    raise AssertionError(f"{pattern!r} did not appear: {idle.text[-500:]!r}")


def check_fields(told: list[JournalEntry], person: str) -> None:
    """What DESIGN.md promises the auditor of each step."""
    for entry in told:
        assert entry["REAPER_USER"] == person
        assert entry["REAPER_ORIGIN"] == "ssh"
        assert entry["REAPER_REMOTE"] == "127.0.0.1"
        assert entry["REAPER_SERVICE"] == "sshd"
        if entry["REAPER_EVENT"] != "opened":  # sshd makes the terminal after PAM has opened the session
            assert entry["REAPER_TERMINALS"].startswith("pts/")
        assert entry["REAPER_RULE"] == person
        assert entry["REAPER_ACTION"] == "terminate"
        assert len(entry["MESSAGE_ID"]) == 32
        assert person in entry["MESSAGE"]
        assert {"REAPER_SESSION", "REAPER_UID", "REAPER_LEADER", "REAPER_POLICY", "REAPER_EVIDENCE"} <= entry.keys()
    by_event = {entry["REAPER_EVENT"]: entry for entry in told}
    assert by_event["warned"]["REAPER_REASON"] == "idle"
    assert 0 < int(by_event["warned"]["REAPER_LEFT_USEC"]) <= WARN * 1_000_000
    assert int(by_event["ending"]["REAPER_IDLE_USEC"]) >= IDLE * 1_000_000
    assert int(by_event["ending"]["REAPER_LIMIT_USEC"]) == IDLE * 1_000_000
    assert int(by_event["terminated"]["REAPER_FREED_PROCESSES"]) >= 2
    assert int(by_event["terminated"]["REAPER_FREED_RSS"]) > 0


def test_console(host: Host, person: str) -> None:
    """login(1) on a console: warned there, ended, and the line is free for the next one.

    Where the program in front has the line in canonical mode, and reads nothing, the warning asks for Enter.
    """
    host.shell(f"echo {person}:walked-away | chpasswd")
    here = os.path.join(os.path.dirname(__file__), "lab", "line.py")
    with open(here, encoding="utf-8") as stream:
        host.write("/run/lab-line.py", stream.read())
    with rule(host, person), host.terminal(["python3", "/run/lab-line.py", "tty9"]) as line:
        line.expect("login: ")
        line.send(f"{person}\n")
        line.expect("Password: ")
        line.send("walked-away\n")
        line.prompt()
        line.expect(WARNING, ENDED)
        line.send("x")
        line.expect("Thank you")
        line.send("\x15tail -f /dev/null\n")  # Ctrl-U first: x was for the shell
        line.expect(r"idle and ends in \d+s\. Press Enter to stay\.", ENDED)
        line.send("x\n")
        line.expect("Thank you")
        line.expect(FAREWELL, ENDED + IDLE)
        entry = wait_event(host, person, "terminated")
        assert (entry["REAPER_ORIGIN"], entry["REAPER_TERMINALS"]) == ("console", "tty9")
        assert "REAPER_REMOTE" not in entry
        assert line.closed(20)


def test_forged_times_keep_nothing(host: Host, person: str) -> None:
    with rule(host, person), log_in(host, person) as terminal:
        terminal.send("while sleep 0.5; do touch -a $(tty); done &\n")
        assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")
    assert events(host, person).count("tampered") == 1


def test_observe_touches_nobody(host: Host, person: str) -> None:
    with rule(host, person, action="observe"), log_in(host, person) as terminal:
        entry = wait_event(host, person, "observed")
        assert entry["REAPER_OBSERVED"] == "1"
        assert "would end" in entry["MESSAGE"]
        assert terminal.command("echo still here") == "still here"
        assert "reaper:" not in terminal.text


def test_many_terminals_of_one_connection(host: Host, person: str, tmp_path: Any) -> None:
    """A session is as fresh as its freshest terminal, and is warned on all of them."""
    control = str(tmp_path / "control")
    with (
        rule(host, person),
        log_in(host, person, control=control) as first,
        log_in(host, person, control=control) as second,
    ):
        first.expect(WARNING, ENDED)
        second.expect(WARNING, 5)
        second.send("x")
        first.expect("Thank you", 10)
        second.expect("Thank you", 5)
        assert events(host, person)[0] == "opened"
        assert events(host, person).count("opened") == 1
        assert second.closed(ENDED)
        assert first.closed(ENDED)
    wait_event(host, person, "terminated")


def test_shell_reopened_within_a_poll(host: Host, person: str, tmp_path: Any) -> None:
    """The next shell of a connection gets the last one's terminal by number: no forgery, and somebody is there."""
    control = str(tmp_path / "control")
    slow = "/etc/reaper/reaper.d/40-slow.yaml"
    with rule(host, person, idle="10m"), log_in(host, person, control=control) as first:
        host.write(slow, "poll: 15s\n")
        reload(host)
        with log_in(host, person, control=control) as second:
            old = second.command("tty")
            time.sleep(8)  # what is typed in the kernel's same bucket as the login leaves no trace
            first.command("true")
            wait_for_evidence(host, person, "input")
        with log_in(host, person, control=control) as third:
            assert third.command("tty") == old
            wait_for_evidence(host, person, "terminal")
        assert "tampered" not in events(host, person)
        host.run(["rm", slow])
        reload(host)


def wait_for_evidence(host: Host, person: str, kind: str) -> None:
    """Until a poll has found it."""
    deadline = time.monotonic() + 40
    while True:
        told = json.loads(host.output(["reaperctl", "list", "--json"]))["sessions"]
        (session,) = [each for each in told if each["user"] == person]
        if session["evidence"] == kind:
            return
        assert time.monotonic() < deadline, session
        time.sleep(0.5)


def test_terminal_that_takes_no_output(host: Host, person: str) -> None:
    """Ctrl-S keeps nobody: the warning cannot be shown, the journal says so, and the session ends."""
    with rule(host, person), log_in(host, person) as terminal:
        terminal.send(b"\x13")
        entry = wait_event(host, person, "warned")
        assert "does not take output" in entry["REAPER_WHY"]
        wait_event(host, person, "terminated")
        assert terminal.closed(10)


def test_stubborn_processes(host: Host, person: str) -> None:
    """A shell that ignores SIGHUP and SIGTERM is ended; what detached itself survives, as after a lost line."""
    with rule(host, person), log_in(host, person) as terminal:
        terminal.command("tmux new-session -d sleep 1001; nohup sleep 1002 >/dev/null 2>&1 & disown")
        terminal.send("trap '' HUP TERM; while :; do sleep 1; done\n")
        assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")
    left = host.run(["pgrep", "-u", person, "-a"], check=False).stdout
    assert "sleep 1001" in left
    assert "sleep 1002" in left
    assert "bash" not in left


def test_kill_session(host: Host, person: str) -> None:
    """`kill: session` ends everything, detached or not."""
    with rule(host, person, kill="session"), log_in(host, person) as terminal:
        terminal.command("tmux new-session -d sleep 1001; nohup sleep 1002 >/dev/null 2>&1 & disown")
        assert terminal.closed(ENDED)
    entry = wait_event(host, person, "terminated")
    assert int(entry["REAPER_FREED_PROCESSES"]) >= 5
    assert host.run(["pgrep", "-u", person, "sleep"], check=False).stdout == ""


@pytest.mark.parametrize("restart", [False, True], ids=["watched", "found-anew"])
def test_leader_killed(host: Host, person: str, restart: bool) -> None:
    """SIGKILL to sshd's monitor leaves shell and connection alive; the session is still watched, warned and ended."""
    with rule(host, person), log_in(host, person) as terminal:
        leader = wait_event(host, person, "opened")["REAPER_LEADER"]
        host.run(["kill", "-KILL", leader])
        if restart:
            host.shell("systemctl stop reaper.service; rm -f /run/reaper/state; systemctl start reaper.service")
        terminal.expect(WARNING, ENDED)
        assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")


def test_restart_changes_no_outcome(host: Host, person: str) -> None:
    with rule(host, person, idle="30s", warn="[20s]"), log_in(host, person) as terminal:
        terminal.expect(r"idle and ends in 20s", ENDED)
        warned = time.monotonic()
        host.run(["systemctl", "restart", "reaper.service"])
        host.run(["systemctl", "kill", "--signal=KILL", "reaper.service"])
        terminal.expect("ends now", 40)
        assert time.monotonic() - warned > 19
        assert terminal.closed(10)
    wait_event(host, person, "terminated")
    assert events(host, person) == ["opened", "warned", "ending", "terminated"]


def test_without_the_hook(host: Host, person: str) -> None:
    """logind alone suffices."""
    host.run(["pam-auth-update", "--package", "--remove", "reaper"])
    try:
        with rule(host, person), log_in(host, person) as terminal:
            assert host.output(["ls", "/run/reaper/sessions"]) == ""
            terminal.expect(WARNING, ENDED)
            assert terminal.closed(ENDED)
    finally:
        host.run(["pam-auth-update", "--package"])
    wait_event(host, person, "terminated")


@pytest.mark.parametrize("kill", ["terminal", "session"])
def test_without_logind(host: Host, person: str, kill: str) -> None:
    """The records alone suffice; and a session that shares sshd's cgroup takes nobody with it."""
    bystander = host.add_user(f"by{person}")
    # logind is what pam_systemd asks for a session; one that it cannot reach makes none.
    host.shell("systemctl mask --runtime --now systemd-logind.service")
    try:
        with rule(host, person, kill=kill), log_in(host, bystander) as other, log_in(host, person) as terminal:
            terminal.expect(WARNING, ENDED)
            assert terminal.closed(ENDED)
            entry = wait_event(host, person, "terminated")
            assert entry["REAPER_SESSION"] == f"{entry['REAPER_LEADER']}.{entry['REAPER_SESSION'].partition('.')[2]}"
            assert other.command("echo unharmed") == "unharmed"
            assert host.output(["systemctl", "is-active", "ssh.service"]) == "active"
    finally:
        host.shell("systemctl unmask --runtime systemd-logind.service; systemctl start systemd-logind.service")
        host.remove_user(bystander)


def test_bad_policy_keeps_the_last_good_one(host: Host, person: str) -> None:
    with rule(host, person), log_in(host, person) as terminal:
        host.write("/etc/reaper/reaper.d/99-bad.yaml", "rules: [{name: x, idle: 5 parsecs}]\nidel: 3\n")
        try:
            entry = reload(host)
            assert entry["REAPER_EVENT"] == "policy-rejected"
            assert "/etc/reaper/reaper.d/99-bad.yaml:1:" in entry["REAPER_WHY"]
            assert "/etc/reaper/reaper.d/99-bad.yaml:2:" in entry["REAPER_WHY"]
            assert "do not parse" in status(host)
            checked = host.run(["reaperctl", "check"], check=False)
            assert checked.returncode == 78
            assert "99-bad.yaml:2:1" in checked.stderr
            host.run(["systemctl", "restart", "reaper.service"])
            assert terminal.closed(ENDED)
        finally:
            host.run(["rm", "-f", "/etc/reaper/reaper.d/99-bad.yaml"])
    wait_event(host, person, "terminated")


def test_no_policy_touches_nobody(host: Host, person: str) -> None:
    with rule(host, person), log_in(host, person) as terminal:
        host.write("/etc/reaper/reaper.d/99-bad.yaml", "nonsense: true\n")
        try:
            host.shell("systemctl stop reaper.service; rm -f /run/reaper/state; systemctl start reaper.service")
            assert "NO POLICY, nobody is touched" in status(host)
            terminal.quiet("reaper:", IDLE + 12)
        finally:
            host.run(["rm", "-f", "/etc/reaper/reaper.d/99-bad.yaml"])
        assert reload(host)["REAPER_EVENT"] == "policy-loaded"
        assert "nobody is touched" not in status(host)


def status(host: Host) -> str:
    """What `systemctl status` says of the daemon in a line."""
    return host.output(["systemctl", "show", "--property=StatusText", "reaper.service"])


def test_run_directory_deleted(host: Host, person: str) -> None:
    """Nothing is lost when /run/reaper goes: the session is ended, the socket and the state come back."""
    with rule(host, person), log_in(host, person) as terminal:
        wait_event(host, person, "opened")
        host.run(["rm", "-rf", "/run/reaper"])
        terminal.expect(WARNING, ENDED)
        assert person in host.output(["reaperctl", "list"])
        assert host.exists("/run/reaper/state")
        assert terminal.closed(ENDED)
    wait_event(host, person, "terminated")
    assert events(host, person) == ["opened", "warned", "ending", "terminated"]


def test_journald_away(host: Host, person: str) -> None:
    """What happens while journald is away is told when it is back."""
    sockets = "systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket"
    with rule(host, person), log_in(host, person) as terminal:
        wait_event(host, person, "opened")
        host.shell(f"systemctl stop {sockets} systemd-journald.service; rm -f /run/systemd/journal/socket", check=False)
        try:
            assert terminal.closed(ENDED)
        finally:
            host.shell(f"systemctl start {sockets} systemd-journald.service", check=False)
    wait_event(host, person, "terminated")
    assert events(host, person) == ["opened", "warned", "ending", "terminated"]


def test_foreign_records(host: Host, person: str) -> None:
    """Garbage in the records directory is told once and harms nobody."""
    host.shell(
        "mkdir -p -m 700 /run/reaper/sessions && cd /run/reaper/sessions && "
        "head -c 100000 /dev/urandom > 1.1 && printf 'VERSION=1\\nUID' > 1.2 && "
        "ln -s /etc/shadow 1.3 && mkfifo 1.4 && echo hello > notes && printf 'VERSION=9\\n' > 1.5"
    )
    try:
        with rule(host, person), log_in(host, person) as terminal:
            assert terminal.closed(ENDED)
        wait_event(host, person, "terminated")
        told = [entry for entry in host.journal(SYSLOG_IDENTIFIER="reaperd") if "login record 1.2" in entry["MESSAGE"]]
        assert len(told) == 1
    finally:
        host.shell("cd /run/reaper/sessions && rm -f 1.1 1.2 1.3 1.4 1.5 notes")


def test_reaperctl(host: Host, person: str) -> None:
    """A person sees their own sessions, root sees all; the daemon's absence and a wrong name have their own exits."""
    with rule(host, person), log_in(host, person) as terminal:
        session = wait_event(host, person, "opened")["REAPER_SESSION"]
        own = json.loads(terminal.command("reaperctl list --json"))
        assert [each["user"] for each in own["sessions"]] == [person]
        assert "at its limit of 16s" in terminal.command(f"reaperctl explain {session}")
        shown = host.output(["reaperctl", "explain", session])
        assert f"Its limits are those of the rule {person}." in shown
        assert max(map(len, host.output(["reaperctl", "list"]).splitlines())) <= 80
        assert host.run(["reaperctl", "explain", "nobody"], check=False).returncode == 1
        assert host.run(["reaperctl", "frobnicate"], check=False).returncode == 2
        assert "poll: 1s" in host.output(["reaperctl", "check"])
        assert "poll: 1s" in host.output(["reaperd", "--check"])
    host.run(["systemctl", "stop", "reaper.service"])
    assert host.run(["reaperctl", "list"], check=False).returncode == 3
    host.run(["systemctl", "start", "reaper.service"])


def exposure_of(host: Host, unit: str) -> float:
    """What systemd-analyze(1) gives a unit, from 0 (sealed) to 10."""
    shown = host.output(["systemd-analyze", "security", "--no-pager", unit])
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", shown)
    assert found
    return float(found[1])


def test_unit(host: Host) -> None:
    """The unit is no more exposed than logind's, has a watchdog, and says what it does."""
    exposure = {unit: exposure_of(host, unit) for unit in ("reaper.service", "systemd-logind.service")}
    assert exposure["reaper.service"] <= exposure["systemd-logind.service"]
    shown = host.output(["systemctl", "show", "reaper.service", "-p", "WatchdogUSec,Type,Restart,StatusText"])
    assert "WatchdogUSec=1min" in shown
    assert "Type=notify" in shown
    assert "Restart=always" in shown
    assert "StatusText=watching" in shown
