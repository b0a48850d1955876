"""reaperctl list and watch on a booted host, and the socket's stream as any Varlink client sees it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from .lab import Host
from .lab.host import end_entered
from .limits import ENDED, IDLE, log_in, quick, reload, rule, wait_event
from .window import last, window

SOCKET = "unix:/run/reaper/io.reaper"


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


def line_of(person: str, shown: str) -> str:
    return next((line for line in shown.splitlines() if person in line), "")


def test_watch(host: Host, person: str) -> None:
    """A session passes from active to its end while somebody watches; then the terminal is as it was."""
    with rule(host, person), window(host) as seen, log_in(host, person) as terminal:
        seen.run("clear; stty -g > /tmp/before; reaperctl watch")
        shown = seen.wait(lambda text: "ends in" in line_of(person, text))
        assert "active" in line_of(person, shown)
        assert "\u2588" in line_of(person, shown)
        assert "q quit" in last(shown)
        seen.tmux("resize-window", "-x", "60", "-y", "12")
        seen.wait(lambda text: "q quit" in last(text) and "PHASE" not in text)
        seen.tmux("resize-window", "-x", "100", "-y", "24")
        seen.wait(lambda text: "PHASE" in text and "q quit" in last(text))
        seen.wait(lambda text: "warned" in line_of(person, text), ENDED)
        assert terminal.closed(ENDED)
        wait_event(host, person, "terminated")
        seen.wait(lambda text: "reaper  " in text and not line_of(person, text))
        seen.keys("s")
        seen.wait(lambda text: "sort: rule" in text)
        seen.keys("r")
        seen.wait(lambda text: "sort: rule, reversed" in text)
        seen.keys("q")
        shown = seen.wait(lambda text: "q quit" not in text and "ready>" in text)
        assert "SESSION" not in shown
        seen.run('clear; [ "$(stty -g)" = "$(cat /tmp/before)" ] && echo as it was')
        seen.wait(lambda text: "\nas it was" in text or text.startswith("as it was"))


def test_restart(host: Host, person: str) -> None:
    with rule(host, person, idle="1h"), window(host) as seen, log_in(host, person):
        seen.run("reaperctl watch")
        seen.wait(lambda text: person in text)
        host.run(["systemctl", "stop", "reaper.service"])
        shown = seen.wait(lambda text: "reaperd has not answered for" in text)
        assert person in shown
        host.run(["systemctl", "start", "reaper.service"])
        seen.wait(lambda text: "has not answered" not in text and person in text)
        seen.keys("C-c")
        seen.wait(lambda text: "q quit" not in text and "ready>" in text)


def test_stopped(host: Host, person: str) -> None:
    """Ctrl-Z gives the terminal back, fg takes it again, SIGTERM gives it back for good."""
    with window(host) as seen:
        seen.run("exec bash --norc")
        seen.run("PS1='again> '; stty -g > /tmp/before")
        seen.wait(lambda text: "\nagain>" in text)
        seen.run("reaperctl watch")
        seen.wait(lambda text: "q quit" in text)
        seen.keys("C-z")
        seen.wait(lambda text: "Stopped" in text and "q quit" not in text)
        seen.run('[ "$(stty -g)" = "$(cat /tmp/before)" ] && echo as it "was"')
        seen.wait(lambda text: "as it was" in text)
        seen.run("fg")
        seen.wait(lambda text: "q quit" in last(text))
        host.shell("kill -TERM $(pgrep -f '[r]eaperctl watch')")
        seen.wait(lambda text: "Terminated" in text and "q quit" not in text)
        seen.run('clear; [ "$(stty -g)" = "$(cat /tmp/before)" ] && echo as "before"')
        seen.wait(lambda text: "as before" in text)


@pytest.mark.parametrize("term", ["vt100", "linux", "xterm-nobody-knows"])
def test_terms(host: Host, person: str, term: str) -> None:
    """Any TERM that is not dumb, without an entry for it in the host's terminfo."""
    with log_in(host, person, term=term, columns=80) as terminal:
        wait_event(host, person, "opened")
        terminal.send("reaperctl watch\n")
        terminal.expect(r"\x1b\[1;1H[^\n]*1 session")
        terminal.expect(r"q quit")
        terminal.send("q")
        terminal.expect(r"\x1b\[\?1049l")
        terminal.send(
            "echo ov''er\n"
        )  # not command(): readline draws its line otherwise for a terminal it does not know
        terminal.expect("over")


def test_watch_without_a_terminal(host: Host, person: str) -> None:
    refused = host.run(["reaperctl", "watch"], check=False)
    assert refused.returncode == 1
    assert "reaperctl list" in refused.stderr
    with log_in(host, person, term="dumb") as terminal:
        assert "reaperctl list" in terminal.command("reaperctl watch")


