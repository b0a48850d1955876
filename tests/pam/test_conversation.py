"""Unlocking with the real libpam and its real modules, through python-pam: passwords, accounts, odd conversations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# The hashes by crypt(3) of "right", and of the longest answer there is.
RIGHT = "$6$rounds=1000$reaper$tZa1lqe/I4YgKnkH.8YMDUxw2BAl1F0RTJn4u.63.xCWyi6RHXgbvAf0aTQdKX.EQu0S99d0OU6XJ7GNY.u9j0"
LONGEST = "$6$rounds=1000$reaper$3T5OG61ZDUHLyGyXYQmpbH.6wCJldA/VLfv8APWWOSD8vb255fQteY0zkyabN/cq.hvf.6wLdRH0QHkJYub0O."
# Name: the hash of the password, and the rest of shadow(5).
PEOPLE = {
    "alice": f"{RIGHT}:20000:0:99999:7:::",
    "long": f"{LONGEST}:20000:0:99999:7:::",
    "expired": f"{RIGHT}:20000:0:99999:7::0:",  # chage -E 0
    "locked": f"!{RIGHT}:20000:0:99999:7:::",  # usermod -L
    "aged": f"{RIGHT}:0:0:99999:7:::",  # chage -d 0
    "open": ":20000:0:99999:7:::",
}
UNIX = "auth required pam_unix.so nullok nodelay\naccount required pam_unix.so\n"
BIND = """
mount --bind "$S/pam.d" /etc/pam.d; mount --bind "$S/passwd" /etc/passwd; mount --bind "$S/shadow" /etc/shadow
"""
CONV_ERR, AUTH_ERR, PERM_DENIED, NEW_AUTHTOK_REQD, ACCT_EXPIRED, SYSTEM_ERR = 19, 7, 6, 12, 13, 4


def unlock(stack: Any, service: str, user: str, *answers: str | None) -> Any:
    """Makes one attempt, with these answers in turn."""
    stack.configure("reaper", service)
    stack.configure("other", "auth required pam_deny.so\naccount required pam_deny.so\n")
    (stack.services.parent / "passwd").write_text(
        "root:x:0:0::/:/bin/sh\n" + "".join(f"{name}:x:{2000 + i}:100::/:/bin/sh\n" for i, name in enumerate(PEOPLE))
    )
    shadow = stack.services.parent / "shadow"
    shadow.write_text("root:*:20000::::::\n" + "".join(f"{name}:{rest}\n" for name, rest in PEOPLE.items()))
    shadow.chmod(0o600)
    words = [*stack.isolated(BIND), sys.executable, str(HERE / "answering.py"), user, json.dumps(answers)]
    base = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    surroundings = {**base, "N": str(stack.nsswitch), "S": str(stack.services.parent)}
    done = subprocess.run(words, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["wiped"], "an answer is left in memory"
    return report


def result(ok: bool, code: int, phase: str, answered: bool = True, expired: bool = False, why: str = "") -> Any:
    reasons = {
        0: "Success",
        CONV_ERR: "Conversation error",
        AUTH_ERR: "Authentication failure",
        NEW_AUTHTOK_REQD: "Authentication token is no longer valid; new one required",
        ACCT_EXPIRED: "User account has expired",
        PERM_DENIED: "Permission denied",
    }
    report = {"ok": ok, "code": code, "why": why or reasons[code], "phase": phase}
    return {**report, "is_answered": answered, "is_expired": expired}


def test_wrong_answer_fails_and_right_one_unlocks(stack):
    wrong = unlock(stack, UNIX, "alice", "wrong")
    assert wrong["result"] == result(False, AUTH_ERR, "authentication")
    assert wrong["spoken"] == [["prompt", "Password: ", False]]
    right = unlock(stack, UNIX, "alice", "right")
    assert right["result"] == result(True, 0, "account")


@pytest.mark.parametrize("answer", ["", "right ", "Right", "righ", "right\x7f", "\xff\xfe", "x" * 511])
def test_other_answers_fail(stack, answer):
    assert not unlock(stack, UNIX, "alice", answer)["result"]["ok"]


def test_longest_answer_unlocks(stack):
    assert unlock(stack, UNIX, "long", "x" * 511)["result"]["ok"]
    for answer in ("x" * 510, "x" * 512, "x" * 100_000):
        assert not unlock(stack, UNIX, "long", answer)["result"]["ok"]


def test_answer_with_a_nul_is_not_cut(stack):
    report = unlock(stack, UNIX, "alice", "right\0")
    assert not report["result"]["ok"]
    assert not report["result"]["is_answered"]


@pytest.mark.parametrize("user", ["alice\0", "\0"])
def test_name_with_a_nul_is_not_cut(user):
    from reaper.lock.prompt.pam import authenticate

    report = authenticate(user, "reaper", "", "", lambda _prompt, _shows: None, lambda _text, _bad: None)
    assert vars(report) == result(False, SYSTEM_ERR, "start", False, why="a name has a NUL in it")


def test_expired_account_cannot_unlock(stack):
    report = unlock(stack, UNIX, "expired", "right")
    assert report["result"] == result(False, ACCT_EXPIRED, "account")


def test_locked_account_cannot_unlock(stack):
    assert unlock(stack, UNIX, "locked", "right")["result"] == result(False, AUTH_ERR, "authentication")


def test_expired_password_unlocks_with_a_message(stack):
    report = unlock(stack, UNIX, "aged", "right")
    assert report["result"] == result(True, NEW_AUTHTOK_REQD, "account", expired=True)
    assert not unlock(stack, UNIX, "aged", "wrong")["result"]["ok"]


def test_account_without_a_password_cannot_unlock(stack):
    report = unlock(stack, UNIX, "open", "", "")
    assert not report["result"]["ok"]
    report = unlock(stack, "auth sufficient pam_permit.so\naccount required pam_permit.so\n", "open")
    nothing = "PAM asked for nothing, which proves nothing"
    assert report["result"] == result(False, PERM_DENIED, "authentication", False, why=nothing)


def test_module_that_only_shows_text_may_unlock(stack, prompts):
    """A fingerprint reader or a token shows what to do, and asks for no text."""
    report = unlock(stack, f"auth required {prompts} tells\naccount required pam_permit.so\n", "alice")
    assert report["result"] == result(True, 0, "account", False)


def test_attempt_fails_after_the_person_left(stack):
    report = unlock(stack, UNIX, "alice", None)
    assert report["result"]["ok"] is False
    assert report["result"]["is_answered"] is False


def test_internal_error_is_no_success(stack):
    report = unlock(stack, UNIX, "alice", "raise")
    assert "RuntimeError: on purpose" in report["result"]["raised"]


def test_several_prompts_and_messages_in_one_call(stack, prompts):
    service = f"auth required {prompts} two\naccount required pam_permit.so\n"
    report = unlock(stack, service, "alice", "one", "two")
    assert report["result"] == result(True, 0, "account")
    assert report["spoken"] == [
        ["said", "\x1b[2J\x1b]0;title\a\r\nsecond \x9b31m line", False],  # escaped when it is drawn: see screen
        ["prompt", "First: ", False],
        ["said", "in between", True],
        ["prompt", "Second: ", True],
    ]
    assert not unlock(stack, service, "alice", "two", "one")["result"]["ok"]
    gone = unlock(stack, service, "alice", "one", None)
    assert gone["result"] == result(False, CONV_ERR, "authentication")


@pytest.mark.parametrize("what", ["binary", "many"])
def test_unknown_message_style_is_an_error(stack, prompts, what):
    report = unlock(stack, f"auth required {prompts} {what}\naccount required pam_permit.so\n", "alice", "x", "y")
    assert report["result"] == result(False, CONV_ERR, "authentication", False)
    assert report["spoken"] == []


def test_largest_number_of_messages(stack, prompts):
    service = f"auth required {prompts} most\naccount required pam_permit.so\n"
    report = unlock(stack, service, "alice", *map(str, range(32)))
    assert report["result"]["ok"]
    assert report["left"] == []


def test_second_factor_after_the_password(stack, prompts):
    service = UNIX.replace("\n", f"\nauth required {prompts} two\n", 1)
    assert unlock(stack, service, "alice", "right", "one", "two")["result"]["ok"]
    for answers in (("wrong", "one", "two"), ("right", "one", "one")):
        assert not unlock(stack, service, "alice", *answers)["result"]["ok"]


def test_terminal_and_host_are_passed_and_setcred_decides_nothing(stack, prompts):
    service = f"{UNIX}account required {prompts} items\nauth required {prompts} none fails\n"
    assert unlock(stack, service, "alice", "right")["result"]["ok"]


def test_lockout_by_pam_faillock(stack, tmp_path):
    options = f"dir={tmp_path}/faillock deny=2 unlock_time=600"
    (tmp_path / "faillock").mkdir()
    service = f"""\
