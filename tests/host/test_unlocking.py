"""The PAM service of a lock as it is installed, with the distribution's own libpam, python-pam and accounts."""

from __future__ import annotations

import json
from typing import Any

from .lab import Host

SERVICE = "/etc/pam.d/reaper"
# One attempt with one answer, by the installed package and the system's own Python. Arguments: the user, the answer.
ATTEMPT = """
import json, sys
sys.path.insert(0, "/usr/share/idle-reaper")
from reaper.lock.conversation import authenticate
said = []
def ask(prompt, shows):
    said.append(prompt)
    return bytearray(sys.argv[2].encode())
outcome = authenticate(sys.argv[1], "reaper", "/dev/pts/7", "192.0.2.7", ask, lambda text, bad: said.append(text))
print(json.dumps({**vars(outcome), "said": said}))
"""


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


def test_service_belongs_to_the_administrator(host: Host) -> None:
    """A conffile: what is changed in it outlives an upgrade."""
    assert SERVICE in host.output(["dpkg-query", "-W", "-f", "${Conffiles}", "idle-reaper"])
    assert host.output(["stat", "-c", "%U:%G %a", SERVICE]).strip() == "root:root 644"


def test_what_python_needs_is_installed_with_it(host: Host) -> None:
    needed = host.output(["dpkg-query", "-W", "-f", "${Depends}", "idle-reaper"])
    assert {"python3-pampy", "python3-six"} <= {word.strip() for word in needed.split(",")}
