"""The built file itself: what it exports, calls and stores, and how it is linked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HOOK = Path(__file__).resolve().parents[2] / "pam_hook"


def output(*command: object) -> str:
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def symbols(module: Path, which: str) -> set[str]:
    return {line.split()[-1].split("@")[0] for line in output("nm", "-D", which, module).splitlines()}


def test_exports(release):
    assert symbols(release.module, "--defined-only") == {
        "pam_sm_acct_mgmt",
        "pam_sm_authenticate",
        "pam_sm_chauthtok",
        "pam_sm_close_session",
        "pam_sm_open_session",
        "pam_sm_setcred",
    }


def test_calls_nothing_that_forks_waits_or_is_not_reentrant(release):
    forbidden = re.compile(
        r"fork|exec|spawn|system|popen|wait|sleep|select|poll|pthread|signal|sigaction|alarm|setjmp|umask|chdir|"
        r"set.*[ug]id|setenv|putenv|getpwnam$|getpwuid$|strtok$|socket|connect|dlopen|syslog$|openlog"
    )
    assert not {name for name in symbols(release.module, "--undefined-only") if forbidden.match(name.lstrip("_"))}


def test_keeps_no_mutable_state(release):
    """Objects in .data and .bss are only the compiler's own."""
    own = {"__dso_handle", "__TMC_END__", "completed.0", "DW.ref.__gcc_personality_v0"}
    objects = re.findall(
        r"(?m)^\S+ .{7} \.(?:data|bss)\t\S+\s+(?:\.hidden )?(\S+)$", output("objdump", "-t", release.module)
    )
    assert objects, "objdump's table has changed"
    assert {name for name in objects if not name.startswith(".")} <= own


def test_is_hardened(release):
    dynamic = output("readelf", "-dW", release.module)
    assert "BIND_NOW" in dynamic
    assert set(re.findall(r"NEEDED.*\[(.*)\]", dynamic)) == {"libpam.so.0", "libc.so.6"}
    headers = output("readelf", "-lW", release.module)
    assert "GNU_RELRO" in headers
    assert re.search(r"GNU_STACK.* RW ", headers)
    imports = symbols(release.module, "--undefined-only")
    assert "__stack_chk_fail" in imports
    assert any(name.endswith("_chk") and name != "__stack_chk_fail" for name in imports), "not fortified"


def test_install_uses_destdir_and_pamdir(tmp_path):
    subprocess.run(
        [
            "make",
            "-s",
            "-C",
            HOOK,
            f"BUILD={tmp_path}/b",
            f"DESTDIR={tmp_path}/root",
            "PAMDIR=/lib/security",
            "install",
        ],
        check=True,
    )
    installed = [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
    assert installed == [tmp_path / "root/lib/security/pam_reaper.so"]
    assert installed[0].stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("level", ["-O0", "-O2", "-O3"])
def test_builds_without_a_warning(tmp_path, compiler, level):
    """-Werror is in the makefile; which warnings exist depends on the compiler and its level of analysis."""
    assert shutil.which(compiler), f"no {compiler} here: `make test` installs it"
    subprocess.run(["make", "-s", "-C", HOOK, f"BUILD={tmp_path}", f"CC={compiler}", f"CFLAGS={level} -g"], check=True)


@pytest.mark.parametrize("profile", [{}, {"DEB_BUILD_MAINT_OPTIONS": "hardening=+all"}], ids=["default", "all"])
def test_builds_with_the_flags_of_a_package(tmp_path, profile):
    assert shutil.which("dpkg-buildflags"), "no dpkg-buildflags here: `make test` installs it"
    environment = {**os.environ, **profile}
    lines = subprocess.run(
        ["dpkg-buildflags"], check=True, stdout=subprocess.PIPE, text=True, env=environment
    ).stdout.splitlines()
    flags = {name: value for name, _, value in (line.partition("=") for line in lines)}
    given = [f"{name}={flags[name]}" for name in ("CPPFLAGS", "CFLAGS", "LDFLAGS")]
    subprocess.run(["make", "-s", "-C", HOOK, f"BUILD={tmp_path}", *given], check=True)
