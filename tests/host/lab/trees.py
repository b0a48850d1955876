"""The cached Debian trees: a base per suite to boot, and what the package's build needs on top of it.

A tree is made under a temporary name and renamed when it is whole; its name carries a hash of its recipe, so that a
changed recipe makes a new tree. The directory is REAPER_TEST_CACHE, by default /var/cache/reaper-tests; deleting it is
always safe when no test runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from .container import run_in
from .errors import LabError

SUITES = ("bullseye", "bookworm", "trixie")
DEFAULT_SUITES = ("bookworm", "trixie")

# What a person expects on a host, and what the package depends on and recommends: hosts have no network to fetch it
# from.
BASE_PACKAGES = (
    "cron",
    "dbus",
    "less",
    "libpam-systemd",
    "openssh-server",
    "procps",
    "python3",
    "python3-pampy",
    "python3-psutil",
    "python3-six",
    "python3-systemd",
    "python3-yaml",
    "sudo",
    "systemd",
    "systemd-sysv",
    "tmux",
    "vim-tiny",
)
BUILD_PACKAGES = (
    "build-essential",
    "debhelper",
    "dh-python",
    "libpam0g-dev",
    "pkg-config",
    "python3-all",
    "python3-setuptools",
    "lintian",
)
RECIPE = 2  # raise it to have every tree made again
DEBOOTSTRAP_SECONDS = 1200.0


def say(message: str) -> None:
    """Progress, for the person who waits."""
    print(f"lab: {message}", file=sys.stderr, flush=True)


def cache_directory() -> str:
    path = os.environ.get("REAPER_TEST_CACHE", "/var/cache/reaper-tests")
    os.makedirs(path, exist_ok=True)
    return path


def scratch_directory() -> str:
    """An empty directory for guards to mount on, each in a namespace of its own."""
    return os.path.join(cache_directory(), "scratch")


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Holds the lock of one thing in the cache, so that two runs do not both make it."""
    with open(os.path.join(cache_directory(), f".{name}.lock"), "w", encoding="ascii") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def remove_tree(path: str) -> None:
    if os.path.lexists(path):
        with contextlib.suppress(FileNotFoundError):  # another run may remove it as well
            shutil.rmtree(path)


def made_once(name: str, what: str, make: Callable[[str], None]) -> str:
    """The path of `name` in the cache; `make` fills it, in a directory of another name, if it is not there."""
    path = os.path.join(cache_directory(), name)
    if os.path.isdir(path):
        return path
    with only_one(name):
        if os.path.isdir(path):
            return path
        say(f"{what} …")
        start = time.monotonic()
        unfinished = f"{path}.unfinished"
        remove_tree(unfinished)
        os.makedirs(unfinished)
        try:
            make(unfinished)
        except BaseException:
            remove_tree(unfinished)
            raise
        os.rename(unfinished, path)
        say(f"{what}: done in {time.monotonic() - start:.0f} s")
    return path


def recipe_hash(*words: str) -> str:
    return hashlib.sha256("\n".join([str(RECIPE), *words]).encode()).hexdigest()[:12]


def base_tree(suite: str) -> str:
    """The tree that hosts of this suite boot."""
    if suite not in SUITES:
        raise LabError(f"unknown suite {suite!r}", f"known suites: {', '.join(SUITES)}")
    name = f"base-{suite}-{recipe_hash(*BASE_PACKAGES)}"
    return made_once(name, f"{suite}: debootstrap, about a minute", lambda path: debootstrap(suite, path))


def debootstrap(suite: str, path: str) -> None:
    # debootstrap mounts /proc in the tree; in namespaces of its own nothing stays mounted or running, however it ends.
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
    words += ["debootstrap", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}", suite, path]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    result = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=DEBOOTSTRAP_SECONDS,
        env=environment,
        check=False,
    )
    if result.returncode != 0:
        raise LabError(f"debootstrap of {suite} exited {result.returncode}", result.stdout[-4000:])
    for left_over in ("etc/resolv.conf", "etc/hostname", "var/lib/dbus/machine-id"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(path, left_over))
    with open(os.path.join(path, "etc/machine-id"), "w", encoding="ascii"):
        pass  # empty: every host gets an id of its own at boot, machine-id(5)
    shutil.rmtree(os.path.join(path, "var/cache/apt/archives"), ignore_errors=True)
    os.makedirs(os.path.join(path, "var/cache/apt/archives/partial"))


def build_tree(suite: str) -> list[str]:
    """The layers, topmost first, of a tree in which the package can be built."""
    return tree_with(suite, BUILD_PACKAGES, "build")


def tree_with(suite: str, packages: Sequence[str], stem: str = "with") -> list[str]:
    """The layers, topmost first, of the base tree with these packages installed on top; cached as the base is."""
    base = base_tree(suite)
    if not packages:
        return [base]
    name = f"{stem}-{suite}-{recipe_hash(*BASE_PACKAGES, *packages)}"

    def make(path: str) -> None:
        install = (
            "apt-get -q update && apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install"
        )
        command = [
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "sh",
            "-c",
            f"{install} {' '.join(packages)} && apt-get clean",
        ]
        try:
            run_in([base], scratch_directory(), command, DEBOOTSTRAP_SECONDS, upper=path)
        finally:
            remove_tree(f"{path}.work")

    what = "what the build needs" if stem == "build" else " ".join(packages)
    return [made_once(name, f"{suite}: installing {what}, about a minute", make), base]
