"""A process that blocks whatever stops or reads it: within execve(2) it waits for a stopped FUSE server.

No ps(1), pgrep(1) or similar may run here meanwhile: they would block, too. The server is killed in the end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from .lab import Host
from .limits import log_in, quick
from .locks import lock, locked, session_of, unlock
from .programs import SET_UP
from .thieves import PASSED

# Takes the terminal's descriptor out of a socket when it is told to, stops the server, and runs a script whose
# interpreter is on its file system.
EXECUTES = """\
import array, os, signal, socket, sys
path, server, script = sys.argv[1:]
end = socket.socket(socket.AF_UNIX)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
end.bind(path)
end.listen()
print("begun", os.getpid(), flush=True)
other = end.accept()[0]
signal.sigwait([signal.SIGUSR1])
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
message = other.recvmsg(1, socket.CMSG_SPACE(4))
fd = array.array("i", message[1][0][2][:4])[0]
os.set_inheritable(fd, True)
os.kill(int(server), signal.SIGSTOP)
os.execv(script, [script])
"""
# Reads what is typed, from the moment at which the first program is told to go on.
READS = """\
import array, os, signal, socket, sys, time
path, loot = sys.argv[1:]
end = socket.socket(socket.AF_UNIX)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
end.bind(path)
end.listen()
print("begun", os.getpid(), flush=True)
other = end.accept()[0]
signal.sigwait([signal.SIGUSR1])
time.sleep(12)  # until the first is found, and waited for
message = other.recvmsg(1, socket.CMSG_SPACE(4))
fd = array.array("i", message[1][0][2][:4])[0]
out = os.open(loot, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
while True:
    try:
        os.write(out, os.read(fd, 4096))
    except OSError:
        time.sleep(0.001)
"""
SECONDS = 45.0


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    host.shell(SET_UP)
    for name, text in (("executes", EXECUTES), ("reads", READS), ("passed", PASSED)):
        host.write(f"/usr/local/lib/{name}.py", text)
    with quick(host):
        yield


@pytest.fixture
def neighbour(host: Host, someone: str) -> Iterator[str]:
    name = host.add_user("neighbour")
    password = host.shell(f"getent shadow {someone} | cut -d: -f2").stdout.strip()
    host.run(["usermod", "-p", password, name])
    yield name
    host.remove_user(name)


@contextlib.contextmanager
def served_by(host: Host, person: str) -> Iterator[str]:
    """A FUSE file system with the interpreter of a script, not served within a session; yields its server's pid."""
    home = f"/home/{person}"
    script = (
        f"cd {home}; mkdir files mnt; cp /bin/sleep files/interpreter; printf '#!{home}/mnt/interpreter\\n' > script;"
        "chmod 755 script; bindfs files mnt; pgrep --newest --exact bindfs"
    )
    server = host.output(["runuser", "-u", person, "--", "sh", "-c", script]).strip()
    try:
        yield server
    finally:
        host.run(["kill", "-KILL", server])  # that ends all waiting for it
        host.run(["umount", "--lazy", f"{home}/mnt"])


def test_process_that_blocks_the_keeper_ends_the_session(host: Host, someone: str, neighbour: str) -> None:
    """And a neighbour's session stays locked, and is unlocked."""
    home = f"/home/{someone}"
    loot, paths = f"{home}/loot", [f"{home}/first", f"{home}/second"]
    with (
        locked(host, neighbour) as (beside, untouched),
        served_by(host, someone) as server,
        log_in(host, someone) as other,
    ):
        pids = []
        for words in (f"executes.py {paths[0]} {server} {home}/script", f"reads.py {paths[1]} {loot}"):
            other.send(f"python3 /usr/local/lib/{words} &\n")
            pids.append(other.expect(r"begun (\d+)", 20)[1].decode())
        with log_in(host, someone) as terminal:
            name = session_of(host, someone, terminal)
            for path in paths:
                terminal.send(f"python3 /usr/local/lib/passed.py {path}\n")
                terminal.expect("passed", 20)
                terminal.prompt()
            found = lock(host, someone, terminal, name)
            found.wait_frozen()
            cursor = host.cursor()
            for pid in pids:
                host.run(["kill", "-USR1", pid])
            terminal.expect("This session ends", SECONDS)
            terminal.send("a secret\n")
            assert terminal.closed(SECONDS)
            found.wait("gone", f"! grep -qs 1 {found.group}/cgroup.freeze", SECONDS)
            assert cursor
        assert host.shell(f"cat {loot}", check=False).stdout == ""
        assert untouched.keeper()
        unlock(host, beside, neighbour)
