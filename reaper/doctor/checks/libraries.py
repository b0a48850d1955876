"""Checks that the Python packages that reaper needs are installed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from reaper.decide.policy.rules import Policy
from reaper.doctor.checks.locking import rules_that_lock
from reaper.doctor.findings import Finding, error, note, warning

# A Python module, and the package that has it on Debian and on EL.
NEEDED = {"yaml": ("python3-yaml", "python3-pyyaml"), "systemd": ("python3-systemd", "python3-systemd")}
FOR_PROCESSES = {"psutil": ("python3-psutil", "python3-psutil")}
# Debian's python3-pampy imports six and does not depend on it.
TO_LOCK = {"pam": ("python3-pampy", "python3-pam"), "six": ("python3-six", "python3-six")}


def check(missing: Collection[str], policy: Policy | None) -> Iterator[Finding]:
    """Yields what cannot work without the missing modules."""
    for module, packages in NEEDED.items():
        if module in missing:
            message = f"The Python module {module} is missing: reaperd cannot run."
            yield error("python-missing", message, _install([packages]))
    for module, packages in FOR_PROCESSES.items():
        if module in missing:
            message = f"The Python module {module} is missing: reaperctl explain and list -l cannot show processes."
            yield note("python-psutil-missing", message, _install([packages]))
    for_lock = [packages for module, packages in TO_LOCK.items() if module in missing]
    if not for_lock:
        return
    if rules_that_lock(policy):
        message = "The policy locks sessions, but Python cannot ask PAM: these sessions are ended instead."
        yield warning("python-pam-missing", message, _install(for_lock))
    else:
        message = "Python cannot ask PAM. Only locking needs that, and no rule locks sessions."
        yield note("python-pam-missing", message, _install(for_lock))


def _install(packages: Iterable[tuple[str, str]]) -> str:
    debian, el = (" ".join(names) for names in zip(*packages))
    return f"apt-get install {debian} (EL: dnf install {el})"
