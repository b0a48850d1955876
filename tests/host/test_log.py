"""reaperctl log on a booted host: a session's story, and whose lines it believes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from .lab import Host
from .lab.host import EnteredTerminal
from .lab.terminal import Line
from .limits import ENDED, FAREWELL, IDLE, WARNING, log_in, quick, reload, rule, wait_event


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def as_json(host: Host, *words: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(host.output(["reaperctl", "log", "--json", *words]))["events"]
    return events


def told(host: Host, *words: str) -> list[str]:
    return [event["event"] for event in as_json(host, *words)]


def forge(host: Host, terminal: Line, person: str, **fields: str) -> None:
    """Writes an event into the journal as an ordinary user can, by a command and by the library."""
    lines = {"MESSAGE": "Forged.", "SYSLOG_IDENTIFIER": "reaperd", "UNIT": "reaper.service", "_UID": "0",
             "_SYSTEMD_UNIT": "reaper.service", "PRIORITY": "5", **fields}  # fmt: skip
    pairs = [f"{name}={value}" for name, value in lines.items()]
    library = f"from systemd import journal; journal.sendv(*{pairs!r})"
    script = f"printf '%s\\n' {shlex.join(pairs)} | logger --journald\npython3 -c {shlex.quote(library)}\n"
    host.write(f"/home/{person}/forge", script)
    assert terminal.command("sh forge && echo do''ne") == "done"
    forged = [each for each in host.journal(REAPER_USER=fields["REAPER_USER"]) if each["_UID"] != "0"]
    assert len(forged) == 2


def test_story(host: Host, person: str) -> None:
    """Warned, kept, warned, ended; and nothing that anybody else wrote."""
    with rule(host, person), log_in(host, person) as terminal:
        terminal.expect(WARNING, ENDED)
        terminal.send("x")
        terminal.expect("Thank you", 10)
        terminal.expect(FAREWELL, ENDED + IDLE)
        entry = wait_event(host, person, "terminated")
    session, leader = entry["REAPER_SESSION"], entry["REAPER_LEADER"]
    forger = host.add_user(f"{person}f")
    with log_in(host, forger) as terminal:
        mine = {"REAPER_USER": person, "REAPER_SESSION": session, "REAPER_LEADER": leader}
        forge(host, terminal, forger, REAPER_EVENT="opened", **mine)
    assert "Forged." not in host.output(["journalctl", "-u", "reaper", "--no-pager"])
    host.remove_user(forger)

    story = ["opened", "warned", "cancelled", "resumed", "warned", "ending", "terminated"]
    assert told(host, session) == told(host, "--user", person) == story
    assert told(host, "--user", entry["REAPER_UID"]) == story
    page = host.output(["reaperctl", "log", session]).splitlines()
    assert page[0] == f"Session {session} of {person} from 127.0.0.1 on {entry['REAPER_TERMINALS']} (sshd, ssh)"
    assert re.fullmatch(rf"opened .* UTC, leader {leader}, rule {person}", page[1])
    assert [line.split()[1] for line in page if re.match(r"\d\d:\d\d:\d\d ", line)] == story
    assert re.fullmatch(r"Ended after \d+s without input; \d+ processes, \d+ MiB freed\.", page[-1])
    check_filters(host, person, session)


def check_filters(host: Host, person: str, session: str) -> None:
    """What is left of the story, for each thing that can be asked."""
    assert told(host, session, "--event", "warned,ending") == ["warned", "warned", "ending"]
    assert told(host, session, "-n", "2") == told(host, "--user", person, "-n", "2") == ["ending", "terminated"]
    assert told(host, "--user", person, "--since", "-1h") == told(host, session, "-b")
    assert told(host, "--user", person, "--day", "today", "--until", "-1h") == []
    quiet = host.run(["reaperctl", "log", "--user", person, "--day", "yesterday"])
    assert (quiet.stdout, quiet.stderr) == ("", "reaperctl: the journal has no such events\n")
    first, *_, last = as_json(host, session)
    between = ["--since", f"@{first['time_usec'] / 1e6 + 1:.6f}", "--until", f"@{last['time_usec'] / 1e6 - 0.5:.6f}"]
    assert told(host, "--user", person, *between)[0] == "warned"
    unknown = host.run(["reaperctl", "log", "no-such"], check=False)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no session 'no-such'" in unknown.stderr
    assert host.run(["reaperctl", "log", "--since", "noon"], check=False).returncode == 2


def test_a_name_of_an_earlier_boot(host: Host, person: str) -> None:
    """A session of the same name is another one. Its events come as journald takes them: from the unit, as root."""
    with log_in(host, person) as terminal:
        session = wait_event(host, person, "opened")["REAPER_SESSION"]
        terminal.send("exit\n")
        assert terminal.wait() == 0
    wait_event(host, person, "closed")
    older = {"MESSAGE": "Session closed.", "SYSLOG_IDENTIFIER": "reaperd", "REAPER_EVENT": "closed",
             "REAPER_SESSION": session, "REAPER_USER": "earlier", "REAPER_LEADER": "1"}  # fmt: skip
    with_unit_as_the_daemon(host, older)
    newest = host.output(["reaperctl", "log", session])
    assert f"Session {session} of earlier" in newest
    assert newest.splitlines()[-1] == f"1 older session has the name {session}, too: see --all."
    every = host.output(["reaperctl", "log", "--all", session])
    assert every.index(f"of {person} from") < every.index("of earlier")
    assert "older session" not in every


def with_unit_as_the_daemon(host: Host, fields: dict[str, str]) -> None:
    """Logs as the daemon would: only root can, by a process put into the unit, which journald finds there alive."""
    pairs = [f"{name}={value}" for name, value in fields.items()]
    program = (
        "import subprocess; from systemd import journal; "
        f"journal.sendv(*{pairs!r}); subprocess.run(['journalctl', '--sync'], check=True)"
    )
    enter = "echo $$ > /sys/fs/cgroup$(systemctl show -P ControlGroup reaper.service)/cgroup.procs"
    host.shell(f"set -e; {enter}; python3 -c {shlex.quote(program)}")


def test_the_daemons_own_events(host: Host) -> None:
    reload(host)
    assert told(host, "-n", "1") == ["policy-loaded"]
    assert "stopped" not in told(host, "--event", "started,policy-loaded")
    host.run(["systemctl", "restart", "reaper.service"])
    assert told(host, "-n", "3") == ["stopped", "started", "policy-loaded"]


def test_the_last_line_of_a_daemon_that_journald_saw_no_more(host: Host) -> None:
    """journald finds `stopped` in its socket after the process is gone, and cannot tell the unit."""
    before, cursor = len(told(host, "--event", "stopped")), host.cursor()
    host.shell(
        "journald=$(systemctl show -P MainPID systemd-journald.service); kill -STOP $journald; "
        "systemctl stop reaper.service; kill -KILL $journald"
    )
    host.run(["systemctl", "start", "reaper.service"])
    last = {"REAPER_EVENT": "stopped", "_UID": "0"}
    host.wait_journal(lambda entry: "_SYSTEMD_UNIT" not in entry, after=cursor, **last)
    assert len(told(host, "--event", "stopped")) == before + 1


def test_follow(host: Host, person: str) -> None:
    """What is there, then what comes, and nothing that another wrote."""
    with log_in(host, person) as terminal:
        wait_event(host, person, "opened")
        with (
            EnteredTerminal(host.words(["reaperctl", "log", "-f", "--user", person])) as page,
            EnteredTerminal(host.words(["reaperctl", "log", "-f", "--json", "--user", person])) as lines,
        ):
            page.expect(rf"UTC\r\n\d\d:\d\d:\d\d  \w+  {person}  opened  sshd, ssh\r\n")
            assert json.loads(lines.expect(r"^\{.*\}\r$")[0])["event"] == "opened"
            forge(host, terminal, person, REAPER_EVENT="terminated", REAPER_USER=person)
            terminal.send("exit\n")
            page.expect(rf"^\d\d:\d\d:\d\d  \w+  {person}  closed\r\n")
            assert json.loads(lines.expect(r"^\{.*\}\r$")[0])["event"] == "closed"
            assert "Forged" not in page.text + lines.text
            assert "terminated" not in page.text + lines.text


def test_follow_ends_with_its_reader(host: Host) -> None:
    """Also where nothing more comes."""
    assert host.shell("reaperctl log -f -n 1 | head -n 1").stdout.endswith("UTC\n")


def test_who_may_read(host: Host, person: str) -> None:
    refused = host.run(["runuser", "-u", person, "--", "reaperctl", "log"], check=False)
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "That includes those of your own sessions" in refused.stderr
    assert "systemd-journal" in refused.stderr
    auditor = host.add_user(f"{person}a", groups=["systemd-journal"])
    assert "started" in host.output(["runuser", "-u", auditor, "--", "reaperctl", "log"])
    host.remove_user(auditor)


def test_on_a_terminal(host: Host) -> None:
    """No line is wider than it."""
    shown = host.output(["script", "-qec", "stty cols 60; reaperctl log --event policy-loaded", "/dev/null"])
    assert max(len(line.rstrip("\r")) for line in shown.splitlines()) <= 60
