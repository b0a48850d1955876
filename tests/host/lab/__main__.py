"""The lab by hand: prepare trees, build packages, boot a host to look around in."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

from . import DEFAULT_SUITES, SUITES, Host, LabError, build_deb, require_tools
from .tools import TEST_TOOLS, TOOLS, VM_TOOLS
from .vm.image import machine_image


def this_suite() -> str:
    """The suite of the machine at hand: the one its packages are built for."""
    try:
        codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")  # Python 3.10
    except (AttributeError, OSError):
        with open("/etc/os-release", encoding="utf-8") as stream:
            fields = dict(line.rstrip("\n").split("=", 1) for line in stream if "=" in line)
        codename = fields.get("VERSION_CODENAME", "").strip('"')
    if codename not in SUITES:
        raise LabError(f"no package is built for this machine ({codename or 'no VERSION_CODENAME'})", "name a suite")
    return codename


def side_by_side(work: Callable[[str], object], suites: Sequence[str]) -> None:
    """Does the work for all the suites at once: most of it is waiting for the network."""
    failures: list[BaseException] = []

    def attempt(suite: str) -> None:
        try:
            work(suite)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=attempt, args=(suite,), daemon=True) for suite in suites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.host.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="make the trees and build the packages of these suites")
    prepare.add_argument("--vm", action="store_true", help="and the virtual machines")
    prepare.add_argument("suites", nargs="*", metavar="SUITE", default=list(DEFAULT_SUITES))
    deb = commands.add_parser("deb", help="build the package and put it in a directory")
    deb.add_argument("--suite", choices=SUITES, help="by default this machine's")
    deb.add_argument("--output", default="dist", metavar="DIRECTORY")
    tools = commands.add_parser("tools", help="install what the lab needs of this machine")
    tools.add_argument("--tests", action="store_true", help="and what the tests need")
    boot = commands.add_parser("boot", help="boot a host with the package installed, and open a shell in it")
    boot.add_argument("suite", choices=SUITES)
    boot.add_argument("--bare", action="store_true", help="do not install the package")
    arguments = parser.parse_args()

    require_tools(TEST_TOOLS if arguments.command == "tools" and arguments.tests else TOOLS)
    if getattr(arguments, "vm", False):
        require_tools(VM_TOOLS)
    if arguments.command == "prepare":
        side_by_side(build_deb, arguments.suites)
        if arguments.vm:  # one after the other: booting one takes all that the machine has
            for suite in arguments.suites:
                machine_image(suite)
    elif arguments.command == "deb":
        built = build_deb(arguments.suite or this_suite())
        os.makedirs(arguments.output, exist_ok=True)
        print(shutil.copy(built, arguments.output))
    elif arguments.command == "boot":
        with Host(arguments.suite) as host:
            if not arguments.bare:
                host.install(build_deb(arguments.suite))
            print(
                f"{host.name}: alice may log in with: ssh -i {host.key} alice@127.0.0.1, from inside; exit powers off"
            )
            host.add_user("alice")
            subprocess.run(host.words(["bash", "-l"], {"TERM": os.environ.get("TERM", "dumb")}), check=False)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"lab: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
