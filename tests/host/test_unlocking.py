"""The PAM service of a lock as it is installed, with the distribution's own libpam, python-pam and accounts."""

from __future__ import annotations

import contextlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

from .lab import Host
from .limits import quick
from .locks import FAILED, PROMPT, SECRET, WRONG, fail, locked, unlock

SERVICE = "/etc/pam.d/reaper"
# One attempt with one answer, by the installed package and the system's own Python. Arguments: the user, the answer.
ATTEMPT = """
import json, sys
sys.path.insert(0, "/usr/share/idle-reaper")
from reaper.lock.prompt.pam import authenticate
said = []
def ask(prompt, shows):
    said.append(prompt)
    return bytearray(sys.argv[2].encode())
outcome = authenticate(sys.argv[1], "reaper", "/dev/pts/7", "192.0.2.7", ask, lambda text, bad: said.append(text))
print(json.dumps({**vars(outcome), "said": said}))
"""

# As pam_faillock(8) has it, but for how many are too many.
FAILLOCK = """\
auth requisite pam_faillock.so preauth deny=2
auth [success=1 default=bad] pam_unix.so
auth [default=die] pam_faillock.so authfail deny=2
auth required pam_faillock.so authsucc deny=2
"""
USERS, KEY = "/etc/users.oath", bytes(range(20))


def attempt(host: Host, person: str, answer: str) -> Any:
    return json.loads(host.output(["/usr/bin/python3", "-I", "-c", ATTEMPT, person, answer]))


def test_accounts_of_the_host(host: Host, person: str) -> None:
    host.shell(f"echo {person}:right-one | chpasswd")
    wrong = attempt(host, person, "wrong-one")
    assert (wrong["ok"], wrong["why"], wrong["is_answered"]) == (False, "Authentication failure", True)
    right = attempt(host, person, "right-one")
    assert (right["ok"], right["phase"], right["said"]) == (True, "account", ["Password: "])
    host.run(["chage", "-d", "0", person])
    aged = attempt(host, person, "right-one")
    assert (aged["ok"], aged["is_expired"]) == (True, True)
    host.run(["chage", "-d", "2020-01-01", "-E", "0", person])
    expired = attempt(host, person, "right-one")
    assert (expired["ok"], expired["phase"]) == (False, "account")
    assert any("account has expired" in text for text in expired["said"]), "the code is that of Debian's pam_deny"
    host.run(["chage", "-E", "-1", person])
    host.run(["usermod", "-L", person])
    assert not attempt(host, person, "right-one")["ok"]
    host.run(["usermod", "-U", person])
    assert attempt(host, person, "right-one")["ok"]


@contextlib.contextmanager
def written(host: Host, path: str, text: str) -> Iterator[None]:
    """A file of the host's with another text, for a while."""
    was = host.read(path)
    host.write(path, text)
    try:
        yield
    finally:
        host.write(path, was)


def test_accounts_that_are_shut_while_they_are_locked(host: Host, someone: str) -> None:
    """By pam_faillock after two failures, and by its expiry: the right password opens again when they are open."""
    with quick(host), written(host, "/etc/pam.d/common-auth", FAILLOCK), locked(host, someone) as (terminal, _):
        fail(host, terminal, someone)
        terminal.send(f"{WRONG}\n")
        for _ in range(2):
            terminal.expect("The account is locked due to 2 failed logins")
            terminal.expect(r"not possible now: Authentication failure\. Press Enter to try again")
            terminal.send(f"{SECRET}\n")
        terminal.expect("not possible now")
        host.run(["faillock", "--user", someone, "--reset"])
        terminal.send("\n")
        terminal.expect(PROMPT)
        host.run(["chage", "-E", "0", someone])
        terminal.send(f"{SECRET}\n")
        terminal.expect("Your account has expired")
        terminal.expect(r"may not be used now: .*\. Press Enter to try again")
        terminal.send("\n")
        terminal.expect(FAILED)
        terminal.expect(PROMPT)
        host.run(["chage", "-E", "-1", someone])
        unlock(host, terminal, someone)
    told = host.journal(REAPER_USER=someone, REAPER_EVENT="unlock-failed")  # one for who could not even guess is none
    assert [entry["REAPER_WHY"][:14] for entry in told] == [f"attempt {count} of 5" for count in (1, 2, 3)]


def one_time(count: int) -> str:
    """The password of that number, by RFC 4226."""
    digest = hmac.digest(KEY, count.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1000000:06}"


def test_second_factor(host: Host, someone: str) -> None:
    """Its module counts in /etc, which the unit lets it."""
    host.write(USERS, f"HOTP {someone} - {KEY.hex()}\n", 0o600)
    stack = f"{host.read(SERVICE)}auth required pam_oath.so usersfile={USERS}\n"
    with quick(host), written(host, SERVICE, stack), locked(host, someone) as (terminal, _):
        terminal.send(f"{SECRET}\n")
        terminal.expect("One-time password")
        fail(host, terminal, someone, one_time(1000))
        terminal.send(f"{SECRET}\n")
        terminal.expect("One-time password")
        unlock(host, terminal, someone, one_time(0))
    assert one_time(0) in host.read(USERS)
    host.run(["rm", USERS])


def test_service_belongs_to_the_administrator(host: Host) -> None:
    """A conffile: what is changed in it outlives an upgrade."""
    assert SERVICE in host.output(["dpkg-query", "-W", "-f", "${Conffiles}", "idle-reaper"])
    assert host.output(["stat", "-c", "%U:%G %a", SERVICE]).strip() == "root:root 644"


def test_what_python_needs_is_installed_with_it(host: Host) -> None:
    needed = host.output(["dpkg-query", "-W", "-f", "${Depends}", "idle-reaper"])
    assert {"python3-pampy", "python3-six"} <= {word.strip() for word in needed.split(",")}
