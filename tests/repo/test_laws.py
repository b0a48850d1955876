"""The laws of DESIGN: who may import whom, and what the part that decides may not do."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

import pytest

from .tree import listed, parsed, python_files, read

# What `decide` may not do: look, wait, tell the time, start something, or speak. Time enters as a parameter.
IMPURE = {
    "asyncio", "atexit", "curses", "datetime", "fcntl", "getpass", "glob", "grp", "io", "logging", "mmap",
    "multiprocessing", "os", "pathlib", "platform", "psutil", "pty", "pwd", "random", "resource", "secrets", "select",
    "selectors", "shutil", "signal", "socket", "subprocess", "sys", "syslog", "systemd", "tempfile", "termios",
    "threading", "time", "urllib", "uuid",
}  # fmt: skip
EFFECTS = {"__import__", "eval", "exec", "input", "open", "print"}

# Module: what it may import of reaper, as prefixes.
LEAVES = (
    "reaper.errors",
    "reaper.procfs",
    "reaper.procparse",
    "reaper.kernel_text",
    "reaper.statx",
    "reaper.system_commands",
    "reaper.pam_stack",
)
LAYERS = {
    "reaper.errors": (),
    "reaper.system_commands": (),
    "reaper.pam_stack": (),
    "reaper.kernel_text": (),
    "reaper.statx": (),
    "reaper.procparse": ("reaper.kernel_text",),
    "reaper.procfs": ("reaper.kernel_text", "reaper.procparse"),
    "reaper.decide": ("reaper.decide", "reaper.errors"),
    "reaper.sense": ("reaper.sense", "reaper.decide", *LEAVES),
    "reaper.act": ("reaper.act", "reaper.decide", *LEAVES),
    # The program that holds a locked session. Of `act` have something who tells of it, and who hangs it up.
    "reaper.lock.keeper": ("reaper.lock", "reaper.sense", "reaper.decide", "reaper.act.journal", *LEAVES),
    "reaper.lock.release": ("reaper.lock", "reaper.sense", "reaper.decide", "reaper.act.terminate", *LEAVES),
    "reaper.lock.aftermath": ("reaper.lock", "reaper.sense", "reaper.decide", "reaper.act.journal", *LEAVES),
    "reaper.lock.__main__": ("reaper.lock", "reaper.sense", "reaper.decide", "reaper.act.journal", *LEAVES),
    "reaper.lock": ("reaper.lock", "reaper.sense", "reaper.decide", *LEAVES),
    # The checks are pure, as `decide` is; what they are about is read by `look`, with `sense`'s trust in files.
    "reaper.doctor.probes": ("reaper.doctor", "reaper.control.client", "reaper.decide", "reaper.sense.lockability",
                           "reaper.sense.policy_files", *LEAVES),
    "reaper.doctor": ("reaper.doctor", "reaper.decide", "reaper.errors", "reaper.pam_stack"),
    "reaper.control": ("reaper.control", "reaper.decide", "reaper.errors", "reaper.__version__"),
    # The journal read back: it neither looks at the host nor acts, and needs no daemon.
    "reaper.audit": ("reaper.audit", "reaper.decide", "reaper.errors"),
    # check reads the policy files as the daemon would, so it needs `sense`; the tool changes nothing, so never `act`.
    "reaper.ctl": ("reaper.ctl", "reaper.audit", "reaper.control", "reaper.decide", "reaper.doctor", "reaper.sense",
                   "reaper.errors", "reaper.procfs",
                   "reaper.__version__"),
}  # fmt: skip

# Who may join `sense` and `act`, and what of `act` each may have.
JOINERS = {
    # The one place where what was seen leads to what is done.
    "reaper/daemon/core.py": ("reaper.act",),
    "reaper/daemon/presence.py": ("reaper.act.actor", "reaper.act.trouble"),
    "reaper/daemon/termination.py": ("reaper.act",),
    "reaper/daemon/effects.py": ("reaper.act.journal",),
    "reaper/daemon/termination_limiter.py": ("reaper.act.journal",),
    "reaper/daemon/user_groups.py": ("reaper.act.journal",),
    "reaper/daemon/locks.py": ("reaper.act.actor", "reaper.act.journal"),
    "reaper/daemon/distrusting.py": ("reaper.act.runtime_files", "reaper.act.journal"),
    # A program of its own: what it holds it lets go, or hangs up.
    "reaper/lock/keeper.py": ("reaper.act.journal",),
    "reaper/lock/release.py": ("reaper.act.terminate",),
    "reaper/lock/aftermath.py": ("reaper.act.journal",),
    "reaper/lock/__main__.py": ("reaper.act.journal",),
    "reaper/daemon/requests.py": ("reaper.act.journal",),
    "reaper/daemon/messenger.py": ("reaper.act.actor", "reaper.act.journal", "reaper.act.terminal_output"),
    "reaper/daemon/reauthentication.py": ("reaper.act.journal",),
    "reaper/daemon/state_file.py": ("reaper.act.actor", "reaper.act.journal"),
    # The daemon's surroundings. It acts on no session: of `act` it has the journal, to say what became of the policy
    # and of the daemon itself.
    "reaper/daemon/loop.py": ("reaper.act.journal",),
    "reaper/daemon/api.py": ("reaper.act.journal",),
    # Builds the three and hands them to each other; what they do is not its business (see the test).
    "reaper/daemon/__main__.py": ("reaper.act.actor", "reaper.act.journal"),
}

# Who opens files, and whose. What the kernel says of a user's processes is for kernel_text alone to read.
OPENERS = {
    "reaper/kernel_text.py": "the kernel's own files: /proc and cgroupfs",
    "reaper/act/lock_service.py": "our own files, and cgroup.freeze to write to",
    "reaper/act/terminal_output.py": "terminals, to write to",
    "reaper/act/runtime_files.py": "our own files",
    "reaper/act/terminate.py": "cgroup.kill, to write to",
    "reaper/act/sudo_tickets.py": "directories of sudo's",
    "reaper/control/methods.py": "the interface's description, of the package",
    "reaper/ctl/__main__.py": "/dev/null, for output that nobody reads any more",
    "reaper/doctor/probes/reader.py": "what an administrator configures, and the kernel's tunables",
    "reaper/lock/freeze/cgroups.py": "the files of control groups that are written to or waited for",
    "reaper/lock/terminal/tty.py": "terminals",
    "reaper/lock/freeze/quiesce.py": "our own files",
    "reaper/lock/store.py": "our own files",
    "reaper/lock/terminal/probe.py": "what a console shows",
    "reaper/sense/executables.py": "the program of a process, for its mount alone (O_PATH)",
    "reaper/sense/terminal_handles.py": "terminals, by O_PATH alone",
    "reaper/sense/lock_files.py": "our own files",
    "reaper/sense/lockability.py": "shadow(5) and PAM's files",
    "reaper/sense/pam_files.py": "our module's files",
    "reaper/sense/policy_files.py": "policy files",
    "reaper/sense/saved_state.py": "our own file",
    "reaper/sense/terminals.py": "terminals",
}

# Who asks about files by stat(2) and its like, and whose they are. None is where a user can mount something: a file
# system of theirs need never answer, and the daemon would wait for good (see sense/executables.py).
ASKERS = {
    "reaper/control/server.py": "our own socket",
    "reaper/doctor/probes/daemon_status.py": "our own files; the tool asks, and not the daemon",
    "reaper/doctor/probes/reader.py": "what an administrator configures; the tool asks, and not the daemon",
    "reaper/doctor/probes/surroundings.py": "our own module",
    "reaper/lock/freeze/freezer.py": "the mount of cgroupfs",
    "reaper/lock/freeze/descriptors.py": "links of /proc/PID/fd themselves, not what they lead to",
    "reaper/lock/freeze/readers.py": "terminals and /proc/PID",
    "reaper/lock/freeze/other_locks.py": "control groups",
    "reaper/lock/freeze/quiesce.py": "our own files",
    "reaper/procfs.py": "/proc/PID/stat",
    "reaper/sense/terminal_handles.py": "terminals of a session",
    "reaper/sense/lock_files.py": "control groups and our own files",
    "reaper/sense/lockability.py": "control groups, shadow(5) and sssd's configuration",
    "reaper/sense/pam_files.py": "our module's files",
    "reaper/sense/processes.py": "control groups",
    "reaper/sense/login_records.py": "login records",
    "reaper/sense/terminals.py": "terminals, by names that the kernel or a record of root's gave",
    "reaper/sense/activity.py": "terminals of a session",
}

RUNTIME_DEPENDENCIES = {"pam", "psutil", "systemd", "yaml"}


def imports(name: str) -> Iterator[tuple[str, int]]:
    """Everything that a module imports, wherever in it: "reaper.act.journal.Journal", with its line."""
    package = name[: -len(".py")].split("/")[:-1]
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


# The rooms of `decide`, each of which may import itself and those before it.
COLUMN = (
    "reaper.decide.text",
    "reaper.decide.policy",
    "reaper.decide.policy.files",
    "reaper.decide.session",
    "reaper.decide.output",
)


def room_of(module: str) -> str:
    """The room of `decide` that a module is in; the last that fits is the innermost."""
    return next((room for room in sorted(COLUMN, key=len, reverse=True) if is_within(module, (room,))), "")


def is_within(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


def dotted(name: str) -> str:
    return name[: -len(".py")].replace("/", ".")


def test_every_layer_imports_only_what_is_below_it():
    wrong = []
    for name in python_files("reaper"):
        layer = next((layer for layer in LAYERS if is_within(dotted(name), (layer,))), None)
        if layer is None:
            continue
        for module, line in imports(name):
            if is_within(module, ("reaper",)) and not is_within(module, LAYERS[layer]):
                wrong.append(f"{name}:{line}: {layer} imports {module}")
    assert not wrong, listed(wrong)


def test_rooms_of_decide_import_only_rooms_below_them():
    wrong = []
    for name in python_files("reaper/decide"):
        room = room_of(dotted(name))
        for module, line in imports(name):
            other = room_of(module)
            is_above = other and COLUMN.index(other) > COLUMN.index(room) if room else bool(other)
            if is_above:
                wrong.append(f"{name}:{line}: {room} imports {module}")
    assert not wrong, listed(wrong)


def test_names_are_imported_from_where_they_are_defined():
    """Nobody has to search through a chain of imports for where a name comes from."""
    defined, imported = {}, {}
    for name in python_files("reaper"):
        module = dotted(name).removesuffix(".__init__")
        nodes = [node for node in ast.walk(parsed(name)) if not isinstance(node, (ast.Import, ast.ImportFrom))]
        bound = {node.name for node in nodes if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
        bound |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        defined[module], imported[module] = bound, list(imports(name))
    wrong = []
    for module, found in imported.items():
        for full, line in found:
            home, _, name = full.rpartition(".")
            if home in defined and full not in defined and name not in defined[home]:
                wrong.append(f"{module}:{line}: {home} does not define {name}")
    assert not wrong, listed(wrong)


@pytest.mark.parametrize(("directory", "looks"), [("reaper/decide", None), ("reaper/doctor", "reaper/doctor/probes")])
def test_what_judges_is_pure(directory, looks):
    """`looks` is the part below it that reads the host, and that the rest does not know."""
    wrong = []
    for name in python_files(directory):
        if looks and name.startswith(f"{looks}/"):
            continue
        found = list(imports(name))
        wrong += [f"{name}:{line}: {module}" for module, line in found if module.split(".")[0] in IMPURE]
        wrong += [
            f"{name}:{line}: {module}"
            for module, line in found
            if looks and is_within(module, (dotted(f"{looks}.py"),))
        ]
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EFFECTS:
                wrong.append(f"{name}:{node.lineno}: {node.func.id}()")
    assert not wrong, listed(wrong)


def test_one_module_of_audit_opens_the_journal():
    """The rest works on what it has read. Local time is the one thing of the host's that they know."""
    wrong = []
    for name in python_files("reaper/audit"):
        tops = {(module.split(".")[0], line) for module, line in imports(name)}
        if name != "reaper/audit/journal_reader.py":
            wrong += [f"{name}:{line}: {top}" for top, line in tops if top in IMPURE - {"datetime"}]
    assert not wrong, listed(wrong)


