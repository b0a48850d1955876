"""Programs that pretend that their user is still there; each runs on a terminal that its user has left."""

from __future__ import annotations

# clone(2) with CLONE_PARENT: the new process is a child of sshd's, as a channel's would be.
CLONE = """\
import ctypes, fcntl, os, signal, sys, termios, time

def clone():
    number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    return ctypes.CDLL(None).syscall(number, 0x8000 | signal.SIGCHLD, 0, 0, 0, 0)
"""

# Lies unread: one line. Its terminal's times are set by hand, and the count of what lies unread falls and rises.
UNREAD = """\
import os, signal, termios, time

signal.signal(signal.SIGTTOU, signal.SIG_IGN)
modes = termios.tcgetattr(0)
while True:
    modes[3] ^= termios.ICANON
    termios.tcsetattr(0, termios.TCSANOW, modes)
    os.utime(os.ttyname(0))
    time.sleep(0.4)
"""

# Reads and writes as much as a transfer would, beside the terminal, while keepalives cross the connection.
CHANNEL = f"""\
{CLONE}
if clone() == 0:
    os.setsid()
    os.closerange(0, 3)
    zero, null = os.open("/dev/zero", os.O_RDONLY), os.open("/dev/null", os.O_WRONLY)
    while True:
        os.write(null, os.read(zero, 65536))
        time.sleep(0.2)
time.sleep(1000)
"""

# The shell gives its terminal up, and a new child of sshd's after the other takes it: as if the client had closed one
# terminal and opened another.
REOPENED = f"""\
{CLONE}
signal.signal(signal.SIGHUP, signal.SIG_IGN)
fcntl.ioctl(0, termios.TIOCNOTTY)
while True:
    if clone() == 0:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.utime(os.ttyname(0))
        time.sleep(3)
        os._exit(0)
    time.sleep(4)
"""
