"""Runs one QEMU, and ends it when the other end of stdin goes away.

Started by qemu.py in a network namespace of its own, which has a loopback interface and nothing else:
`unshare --net python3 -I guard.py SPEC`, SPEC being JSON:

    words        the command
    descriptors  what it inherits: the other ends of its lines
    remove       a directory that goes with it

Speaks lines on stdout: `qemu PID`, `exit STATUS`. Should the guard itself be killed, the kernel kills QEMU
(PR_SET_PDEATHSIG). It runs as a script, so it imports nothing of ours.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys

IFF_UP, SIOCSIFFLAGS = 1, 0x8914  # netdevice(7)


def say(*words: object) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(*words, flush=True)


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def main() -> int:
    spec = json.loads(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    raise_loopback()
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *spec["words"]],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        pass_fds=spec["descriptors"],
    )
    try:
        for descriptor in spec["descriptors"]:
            os.close(descriptor)  # so that the end of QEMU is the end of its lines
        say("qemu", process.pid)
        ended = os.pidfd_open(process.pid)
        select.select([0, ended], [], [])
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(spec["remove"], ignore_errors=True)
        say("exit", process.returncode)
    return 0


if __name__ == "__main__":
    sys.exit(main())
