"""Why a session cannot be locked: each obstacle by itself."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reaper import pam_stack
from reaper.decide.policy.match import Origin
from reaper.sense import lockability
from tests.unit.fakes import make_session

HASH = "$y$j9T$abcdefgh$0123456789"
DEBIAN = """
auth [success=1 default=ignore] pam_unix.so nullok
auth requisite pam_deny.so
auth required pam_permit.so
auth optional pam_cap.so
"""
EL = """
auth required pam_env.so
auth required pam_faildelay.so delay=2000000
auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular
auth [default=1 ignore=ignore success=ok] pam_localuser.so
auth sufficient pam_unix.so nullok
auth sufficient pam_sss.so forward_pass
auth required pam_deny.so
"""


class LockableHost:
    """Alice has a password there, a terminal, and a scope."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.missing: set[str] = set()
        self.session = make_session(100)
        monkeypatch.setattr(lockability.processes, "CGROUP", str(directory / "cgroup"))
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in self.missing else object())
        self.write("cgroup/cgroup.controllers")
        self.write(f"cgroup{self.session.scope}/cgroup.freeze")
        self.write("etc/pam.d/reaper", "@include common-auth\n@include common-account\n")
        self.write("etc/pam.d/common-auth", DEBIAN)
        self.write("etc/pam.d/common-account", "account required pam_sss.so\n")
        self.shadow(HASH)

    def write(self, path: str, text: str = "") -> None:
        """A file of it."""
        (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (self.directory / path).write_text(text)

    def remove(self, path: str) -> None:
        """No such file."""
        (self.directory / path).unlink()

    def shadow(self, password: str, expires: str = "") -> None:
        """Alice's entry, among others'."""
        self.write("etc/shadow", f"root:*:1::::::\nalic:!:1::::::\nalice:{password}:1:0:9:7::{expires}:\nbob:!:1\n")

    def obstacle(self, *terminals: str) -> str:
        """Why her session cannot be locked."""
        return lockability.obstacle(self.session, terminals or ("pts/1",), root=str(self.directory))


@pytest.fixture
def host(tmp_path, monkeypatch) -> LockableHost:
    return LockableHost(tmp_path, monkeypatch)


def test_nothing_stands_in_the_way(host):
    assert host.obstacle() == ""


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda host: host.remove("cgroup/cgroup.controllers"), "not v2"),
        (lambda host: host.remove(f"cgroup{host.session.scope}/cgroup.freeze"), "cannot be frozen"),
        (lambda host: host.missing.add("pam"), "no module pam,"),
        (lambda host: host.missing.add("six"), "no module six,"),
        (lambda host: host.missing.update(("pam", "six")), "no module pam and six,"),
        (lambda host: host.remove("etc/pam.d/reaper"), "no service reaper"),
    ],
)
def test_what_the_host_lacks(host, spoil: Callable[[LockableHost], None], why):
    spoil(host)
    assert why in host.obstacle()


def test_a_service_of_the_distribution(host):
    (host.directory / "usr/lib").mkdir(parents=True)
    os.rename(host.directory / "etc/pam.d", host.directory / "usr/lib/pam.d")
    assert host.obstacle() == ""


def test_a_session_without_a_terminal(host):
    assert lockability.obstacle(host.session, (), root=str(host.directory)) == "it has no terminal"


@pytest.mark.parametrize("changed", [{"scope": ""}, {"session_id": "../3"}])
def test_a_session_without_a_place_of_its_own(host, changed):
    host.session = make_session(100, **changed)
    assert "no control group of its own" in host.obstacle()


@pytest.mark.parametrize(("session_id", "why"), [("c2", ""), ("", "logind knows nothing of it")])
def test_a_desktop_locks_itself(host, session_id, why):
    """Whatever there is of passwords here."""
    host.shadow("!")
    host.session = make_session(100, session_id=session_id, origin=Origin.GRAPHICAL, scope="")
    assert lockability.obstacle(host.session, (), root=str(host.directory)) == why


@pytest.mark.parametrize(
    "password",
    [
        HASH,
        "$6$salt$hash./",
        "$1$x$y",
        "$2b$05$abc",
        "abJnggxhB/yWI",
        "_J9..rasmBYk8r9AiWNc",
        "$6$rounds=5000$salt$hash",
    ],
)
def test_a_password(host, password):
    host.shadow(password)
    assert host.obstacle() == ""


@pytest.mark.parametrize(
    "password",
    ["!", "*", "!!", "!*", "*LK*", "x", "NP", f"!{HASH}", f"!!{HASH}", "$6$", "$y$$", "short", "!for-now"],
)
def test_no_password_that_could_be_asked_for(host, password):
    host.shadow(password)
    assert host.obstacle().startswith("its user has no password here")


def test_an_empty_password(host):
    host.shadow("")
    assert "empty" in host.obstacle()


@pytest.mark.parametrize(
    ("expires", "is_over"), [("", False), ("1", True), ("99999", False), ("-1", False), ("x", False)]
)
def test_an_account_that_has_expired(host, expires, is_over):
    host.shadow(HASH, expires)
    assert ("has expired" in host.obstacle()) is is_over


def test_a_user_of_a_directory(host):
    """Known to a name service, and to no /etc/shadow."""
    host.write("etc/shadow", "root:*:1::::::\nalice2:!:1:::::: \ralice::1::::::\n\n:\nalice\n")
    assert host.obstacle() == ""
    host.remove("etc/shadow")
    assert host.obstacle() == ""


def test_passwords_that_cannot_be_read(host):
    host.remove("etc/shadow")
    (host.directory / "etc/shadow").mkdir()
    assert host.obstacle().startswith("whether its user has a password cannot be told: ")


@pytest.mark.parametrize(
    ("stack", "can"),
    [
        (DEBIAN, False),
        (EL, False),
        (f"{DEBIAN}auth sufficient pam_krb5.so minimum_uid=1000", True),
        (f"{DEBIAN}auth sufficient /usr/lib64/security/pam_u2f.so cue", True),
        (f"{DEBIAN}-auth sufficient pam_winbind.so", True),
        (f"{DEBIAN}account required pam_ldap.so", False),
        (f"{DEBIAN}# auth sufficient pam_ldap.so", False),
        (f"{DEBIAN}auth substack other", True),
    ],
)
def test_who_may_be_known_elsewhere(host, stack, can):
    """A module that does not go by /etc/shadow may know the user."""
    host.shadow("*")
    host.write("etc/pam.d/other", "auth include deeper\n")
    host.write("etc/pam.d/deeper", "auth required pam_oath.so\nauth include deeper\n")
    host.write("etc/pam.d/common-auth", stack)
    assert (host.obstacle() == "") is can


@pytest.mark.parametrize("path", ["etc/sssd/sssd.conf", "etc/sssd/conf.d/50-ours.conf"])
def test_sssd_counts_where_it_is_configured(host, path):
    """EL's stacks have its module on every host."""
    host.shadow("!!")
    host.write("etc/pam.d/common-auth", EL)
    assert host.obstacle() != ""
    host.write(path)
    assert host.obstacle() == ""


def test_a_stack_that_includes_itself_is_no_end():
    text = "auth include loop\nauth include loop\n"
    assert pam_stack.collect(text, "auth", {"/etc/pam.d/loop": f"auth a b.so\n{text}"}.get) != ()
