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
        """Writes a file of the host."""
        (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (self.directory / path).write_text(text)

    def remove(self, path: str) -> None:
        """Removes a file."""
        (self.directory / path).unlink()

    def shadow(self, password: str, expires: str = "") -> None:
        """Writes Alice's entry, among others."""
        self.write("etc/shadow", f"root:*:1::::::\nalic:!:1::::::\nalice:{password}:1:0:9:7::{expires}:\nbob:!:1\n")

    def obstacle(self, *terminals: str) -> str:
        """Returns why her session cannot be locked."""
        return lockability.obstacle(self.session, terminals or ("pts/1",), root=str(self.directory))


@pytest.fixture
def host(tmp_path, monkeypatch) -> LockableHost:
    return LockableHost(tmp_path, monkeypatch)


def test_ordinary_session_can_be_locked(host):
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
def test_host_without_a_requirement_cannot_lock(host, spoil: Callable[[LockableHost], None], why):
    spoil(host)
    assert why in host.obstacle()


def test_pam_service_in_usr_lib_suffices(host):
    (host.directory / "usr/lib").mkdir(parents=True)
    os.rename(host.directory / "etc/pam.d", host.directory / "usr/lib/pam.d")
    assert host.obstacle() == ""


def test_session_without_a_terminal_cannot_be_locked(host):
    assert lockability.obstacle(host.session, (), root=str(host.directory)) == "it has no terminal"


@pytest.mark.parametrize("changed", [{"scope": ""}, {"session_id": "../3"}])
def test_session_without_a_scope_cannot_be_locked(host, changed):
    host.session = make_session(100, **changed)
    assert "no control group of its own" in host.obstacle()


@pytest.mark.parametrize(("session_id", "why"), [("c2", ""), ("", "logind knows nothing of it")])
def test_graphical_session_needs_only_logind(host, session_id, why):
    """Whether there is a password here or not."""
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
def test_usable_password_can_unlock(host, password):
    host.shadow(password)
    assert host.obstacle() == ""


@pytest.mark.parametrize(
    "password",
    ["!", "*", "!!", "!*", "*LK*", "x", "NP", f"!{HASH}", f"!!{HASH}", "$6$", "$y$$", "short", "!for-now"],
)
def test_unusable_password_cannot_unlock(host, password):
    host.shadow(password)
    assert host.obstacle().startswith("its user has no password here")


def test_empty_password_cannot_unlock(host):
    host.shadow("")
    assert "empty" in host.obstacle()


@pytest.mark.parametrize(
    ("expires", "is_over"), [("", False), ("1", True), ("99999", False), ("-1", False), ("x", False)]
)
def test_expired_account_cannot_unlock(host, expires, is_over):
    host.shadow(HASH, expires)
    assert ("has expired" in host.obstacle()) is is_over


def test_directory_user_can_be_locked(host):
    """Known to a name service, but not in /etc/shadow."""
    host.write("etc/shadow", "root:*:1::::::\nalice2:!:1:::::: \ralice::1::::::\n\n:\nalice\n")
    assert host.obstacle() == ""
    host.remove("etc/shadow")
    assert host.obstacle() == ""


def test_unreadable_shadow_is_an_obstacle(host):
    host.remove("etc/shadow")
    (host.directory / "etc/shadow").mkdir()
    assert host.obstacle().startswith("it is unknown whether its user has a password: ")


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
def test_other_pam_modules_may_know_the_user(host, stack, can):
    """A module that does not use /etc/shadow may know the user."""
    host.shadow("*")
    host.write("etc/pam.d/other", "auth include deeper\n")
    host.write("etc/pam.d/deeper", "auth required pam_oath.so\nauth include deeper\n")
    host.write("etc/pam.d/common-auth", stack)
    assert (host.obstacle() == "") is can


@pytest.mark.parametrize("path", ["etc/sssd/sssd.conf", "etc/sssd/conf.d/50-ours.conf"])
def test_sssd_counts_only_if_configured(host, path):
    """EL's stacks have its module on every host."""
    host.shadow("!!")
    host.write("etc/pam.d/common-auth", EL)
    assert host.obstacle() != ""
    host.write(path)
    assert host.obstacle() == ""


def test_stack_that_includes_itself_ends():
    text = "auth include loop\nauth include loop\n"
    assert pam_stack.collect(text, "auth", {"/etc/pam.d/loop": f"auth a b.so\n{text}"}.get) != ()
