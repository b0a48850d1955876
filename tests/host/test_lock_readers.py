"""Readers of a locked terminal without a visible descriptor, as another user, or where a search takes long.

If a reader cannot be stopped, the session is not locked: it stays as it was, and the journal has the reason.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from .lab import Host, SshClient
from .limits import events, log_in, quick, wait_event
from .locks import LOCKS, Lock, asks, lock, locked, session_of, unlock
from .thieves import CROWD, LONG, PASSED, RINGS


@pytest.fixture(autouse=True, scope="module")
def limits(host: Host) -> Iterator[None]:
    """Has the daemon look at sessions every second."""
    for name, text in (("rings", RINGS), ("passed", PASSED), ("crowd", CROWD), ("long", LONG)):
        host.write(f"/usr/local/lib/{name}.py", text)
    with quick(host):
        yield


def refused(host: Host, someone: str, name: str, why: str) -> None:
    """Orders a lock as root; asserts that nothing is locked, all is restored, and the journal has the reason."""
    cursor = host.cursor()
    host.run(["reaperctl", "lock", name])
    host.wait_journal(lambda entry: why in str(entry.get("MESSAGE")), after=cursor)
    found = Lock(host, someone, name, "")
    found.wait("given back", f"! test -e {found.group} && ! test -e {LOCKS}/{name}")
    assert "locked" not in events(host, someone)


def locked_again(host: Host, someone: str, terminal: SshClient, name: str) -> None:
    """The obstacle is gone: root locks the session, and its user unlocks it."""
    host.run(["reaperctl", "lock", name])
    asks(terminal)
    unlock(host, terminal, someone)


@pytest.mark.parametrize("way", ["closed", "renamed", "timer", "worker"])
def test_terminal_registered_with_a_ring_prevents_the_lock(host: Host, someone: str, way: str) -> None:
    """A ring without a descriptor, a terminal by another name, a read that a timer starts, a kernel thread.

    The reader has detached itself, and no longer has a descriptor of the terminal.
    """
    loot = f"/home/{someone}/loot"
    with log_in(host, someone) as terminal:
        pts, name = terminal.command("tty"), session_of(host, someone, terminal)
        terminal.send(f"(setsid python3 /usr/local/lib/rings.py {way} {pts} {loot} &)\n")
        refusal = terminal.expect(r"reads \w+|no io_uring: (\w+)")[1]
        if refusal:
            switch = host.shell("cat /proc/sys/kernel/io_uring_disabled; true").stdout.strip()  # there is one since 6.6
            assert refusal == b"ENOSYS" or switch in ("1", "2"), refusal
            pytest.skip("the kernel has none, or its administrator lets nobody use it")
        refused(host, someone, name, "io_uring")  # and nothing was typed
        host.shell(f"! grep -q '[^\\x00]' {loot}")
        host.run(["pkill", "-KILL", "-u", someone, "-f", "rings.py"])
        locked_again(host, someone, terminal, name)


def test_terminal_with_an_unknown_name_is_found(host: Host, someone: str) -> None:
    """By a path that is too long to read; and by a node of /dev/tty on a disk, such as in a chroot."""
    node = f"/srv/{someone}.chroot"
    host.shell(f"mknod -m 666 {node} c 5 0")
    try:
        with log_in(host, someone) as terminal:
            pts, name = terminal.command("tty"), session_of(host, someone, terminal)
            terminal.send(f"(setsid python3 /usr/local/lib/long.py {pts} &)\n")
            readers = {terminal.expect(r"has it (\d+)")[1].decode()}
            terminal.command(f"(setsid sleep 4321 3<{node} </dev/null >/dev/null 2>&1 &)")
            readers.update(host.wait_process("-u", someone, "-fx", "sleep 4321", timeout=20))
            found = lock(host, someone, terminal, name)
            found.wait_frozen()
            assert readers <= set(host.read(f"{found.group}/cgroup.procs").split())
            unlock(host, terminal, someone)
    finally:
        host.run(["rm", node])


@contextlib.contextmanager
def stranger(host: Host, command: str) -> Iterator[int]:
    """Runs a process as a subordinate uid, outside all user slices; yields its pid."""
    words = f"setsid setpriv --reuid=100000 --regid=100000 --clear-groups {command} >/dev/null 2>&1 & echo $!"
    pid = int(host.shell(words).stdout)
    try:
        yield pid
    finally:
        host.run(["kill", "-KILL", str(pid)])


def test_reader_of_another_user_prevents_the_lock(host: Host, someone: str) -> None:
    """A process under another uid that has the terminal open is not frozen: the session is not locked.

    A process that has it open only for writing, such as a system logger, prevents no lock.
    """
    with log_in(host, someone) as terminal:
        pts, name = terminal.command("tty"), session_of(host, someone, terminal)
        with stranger(host, f"sleep 1000 < {pts}") as pid:
            refused(host, someone, name, f"process {pid}, which is another user's, has its terminal open")
            assert "reaper-lock" not in host.read(f"/proc/{pid}/cgroup")
        with stranger(host, f"sleep 1000 3> {pts}"):
            locked_again(host, someone, terminal, name)


def test_handing_the_terminal_to_another_user_ends_the_session(host: Host, someone: str) -> None:
    """Another user takes a descriptor of /dev/tty out of a socket while the session is locked: the session ends."""
    path = f"/tmp/{someone}.passed"

    def begin(terminal: SshClient) -> None:
        terminal.send(f"python3 /usr/local/lib/passed.py {path}\n")
        terminal.expect("passed")

    receiver = f"python3 /usr/local/lib/passed.py {path} take"
    with log_in(host, someone) as terminal:
        name = session_of(host, someone, terminal)
        with stranger(host, receiver) as pid:
            host.shell(f"timeout 30 sh -c 'until test -e {path}; do sleep 0.1; done'")
            begin(terminal)
            found = lock(host, someone, terminal, name)
            found.wait_frozen()
            host.run(["kill", "-USR1", str(pid)])
            assert terminal.closed(60)
            found.wait_gone()
    assert "has its terminal open" in wait_event(host, someone, "ending")["REAPER_WHY"]


def test_another_login_with_the_terminal_by_dev_tty_is_frozen(host: Host, someone: str) -> None:
    """It leads to the terminal of the process that opened it: its holder is frozen, in whatever login."""
    path = f"/tmp/{someone}.passed"
    with log_in(host, someone) as terminal, log_in(host, someone) as other:
        name = session_of(host, someone, terminal)
        other.send(f"python3 /usr/local/lib/passed.py {path} take\n")
        host.shell(f"timeout 30 sh -c 'until test -e {path}; do sleep 0.1; done'")
        pid = host.output(["pgrep", "-u", someone, "-f", "passed.py"])
        terminal.command(f"python3 /usr/local/lib/passed.py {path}")
        taken = f"kill -USR1 {pid}; until ls -l /proc/{pid}/fd | grep -q /dev/tty; do sleep 0.1; done"
        host.run(["timeout", "30", "sh", "-c", taken])
        found = lock(host, someone, terminal, name)
        found.wait_frozen()
        assert pid in host.read(f"{found.group}/cgroup.procs").split()
        unlock(host, terminal, someone)


def test_command_of_another_user_in_the_session_is_frozen(host: Host, someone: str) -> None:
    """A command that sudo(8) runs there as another user belongs to the session, and is frozen with it."""
    host.write(f"/etc/sudoers.d/{someone}", f"{someone} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    try:
        with log_in(host, someone) as terminal:
            name = session_of(host, someone, terminal)
            terminal.send("sudo -u games cat\n")
            host.wait_process("-u", "games", "-x", "cat", timeout=30)
            found = lock(host, someone, terminal, name)
            found.wait_frozen()
            terminal.send("correct horse\n")
            wait_event(host, someone, "unlocked")
            terminal.expect(r"\x1b\[\?1049l")
            terminal.send("still-there\n")
            terminal.expect("still-there\r\nstill-there")
            terminal.send(b"\x03")
            terminal.prompt()
    finally:
        host.run(["rm", f"/etc/sudoers.d/{someone}"])


def test_file_system_that_does_not_answer_delays_no_lock(host: Host, someone: str) -> None:
    """A stopped file system server, on a mount that cannot be found, delays no lock: it is not asked."""
    host.shell("test -e /dev/fuse || mknod -m 666 /dev/fuse c 10 229")
    host.shell("mkdir -p /srv/tty.d /mnt/tty.d; touch /srv/tty.d/tty")
    hidden = "bindfs /srv/tty.d /mnt/tty.d && exec 3</mnt/tty.d/tty && umount -l /mnt/tty.d && echo ready && "
    with log_in(host, someone) as terminal:
        name = session_of(host, someone, terminal)
        run = f"setsid unshare -m sh -c '{hidden} exec setpriv --reuid={someone} --clear-groups sleep 1000' "
        host.shell(f"{run} > /run/hidden 2>&1 & timeout 20 sh -c 'until grep ready /run/hidden; do sleep 0.1; done'")
        (server,) = host.output(["pgrep", "-x", "bindfs"]).split()
        host.run(["kill", "-STOP", server])
        try:
            began = time.monotonic()
            found = lock(host, someone, terminal, name)
            assert time.monotonic() - began < 10
            found.wait_frozen()
            unlock(host, terminal, someone)
        finally:
            host.run(["kill", "-KILL", server])


def test_too_many_descriptors_prevent_the_lock(host: Host, someone: str) -> None:
    """A user with 1,600,000 descriptors is not locked, and goes on; the journal has the reason."""
    with log_in(host, someone) as terminal:
        name = session_of(host, someone, terminal)
        terminal.send("(setsid python3 /usr/local/lib/crowd.py </dev/null &)\n")
        terminal.expect("crowded\r")
        refused(host, someone, name, "takes too long to look at")
        assert terminal.command("echo I am $((40 + 2))") == "I am 42"


def test_freeze_of_one_user_delays_no_other_users_lock(host: Host, person: str, someone: str) -> None:
    """However long one user is frozen for a search, no other user's lock is delayed."""
    holder = host.add_user(f"{someone}b")
    try:
        uid = host.output(["id", "-u", holder])
        host.shell(f"mkdir -p -m 700 {LOCKS}; setsid flock {LOCKS}/user-{uid}.slice.lock sleep 60 >/dev/null 2>&1 &")
        began = time.monotonic()
        with locked(host, someone) as (terminal, _):
            assert time.monotonic() - began < 20
            unlock(host, terminal, someone)
    finally:
        host.shell(f"pkill -f 'flock .*user-{uid}.slice'; rm -f {LOCKS}/user-{uid}.slice.lock", check=False)
        host.remove_user(holder)