auth required pam_faillock.so preauth {options}
auth sufficient pam_unix.so nodelay
auth [default=die] pam_faillock.so authfail {options}
account required pam_faillock.so
account required pam_unix.so
"""
    assert unlock(stack, service, "alice", "right")["result"]["ok"]
    for _ in range(2):
        assert not unlock(stack, service, "alice", "wrong")["result"]["ok"]
    report = unlock(
        stack, service.replace("required pam_faillock.so preauth", "requisite pam_faillock.so preauth"), "alice"
    )
    assert report["result"]["ok"] is False
    assert report["result"]["is_answered"] is False, "no guess: nothing was asked"
    assert "account is locked" in report["spoken"][0][1]


def test_delay_by_pam_faildelay(stack):
    """libpam waits for half of it at least, in pam_authenticate()."""
    report = unlock(stack, "auth optional pam_faildelay.so delay=400000\n" + UNIX, "alice", "wrong")
    assert report["seconds"] >= 0.2


def test_missing_service_is_denied(stack):
    stack.configure("other", "auth required pam_deny.so\n")
    report = unlock(stack, "", "alice", "right")
    assert report["result"]["ok"] is False


@pytest.mark.parametrize("name", ["debian", "redhat"])
def test_shipped_service_files_unlock(stack, name):
    auth, account = (f"{line}\n" for line in UNIX.splitlines())
    stack.configure("common-auth", auth)
    stack.configure("common-account", account)
    stack.configure("password-auth", UNIX)
    service = (ROOT / "packaging/pam.d" / name).read_text()
    assert unlock(stack, service, "alice", "right")["result"]["ok"]
    assert not unlock(stack, service, "alice", "wrong")["result"]["ok"]
    assert not unlock(stack, service, "expired", "right")["result"]["ok"]