def test_list(host: Host, person: str) -> None:
    other = host.add_user(f"{person}-with-a-name-that-is-long")
    with (
        rule(host, person, idle="20min", action="observe"),
        log_in(host, person, columns=80) as own,
        log_in(host, other),
    ):
        wait_event(host, person, "opened")
        wait_event(host, other, "opened")
        assert "would end in " in host.output(["reaperctl", "list", "--user", person])
        whole = host.output(["reaperctl", "list", "--rule", person, "--from", "127.0.0.0/8", "--sort", "user"])
        assert [line.split()[1] for line in whole.splitlines()] == ["USER", person, other]
        assert host.output(
            ["reaperctl", "list", "--no-header", "--phase", "active", "--origin", "ssh", "--user", other]
        )
        told = json.loads(host.output(["reaperctl", "list", "--json", "--rule", person, "--sort", "user", "-r"]))
        assert [each["user"] for each in told["sessions"]] == [other, person]
        assert told["brake_usec"] is None
        nothing = host.run(["reaperctl", "list", "--user", "nobody-at-all"])
        assert (nothing.stdout, nothing.stderr.count("\n")) == ("", 1)
        plain = own.command("NO_COLOR=1 reaperctl list").splitlines()
        assert max(map(len, plain)) <= 80
        assert "EVIDENCE" not in plain[0]
        inked = own.command("reaperctl list --full").splitlines()
        assert inked[0].startswith("\x1b[1mSESSION")
        assert "EVIDENCE" in inked[0]
    host.remove_user(other)


def test_the_brake_is_shown(host: Host, person: str) -> None:
    """Two sessions at their limit, and only one may end a minute."""
    host.write("/etc/reaper/reaper.d/60-brake.yaml", "brake: {sessions: 1, per: 1min}\n")
    try:
        with rule(host, person), log_in(host, person) as one, log_in(host, person) as two:
            host.wait_journal(lambda entry: entry.get("REAPER_EVENT") == "brake", 2 * ENDED)
            assert host.output(["reaperctl", "list"]).startswith("The brake is on: ")
            assert 0 < json.loads(host.output(["reaperctl", "list", "--json"]))["brake_usec"] <= 60_000_000
            assert one.closed(ENDED) != two.closed(1)
    finally:
        host.run(["rm", "/etc/reaper/reaper.d/60-brake.yaml"])
        reload(host)


def test_varlinkctl(host: Host, person: str) -> None:
    """systemd's own client: the interface, one answer, and one after the other."""
    if host.run(["varlinkctl", "--version"], check=False).returncode != 0:
        pytest.skip(f"{host.suite} has no varlinkctl")
    assert "method Watch" in host.output(["varlinkctl", "introspect", SOCKET, "io.reaper"])
    assert "brake_usec" in json.loads(host.output(["varlinkctl", "call", SOCKET, "io.reaper.Watch", "{}"]))
    command = "varlinkctl --more --json=short call $0 io.reaper.Watch '{}'"
    with rule(host, person), log_in(host, person) as terminal:
        wait_event(host, person, "opened")
        words = host.words(["sh", "-c", f"exec {command}", SOCKET])
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as watcher:
            assert watcher.stdout is not None
            phases = [phases_of(person, watcher.stdout.readline())]
            while phases[-1] or ["warned"] not in phases:
                phases.append(phases_of(person, watcher.stdout.readline()))
            end_entered(watcher)
        assert terminal.closed(ENDED)
    assert phases[0] == ["active"]


def phases_of(person: str, reply: str) -> list[str]:
    """The phases of a person's sessions in a line of varlinkctl, which may be of a JSON sequence (RFC 7464)."""
    answer = json.loads(reply.strip("\x1e\n"))
    return [each["phase"] for each in answer["sessions"] if each["user"] == person]


def test_watch_as_json(host: Host, person: str) -> None:
    """An idle host has one answer; the next comes with what happens."""
    with (
        rule(host, person, idle="1h"),
        subprocess.Popen(
            host.words(["reaperctl", "watch", "--json", "--user", person]), stdout=subprocess.PIPE, text=True
        ) as watcher,
    ):
        assert watcher.stdout is not None
        assert json.loads(watcher.stdout.readline())["sessions"] == []
        with log_in(host, person):
            answer = json.loads(watcher.stdout.readline())
            while not answer["sessions"]:
                answer = json.loads(watcher.stdout.readline())
            assert answer["sessions"][0]["user"] == person
            assert answer["sessions"][0]["limit_usec"] > IDLE
        host.run(["systemctl", "restart", "reaper.service"])
        watcher.stdout.read()
        assert watcher.wait() == 3