def test_decide_imports_by_name_only_what_computes():
    """importlib would get round the law above: it is for CPython's own SHA-256 alone."""
    decide = python_files("reaper/decide")
    users = [name for name in decide if any(module.startswith("importlib") for module, _ in imports(name))]
    assert users in ([], ["reaper/decide/policy/rules.py"])
    for name in users:
        loops = [node for node in ast.walk(parsed(name)) if isinstance(node, ast.For)]
        loops = [loop for loop in loops if "import_module" in ast.dump(loop)]
        parts = [part for loop in loops for part in ast.walk(loop.iter)]
        assert len(re.findall(r"\bimport_module\(", read(name))) == len(loops) == 1
        assert {part.value for part in parts if isinstance(part, ast.Constant)} <= {"_sha2", "_sha256", "hashlib"}


def test_only_the_joiners_know_both_sense_and_act():
    wrong = []
    for name in python_files("reaper"):
        modules = [module for module, _ in imports(name)]
        acts = [module for module in modules if is_within(module, ("reaper.act",))]
        if not acts or name.startswith("reaper/act/"):
            continue
        if name not in JOINERS:
            wrong.append(f"{name}: acts, by {', '.join(acts)}")
        wrong += [f"{name}: {module}" for module in acts if not is_within(module, JOINERS.get(name, ("reaper.act",)))]
    assert not wrong, listed(wrong)


