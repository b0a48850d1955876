"""What the lab needs of the machine, installed if it is not there."""

from __future__ import annotations

import os
import shutil
import subprocess
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


def require_tools(tools: Mapping[str, str] = TOOLS) -> None:
    """Installs by apt the packages whose tools are missing, and says so.

    `tools` maps a command, or a path, to its package.
    """
    if os.geteuid() != 0:
        raise LabError("booting hosts needs root", "run it as root, or with sudo")
    missing = sorted({package for tool, package in tools.items() if not found(tool)})
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
        return os.path.exists(tool)
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return shutil.which(tool, path=path) is not None
