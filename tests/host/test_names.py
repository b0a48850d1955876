"""Rules by group on hosts whose name services are slow, need the network, or do not know a user any more.

Everybody's limits are in force all the same and on time, and what cannot be known is said. The name service is that of
tests/pam/nss_lab.c, which hosts have by the name `lab` for these tests.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .lab import Host
from .limits import ENDED, GRACE, IDLE, WARN, WARNING, events, log_in, quick, reload, wait_event
from .people import records

LAB = "/var/lib/nss-lab"
SOURCE = Path(__file__).parent.parent / "pam" / "nss_lab.c"


@pytest.fixture(autouse=True, scope="module")
def quick_polls(host: Host) -> Iterator[None]:
    with quick(host):
        yield


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("nss") / "libnss_lab.so.2"
    flags = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-fvisibility=hidden"]
    subprocess.run(["cc", *flags, "-o", str(path), str(SOURCE)], check=True)
    return path.read_bytes()


@pytest.fixture
def name_service(host: Host, library: bytes) -> Iterator[None]:
    """The name service `lab`, as yet of no consequence."""
    tag = host.output(["python3", "-c", "import sysconfig; print(sysconfig.get_config_var('MULTIARCH'))"])
    path = f"/usr/lib/{tag}/libnss_lab.so.2"
    host.write(path, library)
    host.shell(f"cp /etc/nsswitch.conf /etc/nsswitch.conf.kept; mkdir -p {LAB}")
    yield
    host.shell(f"rm -rf {LAB}; mv /etc/nsswitch.conf.kept /etc/nsswitch.conf; rm {path}")


def order(host: Host, passwd: str, group: str) -> None:
    """Which name services are asked for users and for groups."""
    host.shell(f"sed -i 's/^passwd:.*/passwd: {passwd}/; s/^group:.*/group: {group}/' /etc/nsswitch.conf")


def delay(host: Host, seconds: int) -> None:
    host.write(f"{LAB}/delay.new", str(1000 * seconds))
    host.run(["mv", f"{LAB}/delay.new", f"{LAB}/delay"])


@contextlib.contextmanager
def rule_for(host: Host, group: str, person: str, idle: str = "1h") -> Iterator[str]:
    """A rule for a group, and after it one for a person, of a few seconds. Yields the cursor of before."""
    cursor = host.cursor()
    limits = f"idle: {IDLE}s, warn: [{WARN}s], grace: {GRACE}s"
    path = f"/etc/reaper/reaper.d/50-{person}.yaml"
    name = group.strip("'*").replace("*", "-")
    of_group = f"{{name: of-{name}, match: {{group: {group}}}, idle: {idle}, warn: [{WARN}s], grace: {GRACE}s}}"
    host.write(path, f"rules:\n  - {of_group}\n  - {{name: {person}, match: {{user: '{person}*'}}, {limits}}}\n")
    try:
        assert reload(host)["REAPER_EVENT"] == "policy-loaded"
        yield cursor
    finally:
        host.run(["rm", "-f", path])
        reload(host)


def rule_of(host: Host, person: str) -> str:
    told = json.loads(host.output(["reaperctl", "list", "--json"]))["sessions"]
    (session,) = [each for each in told if each["user"] == person]
    return str(session["rule"])


@pytest.fixture
def member(host: Host, person: str) -> Iterator[str]:
    """A person in the group `ops`, whom the rules call by another name than the test's own."""
    host.shell("groupadd -f -g 7001 ops")
    name = host.add_user(f"m{person}", groups=["ops"])
    yield name
    host.remove_user(name)
    host.run(["groupdel", "ops"])


def test_slow_name_service_delays_no_limit(host: Host, person: str, member: str, name_service: None) -> None:
    """25 s for an answer at a reload, and 70 s at a start, which comes up at once."""
    order(host, "files", "lab files")
    with log_in(host, member) as other, log_in(host, person) as terminal:
        wait_event(host, member, "opened")
        wait_event(host, person, "opened")
        delay(host, 25)
        with rule_for(host, "ops", person):
            assert rule_of(host, member) == "of-ops"
            delay(host, 70)
            host.run(["systemctl", "restart", "reaper.service"], timeout=20)
            terminal.expect(WARNING, ENDED)
            assert terminal.closed(ENDED)
            wait_event(host, person, "terminated")
            assert events(host, person) == ["opened", "warned", "ending", "terminated"]
            assert rule_of(host, member) == "of-ops"
        host.run(["rm", f"{LAB}/delay"])
        assert other.command("echo here") == "here"
    assert host.output(["systemctl", "show", "--property=NRestarts", "reaper.service"]) == "NRestarts=0"


def test_login_by_a_slow_name_service_delays_no_other(host: Host, person: str, name_service: None) -> None:
    """7 s for each answer: the one who logs in waits for each, and the daemon for none."""
    order(host, "files", "lab files")
    late = host.add_user(f"{person}late")
    with rule_for(host, "root", person), log_in(host, person) as terminal:
        wait_event(host, person, "opened")
        delay(host, 7)
        with host.ssh(late) as other:
            terminal.expect(WARNING, ENDED)
            assert terminal.closed(ENDED)
            wait_event(host, person, "terminated")
            host.run(["rm", f"{LAB}/delay"])
            other.prompt(120)
    assert events(host, person) == ["opened", "warned", "ending", "terminated"]
    host.remove_user(late)


