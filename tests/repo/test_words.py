"""What no file of the repository says."""

from __future__ import annotations

import os
import re

from .tree import ROOT, files


def test_no_unfinished_business():
    words = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
    assert findings(words) == []


def test_no_host_of_a_package_registry():
    """The distribution and pip know where their packages are; a host name here would break who has a mirror."""
    hosts = ["py" + "pi.org", "python" + "hosted.org", "deb." + "debian.org", "security." + "debian.org",
             "snapshot." + "debian.org", "archive." + "ubuntu.com", "docker" + ".io", "gh" + "cr.io", "npm" + "js.org",
             "proxy." + "golang.org", "crates" + ".io"]  # fmt: skip
    assert findings(re.compile("|".join(map(re.escape, hosts)))) == []


def test_no_path_of_the_machine_it_was_written_on():
    home = os.path.expanduser("~")
    paths = ["/wo" + "rk/", "/.py" + "env/", f"{home}/.cache", f"{home}/.local"]
    assert findings(re.compile("|".join(map(re.escape, paths)))) == []


def findings(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for name in files():
        # The inputs of tests/fuzz are bytes of any kind.
        for number, line in enumerate((ROOT / name).read_bytes().decode(errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    return found
