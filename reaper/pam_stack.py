"""PAM's files as libpam puts them together: the lines of a service, those of included files in their place.

Pure: who reads the files is given, as a function. What the lines are worth is judged where it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# libpam's order (_pam_init_handlers): the administrator's files, then the distribution's.
DIRECTORIES = ("/etc/pam.d", "/usr/lib/pam.d")
INCLUDES = ("include", "substack")
KINDS = ("auth", "account", "password", "session")
DEEPEST = 16
"""libpam's own limit for a file that includes a file (PAM_SUBSTACK_MAX_LEVEL)."""
MOST_LINES, MOST_FILES = 1000, 200
"""Of one stack: sixteen levels of files that each include two others would be no end, with lines in them or without."""
# pam.conf(5): words with spaces stand in brackets. One that is not closed takes the rest of the line, as in libpam; to
# look for the end of each would take quadratic time.
_WORD = re.compile(r"\[((?:[^\]\\]|\\.?)*)(?:\]|\Z)|(\S+)")
# What asks /etc/shadow, and what stands in auth stacks and asks for no proof of its own.
_BY_SHADOW = frozenset(
    f"pam_{name}.so"
    for name in (
        "access", "cap", "cracklib", "debug", "deny", "echo", "ecryptfs", "env", "faildelay", "faillock",
        "gnome_keyring", "group", "issue", "keyinit", "kwallet", "kwallet5", "limits", "listfile", "localuser",
        "loginuid", "lastlog", "mail", "motd", "mount", "nologin", "passwdqc", "permit", "pwhistory", "pwquality",
        "reaper", "rootok", "securetty", "selinux", "sepermit", "shells", "succeed_if", "systemd", "systemd_home",
        "systemd_loadkey", "tally", "tally2", "time", "timestamp", "tmpdir", "tty_audit", "umask", "unix", "usertype",
        "warn", "wheel", "xauth",
    )
)  # fmt: skip

Read = Callable[[str], "str | None"]
"""The text of a file of the host by its path; None where there is none."""


@dataclass(frozen=True)
class PamLine:
    """One line of a PAM file (pam.d(5)). `kind` is lower case, `*` in an @include, whose `module` is the file."""

    kind: str
    control: str
    module: str
    arguments: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The name of the module's file."""
        return self.module.rpartition("/")[2]


def parse_lines(text: str) -> tuple[PamLine, ...]:
    """The lines of a file in /etc/pam.d. What is no such line is passed over."""
    lines = []
    for written in text.replace("\\\n", " ").split("\n"):
        words = [bracketed if bracketed else word for bracketed, word in _WORD.findall(written.partition("#")[0])]
        if len(words) == 2 and words[0] == "@include":
            lines.append(PamLine("*", "include", words[1]))
        elif len(words) >= 3 and words[0].lstrip("-").lower() in KINDS:
            lines.append(PamLine(words[0].lstrip("-").lower(), words[1].lower(), words[2], tuple(words[3:])))
    return tuple(lines)


def find(name: str, read: Read) -> str | None:
    """The text of a service, or of an included file; None where there is none."""
    places = [name] if name.startswith("/") else [f"{directory}/{name}" for directory in DIRECTORIES]
    return next((text for text in map(read, places) if text is not None), None)


def collect(text: str, kind: str, read: Read) -> tuple[PamLine, ...]:
    """The lines of one kind (`auth`, `session`) of a service whose file has this text."""
    lines: list[PamLine] = []
    _collect(text, kind, read, lines, [], 0)
    return tuple(lines)


def _collect(text: str, kind: str, read: Read, lines: list[PamLine], included: list[str], depth: int) -> None:
    for line in parse_lines(text):
        if line.kind not in ("*", kind) or len(lines) >= MOST_LINES:
            continue
        if line.control not in INCLUDES:
            lines.append(line)
        elif depth < DEEPEST and len(included) < MOST_FILES:
            included.append(line.module)
            _collect(find(line.module, read) or "", kind, read, lines, included, depth + 1)


def asks_elsewhere(lines: Iterable[PamLine], *, has_sssd: bool) -> bool:
    """Whether an auth stack may let in somebody who has no password in /etc/shadow.

    What is not known here is taken for a module that may. EL's stacks name pam_sss.so on every host, and without
    a configuration of sssd (`has_sssd`) there is nobody behind it.
    """
    known = _BY_SHADOW if has_sssd else _BY_SHADOW | {"pam_sss.so"}
    return any(line.base not in known for line in lines)
