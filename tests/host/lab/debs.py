"""Building the package for a suite, in that suite's own tree: each .deb is linked against its own libc and libpam."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import subprocess
import time

from .container import run_in
from .errors import LabError
from .trees import build_tree, cache_directory, made_once, remove_tree, scratch_directory

CHECKOUT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
NOT_PACKAGED = ("tests/", ".ci/", ".git")
KEPT = 4  # built packages a suite, so that the cache does not grow for ever; and
KEPT_SECONDS = 86400.0  # those that a run may still need, however many another checkout builds meanwhile
BUILD_SECONDS = 600.0


def package_files() -> list[str]:
    """The files of the checkout that the package is made of: tracked ones, and new ones that are not ignored."""
    words = [
        "git",
        "-c",
        "safe.directory=*",
        "-C",
        CHECKOUT,
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise LabError(f"{CHECKOUT} is not a git checkout", result.stderr)
    names = {name for name in result.stdout.split("\0") if name and not name.startswith(NOT_PACKAGED)}
    return sorted(name for name in names if os.path.isfile(os.path.join(CHECKOUT, name)))


def content_hash(names: list[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        path = os.path.join(CHECKOUT, name)
        with open(path, "rb") as stream:
            data = stream.read()
        digest.update(f"{name}\0{os.stat(path).st_mode & 0o111}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()[:12]


def build_deb(suite: str) -> str:
    """The path of the .deb of this checkout for this suite; built if these very files have not been built before."""
    names = package_files()
    layers = build_tree(suite)
    directory = made_once(
        f"deb-{suite}-{content_hash(names)}",
        f"{suite}: building the package",
        lambda path: make_deb(names, layers, path),
    )
    os.utime(directory)
    forget_old(suite)
    (deb,) = glob.glob(f"{directory}/*.deb")
    return deb


def make_deb(names: list[str], layers: list[str], path: str) -> None:
    source = os.path.join(path, "source")
    for name in names:
        target = os.path.join(source, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.join(CHECKOUT, name), target)
    shutil.copytree(os.path.join(source, "packaging", "debian"), os.path.join(source, "debian"))
    command = [
        "env",
        "LC_ALL=C.UTF-8",
        "DEB_BUILD_OPTIONS=noautodbgsym",
        "sh",
        "-c",
        "cd /build/source && exec dpkg-buildpackage -b -us -uc",
    ]
    run_in(layers, scratch_directory(), command, BUILD_SECONDS, options=[f"--bind={path}:/build"])
    remove_tree(source)


def forget_old(suite: str) -> None:
    built = glob.glob(os.path.join(cache_directory(), f"deb-{suite}-" + "[0-9a-f]" * 12))
    used = {path: os.stat(path).st_mtime for path in built}
    for path in sorted(used, key=lambda path: used[path])[:-KEPT]:
        if used[path] < time.time() - KEPT_SECONDS:
            remove_tree(path)