def test_where_values_are_written_is_for_the_tool_alone():
    """The daemon's memory is measured, and the places of a policy's values are larger than the policy."""
    tracing = (
        "reaper.decide.policy.files.provenance",
        "reaper.decide.policy.files.annotate",
        "reaper.decide.policy.files.parse.parse_traced",
    )
    users = {name for name in python_files("reaper") for module, _ in imports(name) if is_within(module, tracing)}
    assert users == {"reaper/ctl/commands/policy.py", "reaper/decide/policy/files/annotate.py"}


def test_main_only_constructs():
    """What it imports of `sense` and `act` it calls by name, once each, and never a method of theirs but `boot_id`."""
    tree = parsed("reaper/daemon/__main__.py")
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    built = [func.id for func in called if isinstance(func, ast.Name)]
    for constructor in ("Host", "Journal", "Actor", "Daemon", "DaemonLoop"):
        assert built.count(constructor) == 1
    methods = {ast.unparse(func) for func in called if isinstance(func, ast.Attribute)}
    touched = {method for method in methods if method.split(".")[0] in ("host", "journal", "daemon", "actor")}
    assert touched <= {"host.boot_id"}


def test_no_dependency_but_the_stated():
    standard = getattr(sys, "stdlib_module_names", None)
    if standard is None:
        pytest.skip("this Python (3.9) does not list its own modules")
    wrong = []
    for name in python_files("reaper"):
        for module, line in imports(name):
            top = module.split(".")[0]
            if top not in standard and top not in RUNTIME_DEPENDENCIES | {"reaper", "_sha2", "_sha256"}:
                wrong.append(f"{name}:{line}: {module}")
    assert not wrong, listed(wrong)


