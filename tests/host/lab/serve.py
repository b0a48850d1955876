"""Serves a terminal in a host, as root's programs do; stdin and stdout are the person's side.

It runs inside the host, by its own python3.

    serve.py getty              agetty(8), and so login(1), on a pty: a web terminal, telnetd
    serve.py gateway USER       a session that is opened by PAM as "sshd", by a child, and a shell of USER's on a pty
    serve.py console tty10      a pty that is mounted at /dev/tty10, for others to take: a container has no console

The master is held here.
"""

import ctypes
import fcntl
import os
import pty
import pwd
import select
import signal
import subprocess
import sys
import termios
import tty

PAM_TTY, PAM_RHOST = 3, 4


class Conversation(ctypes.Structure):
    """struct pam_conv(3), which is never called here."""

    _fields_ = (("function", ctypes.c_void_p), ("data", ctypes.c_void_p))


def getty(slave: int) -> int:
    name = os.ttyname(slave)[len("/dev/") :]
    return subprocess.Popen(["setsid", "agetty", "--noclear", "--noissue", name, "linux"], stdin=subprocess.DEVNULL).pid


def gateway(slave: int, user: str) -> int:
    """Opens the session in a process of its own, which waits for the shell: so do access gateways."""
    pid = os.fork()
    if pid:
        return pid
    pam, handle, conversation = ctypes.CDLL("libpam.so.0"), ctypes.c_void_p(), Conversation()
    assert pam.pam_start(b"sshd", user.encode(), ctypes.byref(conversation), ctypes.byref(handle)) == 0
    pam.pam_set_item(handle, PAM_RHOST, b"192.0.2.9")
    assert pam.pam_open_session(handle, 0) == 0
    shell = os.fork()
    if not shell:
        entry = pwd.getpwnam(user)
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
        for fd in range(3):
            os.dup2(slave, fd)
        os.execve("/bin/bash", ["bash", "--norc"], {"PS1": "$ ", "PATH": os.defpath, "TERM": "dumb"})
    os.close(slave)
    os.waitpid(shell, 0)
    pam.pam_close_session(handle, 0)
    os._exit(0)


def console(slave: int, line: str) -> int:
    path = f"/dev/{line}"
    open(path, "a").close()
    subprocess.run(["mount", "--bind", os.ttyname(slave), path], check=True)
    return 0


def relay(master: int, child: int) -> None:
    keyboard = [0]
    while not child or os.waitpid(child, os.WNOHANG) == (0, 0):
        for ready in select.select([master, *keyboard], [], [], 0.2)[0]:
            try:
                data = os.read(ready, 4096)
            except OSError:  # EIO: nothing has the line open at the moment
                data = b""
                signal.sigtimedwait([], 0.2)
            if ready == master:
                os.write(1, data)
            elif data:
                os.write(master, data)
            else:
                keyboard.clear()


def main() -> None:
    kind, *words = sys.argv[1:]
    master, slave = pty.openpty()
    child = {"getty": getty, "gateway": gateway, "console": console}[kind](slave, *words)
    os.close(slave)
    tty.setraw(0)  # keys go through as they are pressed
    try:
        relay(master, child)
    finally:
        for line in words if kind == "console" else ():
            subprocess.run(["umount", "--lazy", f"/dev/{line}"], check=False)
            os.unlink(f"/dev/{line}")


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
signal.signal(signal.SIGHUP, lambda *_: sys.exit(0))
main()