def test_name_service_of_the_network_is_known_by_what_logins_record(
    host: Host, person: str, name_service: None
) -> None:
    """The daemon's unit has no network, and sshd has: the record has the group. The doctor names it."""
    order(host, "files", "files lab")
    host.write(f"{LAB}/group", f"netops:x:7100:{person}\n")
    host.write(f"{LAB}/network", "")
    with rule_for(host, "netops", "nobody-else", idle=f"{IDLE}s") as cursor:
        with log_in(host, person) as terminal:
            wait_event(host, person, "opened")
            (record,) = records(host, person)
            assert record["GROUP_7100"] == "netops"
            assert rule_of(host, person) == "of-netops"
            said = host.wait_journal(lambda entry: "knows group netops" in entry["MESSAGE"], 20, after=cursor)
            assert said["SYSLOG_IDENTIFIER"] == "reaperd"
            found = json.loads(host.run(["reaperctl", "doctor", "--json"], check=False).stdout)["findings"]
            (unknown,) = [each for each in found if each["id"] == "group-unknown"]
            assert "the group netops of the rule of-netops" in unknown["message"]
            assert terminal.closed(ENDED)
        assert wait_event(host, person, "terminated")["REAPER_RULE"] == "of-netops"


def test_user_who_was_deleted_is_ended(host: Host, person: str, member: str) -> None:
    """Their groups are in the record and in the state; a restart finds them there."""
    with rule_for(host, "ops", person), log_in(host, member) as other, log_in(host, person) as terminal:
        wait_event(host, member, "opened")
        wait_event(host, person, "opened")
        host.shell(f"userdel -f {person}; userdel -f {member}", check=False)
        host.run(["systemctl", "restart", "reaper.service"])
        assert terminal.closed(ENDED)
        wait_event(host, person, "terminated")
        assert rule_of(host, member) == "of-ops"
        assert not other.closed(1)


@contextlib.contextmanager
def without_module(host: Host) -> Iterator[None]:
    """Logins meanwhile are known from logind alone."""
    host.shell("cp /etc/pam.d/common-session /etc/pam.d/kept; sed -i '/pam_reaper/d' /etc/pam.d/common-session")
    try:
        yield
    finally:
        host.shell("mv /etc/pam.d/kept /etc/pam.d/common-session")


def test_groups_of_a_login_without_the_module(host: Host, person: str, member: str) -> None:
    """The kernel has their numbers, and the daemon has the name's: also of a pattern, and after a restart."""
    with without_module(host), log_in(host, member) as other, log_in(host, person) as terminal:
        wait_event(host, member, "opened")
        wait_event(host, person, "opened")
        assert records(host, member) == []
        with rule_for(host, "ops", person):
            assert rule_of(host, member) == "of-ops"
            assert rule_of(host, person) == person
        with rule_for(host, "'o*s'", "nobody-else"):
            host.run(["systemctl", "restart", "reaper.service"])
            host.wait_journal(lambda _: True, REAPER_EVENT="started")
            host.shell("for i in $(seq 50); do reaperctl list --json | grep -q of- && exit; sleep 0.2; done; exit 1")
            assert rule_of(host, person) == "environment:standard"
        assert other.command("echo here") == terminal.command("echo here") == "here"


def test_rules_go_by_the_name_of_the_account_whatever_was_typed(host: Host, person: str, name_service: None) -> None:
    """A directory that ignores case, as AD and many of LDAP do."""
    order(host, "files lab", "files")
    # pam_unix(8) asks shadow(5) for what was typed, unless the account has no password there.
    host.shell(f"getent passwd {person} | sed 's/:x:/:*:/' > {LAB}/passwd; touch {LAB}/nocase")
    typed = person.upper()
    with rule_for(host, "nobody-else", person):
        with without_module(host), host.ssh(typed) as terminal:
            terminal.prompt()
            wait_event(host, person, "opened")
            assert rule_of(host, person) == person
        cursor = host.cursor()
        with host.ssh(typed) as terminal:
            terminal.prompt()
            opened = host.wait_journal(lambda _: True, after=cursor, REAPER_USER=person, REAPER_EVENT="opened")
            assert f" of {person} from 127.0.0.1 " in opened["MESSAGE"]
            assert f" opened as {typed} (sshd, ssh)." in opened["MESSAGE"]
            (record,) = records(host, person)
            assert record["LOGIN"] == typed
            assert rule_of(host, person) == person
            assert f"logged in as {typed}, which is another name" in terminal.command("reaperctl explain self")
            host.run(["systemctl", "restart", "reaper.service"])
            (shown,) = json.loads(host.output(["reaperctl", "list", "--json"]))["sessions"]
            assert (shown["user"], shown["login"]) == (person, typed)
            terminal.expect(WARNING, ENDED)
            assert terminal.closed(ENDED)
        told = host.output(["reaperctl", "policy", "--for", typed, "--service", "sshd"])
        assert f"\nrule: {person}" in told
