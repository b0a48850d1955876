"""The lab: throwaway Debian hosts with real systemd, logind, journald, PAM and sshd, and real terminals to log in from.

Standard library only, so that the demo needs no virtual environment. `python3 -m tests.host.lab` prepares trees, builds
packages and boots a host to look around in.

    with Host("bookworm") as host:
        host.install(build_deb("bookworm"))
        host.add_user("alice")
        with host.ssh("alice") as terminal:
            terminal.prompt()
            terminal.send("echo hello\\n")
            terminal.expect("hello")
        host.wait_journal(lambda entry: entry.get("REAPER_EVENT") == "closed", timeout=20)

Theory of operation. A base tree is debootstrapped once per suite and never written again: every host sees it as the
lower layer of an overlay whose upper layer is a tmpfs, in a mount namespace of its own. A guard process (guard.py)
makes that namespace, starts systemd-nspawn in it, and holds the read end of a pipe from whoever asked for the host: at
end of file it powers the host off. So nothing outlives the caller, not even when the caller is killed outright: the
processes end with the guard, the mounts and files with the namespace.
"""

from __future__ import annotations

from .debs import build_deb
from .errors import LabError
from .host import Host
from .terminal import ExpectError, SshClient, Terminal
from .tools import require_tools
from .trees import DEFAULT_SUITES, SUITES, base_tree, build_tree, cache_directory
from .workstation import Workstation

__all__ = [
    "DEFAULT_SUITES",
    "SUITES",
    "ExpectError",
    "Host",
    "LabError",
    "SshClient",
    "Terminal",
    "Workstation",
    "base_tree",
    "build_deb",
    "build_tree",
    "cache_directory",
    "require_tools",
]
