"""The enforcers, each set up as its own manual recommends, all with the same limit.

Whoever doubts that a column is fair finds all of it here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.host.lab import Host, build_deb

from .scenario import LIMIT

SECONDS = f"{LIMIT:.0f}"

# As packaged, but for the limit, its warning, and the brake: it is there to stop a mass of ends, which is what is
# wanted here. The rules are what some of the scenarios are about; a user is named after the scenario.
REAPER = f"""\
brake: {{sessions: unlimited}}
environments:
  standard: {{idle: {SECONDS}s, warn: [20s]}}
rules:
  - {{name: busy, match: {{user: "busy-*"}}, busy: [dpkg, rsync]}}
  - {{name: share, match: {{user: share-activity}}, share_activity: user}}
  - {{name: port, match: {{user: port-that-counts}}, activity: [input, network]}}
"""

# logind.conf(5). The login manager is told before anybody is in.
LOGIND = f"[Login]\nStopIdleSessionSec={SECONDS}\n"

# sshd_config(5). 9.2 has limits for each channel alone; from 9.7 on, `global` takes them together, so that who has
# several windows on one connection loses none. The second line is for connections that have no channel at all.
SSHD = {
    "bookworm": f"ChannelTimeout *={SECONDS}\nUnusedConnectionTimeout {SECONDS}\n",
    "trixie": f"ChannelTimeout global={SECONDS}\nUnusedConnectionTimeout {SECONDS}\n",
}

# bash(1), TMOUT, and readonly so that nobody just unsets it. Login shells read the first file, others the second, and
# zsh, which knows TMOUT too, the third.
TMOUT = f'[ -n "$TMOUT" ] || readonly TMOUT={SECONDS}\nexport TMOUT\n'

# autolog.conf(5): warned after the limit, which it knows in minutes, ended `grace` seconds later. Without `nolostkill`
# it kills what it takes for left over: everybody, where there is no utmp.
AUTOLOG = f"name=root idle=-1\nidle={LIMIT / 60:.0f} grace=5 nomail\nnolostkill\n"


@dataclass(frozen=True)
class Enforcer:
    """One way to end idle sessions. `files` go to the host, then `commands` run there."""

    title: str
    files: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)  # by suite, where it matters
    commands: tuple[str, ...] = ()
    before: Callable[[Host], object] | None = None
    version: str = "true"  # prints what the page says of the version
    note: str = ""  # what the table does not tell

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
        note="it warns one session after the other and sleeps meanwhile, so that it is late in this crowd. With nobody "
        "else there, it warned a shell left at its prompt and ended it after 131 s (Debian 12)",
        version=of_package("autolog"),
    ),
    "nobody": Enforcer("nobody (control)"),
}
REAL = tuple(name for name in ENFORCERS if name != "nobody")
