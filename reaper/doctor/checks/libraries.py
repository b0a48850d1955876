"""Whether the Python packages are there that reaper needs. Pure: the names of those that are missing go in."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from reaper.decide.policy.rules import Policy
from reaper.doctor.checks.locking import rules_that_lock
from reaper.doctor.findings import Finding, error, note, warning

NEEDED = {"yaml": "python3-yaml (EL: python3-pyyaml)", "systemd": "python3-systemd"}
FOR_PROCESSES = {"psutil": "python3-psutil"}
# Debian's python3-pampy imports six and does not depend on it.
TO_LOCK = {"pam": "python3-pampy (EL: python3-pam)", "six": "python3-six"}


def check(missing: Collection[str], policy: Policy | None) -> Iterator[Finding]:
    """What cannot be done without them."""
    for module, package in NEEDED.items():
        if module in missing:
            yield error("python-missing", f"Python has no module {module}: reaperd cannot run.", f"install {package}")
    for module, package in FOR_PROCESSES.items():
        if module in missing:
            message = "Python has no module psutil: reaperctl explain and list -l cannot say what runs."
            yield note("python-psutil-missing", message, f"install {package}")
    for_lock = [package for module, package in TO_LOCK.items() if module in missing]
    if not for_lock:
        return
    if rules_that_lock(policy):
        message = "The policy locks sessions, and Python cannot ask PAM: such sessions are ended instead."
        yield warning("python-pam-missing", message, f"install {' and '.join(for_lock)}")
    else:
        message = "Python cannot ask PAM, which only locking needs, and no rule locks."
        yield note("python-pam-missing", message, f"install {' and '.join(for_lock)}")
