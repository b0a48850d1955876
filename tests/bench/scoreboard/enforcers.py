"""The enforcers, each set up as its own manual recommends, all with the same limit.

To check whether a column is fair, read this file: it has all of the setup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.host.lab import Host, build_deb

from .scenario import LIMIT

SECONDS = f"{LIMIT:.0f}"

# As packaged, except for the limit, its warning, and the brake, which would delay many sessions that end at once, as
# here. Some of the scenarios need the rules; a user is named after the scenario.
REAPER = f"""\
brake: {{sessions: unlimited}}
environments:
  standard: {{idle: {SECONDS}s, warn: [20s]}}
rules:
  - {{name: busy, match: {{user: "busy-*"}}, busy: [dpkg, rsync]}}
  - {{name: share, match: {{user: share-activity}}, share_activity: user}}
  - {{name: port, match: {{user: port-that-counts}}, activity: [input, network]}}
"""

# logind.conf(5). logind is restarted before the first login.
LOGIND = f"[Login]\nStopIdleSessionSec={SECONDS}\n"

# sshd_config(5). OpenSSH 9.2 has limits for each channel alone; from 9.7 on, `global` takes them together, so that a
# user with several windows on one connection loses none. The second line is for connections without any channel.
SSHD = {
    "bookworm": f"ChannelTimeout *={SECONDS}\nUnusedConnectionTimeout {SECONDS}\n",
    "trixie": f"ChannelTimeout global={SECONDS}\nUnusedConnectionTimeout {SECONDS}\n",
}

# bash(1), TMOUT, and readonly so that nobody just unsets it. Login shells read the first file, others the second, and
# zsh, which knows TMOUT too, the third.
TMOUT = f'[ -n "$TMOUT" ] || readonly TMOUT={SECONDS}\nexport TMOUT\n'

# autolog.conf(5): it warns after the limit, which is in minutes, and ends the session `grace` seconds later. Without
# `nolostkill` it kills processes that it takes for left over: those of all users, if there is no utmp.
AUTOLOG = f"name=root idle=-1\nidle={LIMIT / 60:.0f} grace=5 nomail\nnolostkill\n"


@dataclass(frozen=True)
class Enforcer:
    """One way to end idle sessions. `files` go to the host, then `commands` run there."""

    title: str
    files: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)  # by suite if they differ
    commands: tuple[str, ...] = ()
    before: Callable[[Host], object] | None = None
    version: str = "true"  # prints the version for the page
    note: str = ""  # what the table does not show

    def apply(self, host: Host) -> str:
        """Puts it in force; returns its version."""
        if self.before is not None:
            self.before(host)
        for path, text in self.files.items():
            host.write(path, text if isinstance(text, str) else text[host.suite])
        for command in self.commands:
            host.shell(command)
        return host.shell(self.version).stdout.strip()


def of_package(name: str) -> str:
    return f"dpkg-query --show --showformat='${{Package}} ${{Version}}' {name}"


ENFORCERS = {
    "reaper": Enforcer(
        "reaper",
        {"/etc/reaper/reaper.d/scoreboard.yaml": REAPER},
        ("systemctl reload reaper.service", "reaperctl check >/dev/null"),
        lambda host: host.install(build_deb(host.suite)),
        of_package("idle-reaper"),
    ),
    "logind": Enforcer(
        "logind `StopIdleSessionSec`",
        {"/etc/systemd/logind.conf.d/idle.conf": LOGIND},
        ("systemctl restart systemd-logind.service",),
        version=of_package("systemd"),
    ),
    "sshd": Enforcer(
        "sshd `ChannelTimeout`",
        {"/etc/ssh/sshd_config.d/idle.conf": SSHD},
        ("sshd -t", "systemctl restart ssh.service sshd-admin.service"),
        version=of_package("openssh-server"),
    ),
    "tmout": Enforcer(
        "shell `TMOUT`",
        {"/etc/profile.d/tmout.sh": TMOUT},
        ("cat /etc/profile.d/tmout.sh >> /etc/bash.bashrc", "cat /etc/profile.d/tmout.sh >> /etc/zsh/zshrc"),
        version=of_package("bash"),
    ),
    "autolog": Enforcer(
        "autolog",
        {"/etc/autolog.conf": AUTOLOG},
        ("systemctl enable --now autolog.service",),
        note="it warns one session after the other and sleeps meanwhile, so that it is late with so many sessions. "
        "Without others, it warned a shell that was left at its prompt and ended it after 131 s (Debian 12)",
        version=of_package("autolog"),
    ),
    "nobody": Enforcer("nobody (control)"),
}
REAL = tuple(name for name in ENFORCERS if name != "nobody")