def test_psutil_is_for_the_tool_alone():
    """The daemon would grow by 2.1 MiB, and psutil 5.8 reads files of whatever length a user gives them."""
    modules = {name: [module for module, _ in imports(name)] for name in python_files("reaper")}
    users = {name for name, found in modules.items() if any(is_within(module, ("psutil",)) for module in found)}
    assert users == {"reaper/sense/process_details.py"}
    for aside in ("process_details", "survivors", "in_time"):
        readers = ("reaper/ctl/", f"reaper/sense/{aside}.py")
        importing = [
            name
            for name, found in modules.items()
            if any(f"reaper.sense.{aside}" in module for module in found) and not name.startswith(readers)
        ]
        assert importing == []


def called(name: str) -> Iterator[tuple[str, int]]:
    """Everything that a module calls, as it is written there, with its line."""
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def test_who_opens_files():
    opening = {"open", "os.open", "io.open", "pathlib.Path"}
    users = {name for name in python_files("reaper") if any(call in opening for call, _ in called(name))}
    assert users == OPENERS.keys(), "say what it opens, or read by kernel_text.read()"


def test_nothing_in_the_daemon_asks_a_name_service():
    """An answer may take minutes. A process of its own asks (sense/name_service.py), and so do tools."""
    asking = {"grp", "pwd", "getpass"}
    calls = {"os.getgrouplist", "os.initgroups", "os.path.expanduser", "socket.getaddrinfo", "socket.gethostbyaddr",
             "socket.gethostbyname", "socket.getfqdn", "socket.getnameinfo"}  # fmt: skip
    modules = {name: list(imports(name)) for name in python_files("reaper")}
    users = {name for name, found in modules.items() if any(module.split(".")[0] in asking for module, _ in found)}
    users |= {name for name in modules if any(call in calls for call, _ in called(name))}
    assert users == {"reaper/sense/accounts.py"}
    importing = {name for name, found in modules.items() if any("reaper.sense.accounts" in each for each, _ in found)}
    assert importing == {"reaper/ctl/commands/policy.py"}


def test_who_asks_about_files():
    asking = {"os.stat", "os.lstat", "os.access", "os.statvfs", "os.path.realpath", "os.path.samefile"}
    asking |= {f"os.path.{name}" for name in ("exists", "lexists", "isdir", "isfile", "islink", "ismount", "getmtime")}
    exempt = ("reaper/ctl/", "reaper/audit/")  # tools of the person who runs them
    users = {
        name
        for name in python_files("reaper")
        if not name.startswith(exempt) and any(call in asking for call, _ in called(name))
    }
    assert users == ASKERS.keys(), "say whose files these are, or read by sense.executables"


def test_kernel_text_is_split_at_line_feeds_alone():
    """No \r, \f or U+2028 that a user has put into a name ends a line (see kernel_text)."""
    # What an administrator, or reaper itself, has written; each is printed, and decides nothing.
    exempt = {"reaper/audit/journal_records.py", "reaper/audit/log_lines.py"}
    wrong = [
        f"{name}:{line}: {call}"
        for name in python_files("reaper")
        for call, line in called(name)
        if call.endswith(".splitlines") and name not in exempt
    ]
    assert not wrong, listed(wrong)
