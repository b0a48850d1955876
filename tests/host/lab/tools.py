"""What the lab needs of the machine, installed if it is not there."""

from __future__ import annotations

import glob
import importlib.util
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping

from .errors import LabError
from .trees import say

TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "ssh": "openssh-client",
    "git": "git",
}

# What the tests need besides: a command, or a file, and the package that has it.
TEST_TOOLS = {
    **TOOLS,
    "cc": "gcc",
    "clang": "clang",
    "clang-format": "clang-format",
    "dpkg-buildflags": "dpkg-dev",
    "fish": "fish",
    "gcc": "gcc",
    "mandoc": "mandoc",
    "objdump": "binutils",
    "pkg-config": "pkg-config",
    "rpmspec": "rpm",
    "shellcheck": "shellcheck",
    "strace": "strace",
    "systemd-analyze": "systemd",
    "valgrind": "valgrind",
    "zsh": "zsh",
    # The runtimes of clang's sanitizers and of libFuzzer, in the directory of clang's version.
    "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a": "libclang-rt-dev",
    f"{sysconfig.get_path('include')}/Python.h": "python3-dev",
    "/usr/include/security/pam_modules.h": "libpam0g-dev",
    "/usr/include/systemd/sd-daemon.h": "libsystemd-dev",
}

# What virtual machines need besides.
VM_TOOLS = {
    **TOOLS,
    "mke2fs": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
    "ssh-keygen": "openssh-client",
}


def require_tools(tools: Mapping[str, str] = TOOLS) -> None:
    """Installs by apt the packages whose tools are missing, and says so.

    `tools` maps a command, or a path with the wildcards of glob(7), to its package.
    """
    if os.geteuid() != 0:
        raise LabError("booting hosts needs root", "run it as root, or with sudo")
    missing = sorted({package for tool, package in tools.items() if not found(tool)} | missing_venv(tools))
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise LabError(
            f"not installed: {', '.join(missing)}", "install these packages; here is no apt-get to do it with"
        )
    say(f"installing {', '.join(missing)} …")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "-q", "-y", "--no-install-recommends", "install", *missing]
    for words in (["apt-get", "-q", "update"], install):
        result = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
        )
        if result.returncode != 0:
            raise LabError(f"{' '.join(words)} exited {result.returncode}", (result.stdout + result.stderr)[-4000:])


def found(tool: str) -> bool:
    if tool.startswith("/"):
        return bool(glob.glob(tool))
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return shutil.which(tool, path=path) is not None


def missing_venv(tools: Mapping[str, str]) -> set[str]:
    """Debian's python3 cannot make a virtual environment before python3-venv is there."""
    if tools is TEST_TOOLS and importlib.util.find_spec("ensurepip") is None:
        return {"python3-venv"}
    return set()
