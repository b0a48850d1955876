"""Memory and descriptors: the same logins under ASan and UBSan, under valgrind, and a thousand times in a row."""

from __future__ import annotations

import base64
import re
import shutil
from dataclasses import replace

import pytest

KEY = base64.b64encode(bytes(535)).decode()

MANY_GROUPS = """
mkdir -p "${D%/*}"
echo ann:x:1000:1000::/:/bin/sh > $D.passwd; mount --bind $D.passwd /etc/passwd
for i in $(seq 600); do echo "group$i:x:$((4000000000 + i)):ann"; done > $D.group; mount --bind $D.group /etc/group
"""

LOGINS = {
    "plain": (["item:TTY=ssh", "item:RHOST=192.0.2.1", "open", "close"], {}),
    "debug": (["open", "close"], {"options": "debug nonsense skip=x"}),
    "twice": (["open", "open", "close", "close", "restart", "open", "close"], {}),
    "key": ([f"env:SSH_AUTH_INFO_0=publickey ssh-rsa {KEY}\npassword\n", "open", "close"], {}),
    "keys": (["env:SSH_AUTH_INFO_0=" + f"publickey ssh-rsa {KEY}\n" * 40, "open", "close"], {}),
    "bad-key": (["env:SSH_AUTH_INFO_0=publickey ssh-rsa AA=A=\nhostbased x", "open", "close"], {}),
    "long-words": (["env:SSH_AUTH_INFO_0=" + f"publickey {'t' * 900} {KEY}\n" * 9, "open", "close"], {}),
    "hostile": ([b"item:RHOST=\xff\n\\" * 1, b"item:RUSER=" + b"\xff" * 90_000, "open", "close"], {}),
    "boundary": (["item:RHOST=" + "1" * 256, "item:RUSER=" + "1" * 257, "open", "close"], {}),
    "skipped": (["open", "close"], {"service": "cron", "options": "debug"}),
    "elevated": (["item:TTY=pts/3", "item:RUSER=ann", "open", "open", "close"], {"service": "su", "options": "debug"}),
    "not-elevated": (["open", "close"], {"service": "sudo", "user": "nobody", "options": "debug"}),
    "no-room-for-marks": (["open", "close"], {"service": "sudo", "directory": "/" + "d" * 500 + "/sessions"}),
    "only-elevations": (["open", "close"], {"options": "elevations debug"}),
    "unknown-user": (["open", "close"], {"user": "no-such-user"}),
    "no-directory": (["open", "close"], {"directory": "/nonexistent/reaper/sessions"}),
    "root-directory": (["open", "close"], {"directory": "/sessions", "setup": "mount -t tmpfs -o ro,mode=755 x /mnt"}),
    "require": (["open"], {"directory": "relative", "options": "require"}),
    "elsewhere": (["open", "fork-close", "fork-end", "fork-end-silent", "close"], {}),
    "misplaced": (["auth", "setcred", "acct", "passwd"], {}),
    "limited": (["fsize:0", "open", "close"], {"service": "su"}),
    "many-groups": (["open", "close"], {"user": "ann", "setup": MANY_GROUPS}),
    "unprivileged": (["open", "seteuid:65534", "close", "seteuid:0"], {}),
}


def login(stack, name):
    steps, how = LOGINS[name]
    if name == "misplaced":
        module = stack.build.module
        stack.configure("login", f"auth required {module}\naccount required {module}\npassword required {module}\n")
    return stack.finish(stack.start(*steps, **how))


@pytest.mark.parametrize("name", LOGINS)
def test_sanitizers_are_silent(stack, sanitized, name):
    stack.build = sanitized
    result = login(stack, name)
    assert (result.status, result.stderr) == (0, "")
    assert all(line.split()[0] for line in result.output)


def test_sanitizers_are_active(sanitized):
    """Their silence means nothing if they are not active."""
    text = sanitized.module.read_bytes()
    assert b"__asan_report_load" in text
    assert b"__ubsan_handle_" in text


@pytest.mark.parametrize("name", LOGINS)
def test_valgrind_is_silent(stack, name):
    valgrind = shutil.which("valgrind")
    assert valgrind, "no valgrind here: `make test` installs it"
    options = ["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite,possible"]
    stack.build = replace(stack.build, prefix=(valgrind, *options))
    result = login(stack, name)
    assert (result.status, result.stderr) == (0, "")


@pytest.mark.parametrize("directory", ["", "/nonexistent/reaper/sessions"], ids=["recorded", "in-trouble"])
def test_no_descriptor_leaks(stack, directory):
    """A thousand logins of one process leave no descriptor open; its libpam and syslog keep theirs after the first.

    A private mount leaves /dev/log out in the second case, or the thousand lines would wait for a reader.
    """
    setup = "umount /dev/log; rm /dev/log" if directory else ""
    result = stack.run("repeat:1", "fds", "repeat:1000", "fds", directory=directory, setup=setup)
    assert [line for line in result.output if line.startswith("repeat")] == ["repeat:1 0", "repeat:1000 0"]
    before, after = [line for line in result.output if line.startswith("fds")]
    assert before == after
    assert stack.records() == {}
    assert result.log == []


def test_program_run_by_the_login_inherits_no_descriptor(stack, tmp_path):
    """O_CLOEXEC is set on every descriptor, even if it is open only for a moment."""
    strace = shutil.which("strace")
    assert strace, "no strace here: `make test` installs it"
    trace = tmp_path / "trace"
    stack.build = replace(
        stack.build, prefix=(strace, "-qq", "-e", "trace=open,openat,openat2,creat", "-o", str(trace))
    )
    login = stack.start("open", "close")
    stack.finish(login)
    _, stat, ours = trace.read_text().partition('"/proc/self/stat"')
    opened = re.findall(r'"([^"]*)", ([A-Z_|]+)', '"/proc/self/stat"' + ours)
    assert stat
    assert str(stack.directory.parent) in dict(opened)
    assert "sessions" in dict(opened)
    assert [path for path, flags in opened if "O_CLOEXEC" not in flags] == []
