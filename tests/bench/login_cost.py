#!/usr/bin/python3
"""What three session modules add to a login, side by side: ours, pam_systemd, and pam_exec with a Python script.

Every login is a new process that opens and closes a PAM session through the real libpam. The modules take turns. The
time of libpam itself, measured with pam_permit, is subtracted. pam_systemd is measured only if systemd runs; meanwhile
one session of the user is held open, so that systemd does not start and stop a service manager for each login, which
would flatter us.

    python3 tests/bench/login_cost.py

Without a compiler, for example inside a host, give it programs that were built elsewhere: --driver and --module.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOOK = HERE.parent.parent / "pam_hook"
SCRIPT = "#!{python}\nimport os\n\nos.environ.get('PAM_USER')\n"


@dataclass(frozen=True)
class Cost:
    """Medians in microseconds, less those of pam_permit; `slow_usec` is the 95th percentile of both together."""

    name: str
    load_usec: float
    open_usec: float
    close_usec: float
    both_usec: float
    slow_usec: float


def die(message: str, hint: str) -> None:
    sys.exit(f"login_cost: {message}\nlogin_cost: {hint}")


def enter_a_unit() -> None:
    """Runs this program again in a unit of its own, if it runs inside a session or outside systemd's tree.

    pam_systemd does nothing inside a session, and logind finds no unit for a process that nsenter has put elsewhere.
    """
    cgroup = Path("/proc/self/cgroup").read_text()
    if os.path.isdir("/run/systemd/system") and ("/session-" in cgroup or "/../" in cgroup or cgroup.strip() == "0::/"):
        command = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--working-directory={os.getcwd()}"]
        os.execvp(command[0], [*command, sys.executable, *sys.argv])


def compile_driver(where: Path) -> Path:
    driver = where / "login_cost"
    try:
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", driver, HERE / "login_cost.c", "-lpam"], check=True)
    except (OSError, subprocess.CalledProcessError):
        die("cannot compile login_cost.c", "install gcc and libpam0g-dev, or give a compiled one with --driver")
    return driver


def compile_module(where: Path) -> Path:
    try:
        subprocess.run(["make", "-s", "-C", HOOK, f"BUILD={where}"], check=True)
    except (OSError, subprocess.CalledProcessError):
        die("cannot build pam_reaper.so", "install make, gcc and libpam0g-dev, or give a built one with --module")
    return where / "pam_reaper.so"


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure(driver: Path, confdir: Path, user: str, rounds: int, names: list[str]) -> list[Cost]:
    command = [driver, confdir, user, str(rounds), *names]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        die(f"{driver} failed", "its error is above; a module's error is in the journal or syslog")
    samples: dict[str, list[tuple[int, ...]]] = {name: [] for name in names}
    for line in done.stdout.splitlines():
        name, load, opened, closed, session = line.split()
        if (name == "pam_systemd") != (session != "-"):
            die(f"{name} left XDG_SESSION_ID at {session!r}", "run this outside of any session, on a booted host")
        samples[name].append((int(load), int(opened), int(closed), int(opened) + int(closed)))
    base = [statistics.median(column) for column in zip(*samples["pam_permit"])]
    costs = []
    for name in names:
        columns = list(zip(*samples[name]))
        middle = [(statistics.median(column) - floor) / 1000 for column, floor in zip(columns, base)]
        slow = (percentile(list(columns[3]), 0.95) - base[3]) / 1000
        if name == "pam_permit":
            middle, slow = [floor / 1000 for floor in base], percentile(list(columns[3]), 0.95) / 1000
        costs.append(Cost(name, *middle, slow))
    return costs


def table(costs: list[Cost]) -> str:
    ours = next(cost for cost in costs if cost.name == "pam_reaper")
    lines = [
        f"{'added to a login, median us':<28}{'open':>9}{'close':>9}{'both':>9}{'95 %':>9}{'loading':>9}{'x ours':>8}"
    ]
    for cost in costs:
        name = {"pam_permit": "(libpam alone)", "pam_exec": "pam_exec, Python script"}.get(cost.name, cost.name)
        times = "" if cost.name == "pam_permit" else f"{cost.both_usec / ours.both_usec:.1f}"
        figures = (cost.open_usec, cost.close_usec, cost.both_usec, cost.slow_usec, cost.load_usec)
        lines.append(f"{name:<28}" + "".join(f"{figure:>9.0f}" for figure in figures) + f"{times:>8}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="What session modules add to a login.")
    parser.add_argument("--rounds", type=int, default=200, help="logins through each module (200)")
    parser.add_argument("--user", default="root", help="who logs in (root)")
    parser.add_argument("--module", type=Path, help="a built pam_reaper.so, instead of building it")
    parser.add_argument("--driver", type=Path, help="a compiled login_cost.c, instead of compiling it")
    parser.add_argument(
        "--at-least", type=float, default=20, metavar="N", help="fail if another costs less than N times ours (20)"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        die("must be root", "modules write below /run")
    enter_a_unit()

    # On /run, where the real records are.
    with tempfile.TemporaryDirectory(prefix="reaper-login-cost.", dir="/run") as directory:
        work = Path(directory)
        driver = (options.driver or compile_driver(work)).resolve()
        module = (options.module or compile_module(work)).resolve()
        script = work / "script"
        script.write_text(SCRIPT.format(python=sys.executable))
        script.chmod(0o755)
        lines = {
            "pam_permit": "pam_permit.so",
            "pam_reaper": f"{module} dir={work}/sessions",
            "pam_systemd": "pam_systemd.so",
            "pam_exec": f"pam_exec.so {script}",
        }
        booted = os.path.isdir("/run/systemd/system")
        if not booted:
            del lines["pam_systemd"]
            print("login_cost: systemd does not run here, leaving pam_systemd out", file=sys.stderr)
        confdir = work / "pam.d"
        confdir.mkdir()
        for name, line in {**lines, "other": "pam_deny.so"}.items():
            (confdir / name).write_text(f"session required {line}\n")

        held = None
        if booted:
            command = [driver, confdir, options.user, "hold", "pam_systemd"]
            held = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert held.stdout is not None
            held.stdout.readline()
        try:
            costs = measure(driver, confdir, options.user, options.rounds, list(lines))
        finally:
            if held is not None:
                held.communicate()

    if options.json:
        print(json.dumps([asdict(cost) for cost in costs], indent=2))
    else:
        print(table(costs))
    ours = next(cost.both_usec for cost in costs if cost.name == "pam_reaper")
    others = [cost for cost in costs if cost.name not in ("pam_permit", "pam_reaper")]
    cheap = [cost.name for cost in others if cost.both_usec < options.at_least * ours]
    if cheap:
        print(f"login_cost: less than {options.at_least:g} times ours: {', '.join(cheap)}", file=sys.stderr)
    return 1 if cheap else 0


if __name__ == "__main__":
    sys.exit(main())
