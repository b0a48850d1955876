"""reaperctl policy on a booted host: the places of the installed files, a session asked about, what the daemon has."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import log_in, reload, wait_event

LIB = "/usr/lib/reaper/reaper.d/10-vendor.yaml"
RUN = "/run/reaper/reaper.d/20-tonight.yaml"
ETC = "/etc/reaper/reaper.d/30-site.yaml"
DROP_INS = {
    LIB: "environments:\n  standard:\n    idle: 20min\n    grace: 5s\n",
    RUN: "ceiling:\n  idle: 25min\n",
    ETC: "rules:\n- name: operators\n  match:\n    group: reaper-ops\n    from: 10.0.0.0/8\n  idle: 2h\n",
}
FILES = [*DROP_INS]


@contextlib.contextmanager
def drop_ins(host: Host) -> Iterator[None]:
    """A file in each of the directories, beside the main file as it is shipped; the daemon does not know of them."""
    for path, text in DROP_INS.items():
        host.shell(f"mkdir -p -m 755 $(dirname {path})")
        host.write(path, text)
    try:
        yield
    finally:
        host.run(["rm", "-f", *DROP_INS])
        host.shell("rmdir --ignore-fail-on-non-empty /run/reaper/reaper.d /usr/lib/reaper/reaper.d", check=False)
        reload(host)


def tool(host: Host, *words: str, user: str = "root", check: bool = True) -> subprocess.CompletedProcess[str]:
    return host.run(["runuser", "-u", user, "--", "reaperctl", "policy", *words], check=check)


@pytest.fixture
def operator(host: Host) -> Iterator[str]:
    host.run(["groupadd", "reaper-ops"])
    name = host.add_user("policyoperator", groups=["reaper-ops"])
    yield name
    host.remove_user(name)
    host.run(["groupdel", "reaper-ops"])


def test_places_of_the_shipped_file_and_drop_ins(host: Host, person: str) -> None:
    """Anybody may look, and each value is where it is written; what the daemon has is said before and after reload."""
    before = json.loads(host.output(["reaperctl", "list", "--json"]))["policy"]
    with drop_ins(host):
        shown = tool(host, user=person)
        said = f"reaperd enforces policy {before}, not these files: reload reaper.service, or see reaperctl check\n"
        assert shown.stderr == said
        assert max(map(len, shown.stdout.splitlines())) <= 80
        assert f"    grace: 5s                # {LIB}:4\n" in shown.stdout
        assert f"  idle: 25min                # {RUN}:2\n" in shown.stdout
        assert f"  - name: operators          # {ETC}:2\n" in shown.stdout
        told = json.loads(tool(host, "--json").stdout)
        assert told["sources"] == ["/etc/reaper/reaper.yaml", *FILES]
        assert (told["enforced"], told["id"] == before) == (before, False)
        (rule,) = told["policy"]["rules"]
        assert (rule["idle"]["value"], rule["idle"]["file"], rule["idle"]["changed_by"]) == ("25min", RUN, "ceiling")
        assert (rule["idle"]["instead_of"]["file"], rule["idle"]["instead_of"]["line"]) == (ETC, 6)
        assert (rule["grace"]["file"], rule["grace"]["environment"]) == (LIB, "standard")
        reload(host)
        assert tool(host, user=person).stderr == ""
        assert json.loads(tool(host, "--json").stdout)["enforced"] == told["id"]
        checked = json.loads(host.output(["reaperctl", "check", "--json"]))
        assert (checked["id"], checked["sources"]) == (told["id"], told["sources"])


def test_a_session_is_told_what_it_then_has(host: Host, operator: str) -> None:
    """The groups are the name service's; what is foretold of an ssh session is what the daemon does with one."""
    with drop_ins(host):
        reload(host)
        told = json.loads(tool(host, "--json", "--for", operator, "--from", "10.1.2.3").stdout)
        assert (told["rule"]["value"], told["capped"]) == ("operators", ["idle"])
        assert "reaper-ops" in told["session"]["group"]
        elsewhere = tool(host, "--for", operator, "--from", "127.0.0.1", user=operator).stdout
        assert "# No rule fits; environment: standard" in elsewhere
        assert "from 127.0.0.1 is not 10.0.0.0/8" in elsewhere
        told = json.loads(tool(host, "--json", "--for", operator, "--from", "127.0.0.1").stdout)
        with log_in(host, operator):
            wait_event(host, operator, "opened")
            (session,) = [
                each
                for each in json.loads(host.output(["reaperctl", "list", "--json"]))["sessions"]
                if each["user"] == operator
            ]
            explained = json.loads(host.output(["reaperctl", "explain", "--json", session["session"]]))["explanation"]
        assert session["rule"] == told["rule"]["value"]
        assert [each["why"] for each in explained["passed_over"]] == [each["why"] for each in told["passed_over"]]


def test_without_the_daemon_and_with_files_that_only_root_can_read(host: Host, person: str) -> None:
    with drop_ins(host):
        host.run(["systemctl", "stop", "reaper.service"])
        try:
            shown = tool(host, user=person)
            assert (shown.returncode, shown.stderr) == (0, "")
            assert json.loads(tool(host, "--json").stdout)["enforced"] is None
            host.run(["chmod", "600", ETC])
            refused = tool(host, user=person, check=False)
            assert refused.returncode == 78
            assert refused.stderr == f"{ETC}: cannot be read: Permission denied (root can read it: use sudo)\n"
            assert tool(host).returncode == 0
        finally:
            host.run(["systemctl", "start", "reaper.service"])
