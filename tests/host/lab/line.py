"""A console line for a host: runs agetty(8), and so login(1), on /dev/ttyN; stdin and stdout are the person's side.

Runs inside the host, by its own python3. A container has no virtual consoles, so the line behind /dev/ttyN is a pty;
agetty, login, PAM, logind and reaper see /dev/ttyN all the same, for the pty is mounted there and ttyname(3) says so.
The master is held here, like a keyboard and a screen, through every vhangup(2) of login's.
"""

import os
import pty
import select
import subprocess
import sys
import tty


def main() -> None:
    line = sys.argv[1]
    master, slave = pty.openpty()
    name = os.ttyname(slave)
    path = f"/dev/{line}"
    open(path, "a").close()
    subprocess.run(["mount", "--bind", name, path], check=True)
    getty = subprocess.Popen(["setsid", "agetty", "--noclear", "--noissue", line, "linux"], stdin=subprocess.DEVNULL)
    os.close(slave)
    tty.setraw(0)  # keys go through as they are pressed
    keyboard = [0]
    try:
        while getty.poll() is None:
            for ready in select.select([master, *keyboard], [], [], 0.2)[0]:
                try:
                    data = os.read(ready, 4096)
                except OSError:  # EIO: login hangs the line up before it takes it over
                    data = b""
                if ready == master:
                    os.write(1, data)
                elif data:
                    os.write(master, data)
                else:
                    keyboard.clear()
    finally:
        subprocess.run(["umount", "--lazy", path], check=False)
        os.unlink(path)


main()
