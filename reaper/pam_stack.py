"""Puts PAM's files together as libpam does: the lines of a service, with those of included files in their place.

Pure: the caller passes a function that reads the files. What the lines mean is judged by the callers.
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
"""For one stack: sixteen levels of files that each include two others would never end, with lines or without."""
# pam.conf(5): words with spaces stand in brackets. A bracket that is not closed takes the rest of the line, as in
# libpam; looking for the end of each one would take quadratic time.
_WORD = re.compile(r"\[((?:[^\]\\]|\\.?)*)(?:\]|\Z)|(\S+)")
# The modules that ask /etc/shadow, and those in auth stacks that ask for no proof of identity.
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
"""Returns the text of a file of the host by its path; None where there is none."""


@dataclass(frozen=True)
class PamLine:
    """One line of a PAM file (pam.d(5)). `kind` is lower case, `*` in an @include, whose `module` is the file."""

    kind: str
    control: str
    module: str
    arguments: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The file name of the module."""
        return self.module.rpartition("/")[2]


def parse_lines(text: str) -> tuple[PamLine, ...]:
    """Parses a file in /etc/pam.d; skips lines of any other form."""
    lines = []
    for written in text.replace("\\\n", " ").split("\n"):
        words = [bracketed if bracketed else word for bracketed, word in _WORD.findall(written.partition("#")[0])]
        if len(words) == 2 and words[0] == "@include":
            lines.append(PamLine("*", "include", words[1]))
        elif len(words) >= 3 and words[0].lstrip("-").lower() in KINDS:
            lines.append(PamLine(words[0].lstrip("-").lower(), words[1].lower(), words[2], tuple(words[3:])))
    return tuple(lines)


def find(name: str, read: Read) -> str | None:
    """Returns the text of a service or of an included file; None where there is none."""
    places = [name] if name.startswith("/") else [f"{directory}/{name}" for directory in DIRECTORIES]
    return next((text for text in map(read, places) if text is not None), None)


def collect(text: str, kind: str, read: Read) -> tuple[PamLine, ...]:
    """Returns the lines of one kind (`auth`, `session`) of a service whose file has this text."""
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
    """Returns whether an auth stack may accept somebody who has no password in /etc/shadow.

    A module that is not known here counts as one that may. EL's stacks name pam_sss.so on every host, and without a
    configuration of sssd (`has_sssd`) it accepts nobody.
    """
    known = _BY_SHADOW if has_sssd else _BY_SHADOW | {"pam_sss.so"}
    return any(line.base not in known for line in lines)
