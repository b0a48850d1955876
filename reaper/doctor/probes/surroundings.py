"""Reads the policy files, logind, shell files, kernel, journal, clock and Python modules, and collects all facts."""

from __future__ import annotations

import importlib.util
import os
import re
import time
from collections.abc import Iterable

from reaper import procfs
from reaper.doctor.checks.clock import Clock
from reaper.doctor.checks.journal import JournalFacts, parse_settings
from reaper.doctor.checks.kernel import Kernel, parse_mounts
from reaper.doctor.checks.libraries import FOR_PROCESSES, NEEDED, TO_LOCK
from reaper.doctor.checks.logind import LogindFacts, parse_property, parse_span
from reaper.doctor.checks.pam import Pam
from reaper.doctor.checks.rules import Files
from reaper.doctor.checks.shell import Tmout, parse_tmout
from reaper.doctor.checks.sshd import Sshd
from reaper.doctor.diagnose import Facts
from reaper.doctor.probes import daemon_status, listeners, pam_services, sshd_config, sudo_files, unlock_methods
from reaper.doctor.probes.reader import HostReader

LOGIND = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
# The files that bash, ksh and zsh read as login or interactive shells, and those that PAM sets the environment from.
SHELL_FILES = ("/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/ksh.kshrc", "/etc/kshrc", "/etc/zsh/zshenv",
               "/etc/zsh/zprofile", "/etc/zsh/zshrc", "/etc/zsh/zlogin", "/etc/zshenv", "/etc/zprofile", "/etc/zshrc",
               "/etc/environment", "/etc/default/locale", "/etc/security/pam_env.conf")  # fmt: skip
PROFILES = "/etc/profile.d"
CATALOGED = "reaper: "
JOURNALS = "/var/log/journal"
# The file that journald writes a user's entries to; the archived ones have an "@" after the number.
_USER_FILE = re.compile(r"user-[0-9]+\.journal", re.ASCII)


def probe(host: HostReader, version: str) -> Facts:
    """Returns all facts that the checks need; `version` is that of the installed package."""
    unchecked: list[str] = []
    missing = tuple(name for name in (*NEEDED, *FOR_PROCESSES, *TO_LOCK) if importlib.util.find_spec(name) is None)
    ssh, is_complete = sshd_config.probe(host)
    if not is_complete:
        unchecked.append("all of sshd's configuration")
    logind = _logind(host)
    if logind.answers is None:
        unchecked.append("logind's settings")
    daemon = daemon_status.probe(host)
    if daemon.unit is None:
        unchecked.append("the unit reaper.service")
    servers, units, is_complete = listeners.probe(host)
    if not is_complete and daemon.unit is not None:
        unchecked.append("by which other programs users log in")
    others = [
        (unit, sshd_config.probe(host, options)[0])
        for unit, options in listeners.sshd_options(units, sshd_config.PROGRAM)
    ]
    other_sshds = tuple((unit, each) for unit, each in others if each is not None)
    sudoers, is_complete = sudo_files.probe(host)
    if not is_complete:
        unchecked.append("sudo's configuration")
    files = Files() if "yaml" in missing else _policy(host, unchecked)
    lock, is_complete = unlock_methods.probe(host, daemon.logins, files.policy)
    if not is_complete:
        unchecked.append("which users could unlock a session")
    return Facts(
        version=version,
        daemon=daemon,
        files=files,
        pam=_pam(host, [*_pam_services(ssh, other_sshds), *servers.pam_services], unchecked),
        sshd=ssh,
        other_sshds=other_sshds,
        servers=servers,
        sudo=sudoers,
        logind=logind,
        tmouts=_tmouts(host),
        kernel=_kernel(host),
        journal=_journal(host),
        clock=_clock(host),
        locking=lock,
        is_root=host.is_root,
        missing_modules=missing,
        unchecked=tuple(unchecked),
    )


def _policy(host: HostReader, unchecked: list[str]) -> Files:
    from reaper.decide.policy.files.parse import parse
    from reaper.decide.policy.files.problems import PolicyError
    from reaper.sense.policy_files import read_sources

    try:
        return Files(parse(read_sources(host.root)))
    except PolicyError as error:
        if not host.is_root and any("Permission denied" in problem.message for problem in error.problems):
            unchecked.append("the policy files")
            return Files()
        return Files(problem=str(error.problems[0]))


def _pam_services(ssh: Sshd | None, others: Iterable[tuple[str, Sshd]]) -> Iterable[str]:
    """Returns the PAM services of every sshd that uses PAM, or may use it."""
    sshds = [*([ssh] if ssh else []), *(each for _, each in others)]
    return [each.pam_service for each in sshds if each.use_pam is not False]


def _pam(host: HostReader, services: Iterable[str], unchecked: list[str]) -> Pam:
    try:
        return pam_services.probe(host, services)
    except PermissionError:
        unchecked.append("PAM's configuration")
        return Pam((), (), has_module=True, has_updater=False)


def _logind(host: HostReader) -> LogindFacts:
    kills = _property(host, "KillUserProcesses")
    if kills is None:
        has_busctl = host.run(["busctl", "--version"]) is not None
        return LogindFacts(False if has_busctl else None)
    version = host.run(["systemctl", "--version"])
    return LogindFacts(
        answers=True,
        stop_idle_usec=parse_span(_property(host, "StopIdleSessionUSec") or ""),
        kills_user_processes=kills == "true",
        knows_ssh_terminals=version is not None and "+UTMP" in version.output and host.exists("/run/utmp"),
    )


def _property(host: HostReader, name: str) -> str | None:
    """Returns a property of logind; None if logind does not have it, or does not answer."""
    result = host.run(["busctl", "get-property", *LOGIND, name])
    return parse_property(result.output) if result is not None and result.status == 0 else None


def _tmouts(host: HostReader) -> tuple[Tmout, ...]:
    profiles = [f"{PROFILES}/{name}" for name in host.names(PROFILES) if name.endswith(".sh")]
    found: list[Tmout] = []
    for path in (*SHELL_FILES, *profiles):
        try:
            text = host.read(path)
        except PermissionError:  # the user's shell cannot read it either
            continue
        found += parse_tmout(path, text or "")
    return tuple(found)


def _kernel(host: HostReader) -> Kernel:
    release = host.read("/proc/sys/kernel/osrelease") or ""
    allows_tiocsti = (host.read("/proc/sys/dev/tty/legacy_tiocsti") or "").strip() == "1"
    mounts = host.read("/proc/self/mountinfo") or ""
    return parse_mounts(release.strip(), mounts, allows_tiocsti=allows_tiocsti, uncounted=_why_uncounted(host))


def _why_uncounted(host: HostReader) -> str:
    """Returns why pidfd_getfd(2) on another process fails, or "".

    It is tried on a descriptor of our own, which only a system call filter can forbid.
    """
    if (host.read("/proc/sys/kernel/yama/ptrace_scope") or "").strip() == "3":
        return "kernel.yama.ptrace_scope is 3"
    reader, writer = os.pipe()
    try:
        os.close(procfs.take_descriptor(os.getpid(), reader))
    except OSError as error:
        return f"pidfd_getfd: {error.strerror}"
    finally:
        os.close(reader)
        os.close(writer)
    return ""


def _journal(host: HostReader) -> JournalFacts:
    result = host.run(["systemd-analyze", "--no-pager", "cat-config", "systemd/journald.conf"])
    settings = parse_settings(result.output if result is not None else "")
    catalog = host.run(["journalctl", "--no-pager", "--list-catalog"])
    has_catalog = None if catalog is None or catalog.status != 0 else CATALOGED in catalog.output
    directory = f"{JOURNALS}/{(host.read('/etc/machine-id') or '').strip()}"
    user_files = sum(_USER_FILE.fullmatch(name) is not None for name in host.names(directory))
    return JournalFacts(
        settings.storage, host.exists(JOURNALS), settings.burst, has_catalog, settings.most_files, user_files
    )


def _clock(host: HostReader) -> Clock:
    result = host.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    is_synchronized = {"yes": True, "no": False}.get(result.output.strip()) if result is not None else None
    return Clock(time.time() >= os.stat(__file__).st_mtime, is_synchronized)
