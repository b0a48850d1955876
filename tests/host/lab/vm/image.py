"""The cached images: per suite a disk, its own kernel, and the machine as it is some seconds after its boot.

The base tree of the suite, Debian's kernel, and the agent are laid over each other and put into a file system. A
machine boots from it once; the snapshot of that moment is what every later one begins with.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

from ..errors import LabError
from ..guest import read_text
from ..trees import BASE_PACKAGES, made_once, recipe_hash, scratch_directory, tree_with
from .qemu import HARDWARE, Qemu

# The cloud kernel has few drivers and boots soonest; it has what a machine has of QEMU, and consoles.
KERNEL_PACKAGES = ("initramfs-tools", "linux-image-cloud-amd64", "udev", "zstd")
KERNEL_WORDS = "root=/dev/vda rw console=tty0 console=ttyS1,115200 quiet mitigations=off net.ifnames=0"
RECIPE = "1"  # raise it to have every image made again
SNAPSHOT = "booted"
DISK = "2G"  # sparse
BOOT_SECONDS = 300.0

HERE = os.path.dirname(__file__)
NETWORK = """\
[Match]
Name=eth0
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
IPv6AcceptRA=no
LinkLocalAddressing=no
"""
AGENT = """\
[Unit]
Description=What the tests have a hand in this machine with
[Service]
ExecStart=/usr/bin/python3 -I /usr/local/lib/lab-agent.py /dev/virtio-ports/reaper.lab
Restart=always
RestartSec=1
StartLimitBurst=1000
KillMode=process
TasksMax=infinity
[Install]
WantedBy=multi-user.target
"""
SSHD = """\
HostKey /etc/ssh/lab_host_key
PasswordAuthentication no
"""
# console= brings a getty on ttyS1, which is only to be read; the serial line that people use is ttyS0.
WANTED = ("lab-agent.service", "serial-getty@ttyS0.service", "systemd-networkd.service")
UNWANTED = ("serial-getty@ttyS1.service", "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer",
            "fstrim.timer", "systemd-networkd-wait-online.service", "dpkg-db-backup.timer")  # fmt: skip
TEMPLATES = {"serial-getty@ttyS0.service": "serial-getty@.service"}


def run(words: Sequence[str], directory: str | None = None) -> str:
    """Runs a command here; its output is for the error if it fails."""
    result = subprocess.run(
        words,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise LabError(f"{' '.join(words)} exited {result.returncode}", result.stdout[-4000:])
    return result.stdout


def machine_image(suite: str) -> str:
    """The directory of a suite's image: disk.raw, disk.qcow2 on top of it, kernel, initrd, host_key.pub."""
    version = run(["qemu-system-x86_64", "--version"])  # another one may not understand the snapshot
    ours = [RECIPE, KERNEL_WORDS, AGENT, NETWORK, SSHD, *WANTED, *UNWANTED, read_text(os.path.join(HERE, "agent.py"))]
    key = recipe_hash(*BASE_PACKAGES, *KERNEL_PACKAGES, *HARDWARE, version, *ours)
    return made_once(
        f"vm-{suite}-{key}", f"{suite}: making a virtual machine, some minutes", lambda path: make(suite, path)
    )


def make(suite: str, path: str) -> None:
    layers = tree_with(suite, KERNEL_PACKAGES, "kernel")
    for target, pattern in (("kernel", "vmlinuz-*"), ("initrd", "initrd.img-*")):
        (source,) = glob.glob(os.path.join(layers[0], "boot", pattern))
        shutil.copy(source, os.path.join(path, target))
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", os.path.join(path, "host_key")])
    with tempfile.TemporaryDirectory(prefix="reaper-lab-") as top:
        furnish(suite, top, os.path.join(path, "host_key"))
        make_disk([top, *layers], path)
    os.unlink(os.path.join(path, "host_key"))
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", "disk.raw", "-F", "raw", "disk.qcow2"], path)
    boot_once(suite, path)


def furnish(suite: str, top: str, host_key: str) -> None:
    """What a guest has on top of its packages."""
    for path, mode, text in (
        ("etc/hostname", 0o644, f"reaper-{suite}\n"),
        ("etc/hosts", 0o644, f"127.0.0.1 localhost reaper-{suite}\n"),
        ("etc/ssh/lab_host_key", 0o600, read_text(host_key)),
        ("etc/ssh/sshd_config.d/lab.conf", 0o644, SSHD),
        ("etc/systemd/network/lab.network", 0o644, NETWORK),
        ("etc/systemd/system/lab-agent.service", 0o644, AGENT),
        ("usr/local/lib/lab-agent.py", 0o644, read_text(os.path.join(HERE, "agent.py"))),
    ):
        target = os.path.join(top, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(text)
    units = os.path.join(top, "etc/systemd/system")
    os.makedirs(os.path.join(units, "multi-user.target.wants"))
    for unit in WANTED:
        directory = "/etc/systemd/system" if unit.startswith("lab-") else "/lib/systemd/system"
        target = os.path.join(directory, TEMPLATES.get(unit, unit))
        os.symlink(target, os.path.join(units, "multi-user.target.wants", unit))
    for unit in UNWANTED:
        os.symlink("/dev/null", os.path.join(units, unit))
    os.chmod(top, 0o755)


def make_disk(layers: Sequence[str], path: str) -> None:
    # In a mount namespace of its own: nothing stays mounted, however it ends.
    merge = 'mount -t overlay -o "lowerdir=$1" overlay "$2" && exec mke2fs -q -t ext4 -O ^has_journal'
    script = f'{merge} -E root_owner=0:0 -L root -d "$2" "$3" {DISK}'
    os.makedirs(scratch_directory(), exist_ok=True)
    words = ["unshare", "--mount", "--propagation", "slave", "--", "sh", "-c", script, "sh"]
    run([*words, ":".join(layers), scratch_directory(), os.path.join(path, "disk.raw")])


def boot_once(suite: str, path: str) -> None:
    """Boots the machine and leaves the snapshot in disk.qcow2."""
    directory = tempfile.mkdtemp(prefix="reaper-lab-")
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        for name in ("disk.raw", "disk.qcow2"):
            os.symlink(os.path.join(path, name), os.path.join(directory, name))
        words = ["-kernel", f"{path}/kernel", "-initrd", f"{path}/initrd", "-append", KERNEL_WORDS]
        qemu = Qemu(f"vm-{suite}", directory, words)
        stack.callback(qemu.stop)
        status, stdout, stderr = qemu.run(["systemctl", "is-system-running", "--wait"], BOOT_SECONDS)
        if status != 0:
            failed = qemu.run(["systemctl", "--failed", "--no-pager"], 60)[1]
            raise LabError(f"{suite} did not boot: {stdout.strip()}", stderr + failed + qemu.errors())
        qemu.run(["systemctl", "start", "ssh.service"], 60)
        qemu.run(["sync"], 60)
        qemu.snapshot(f"savevm {SNAPSHOT}")
        qemu.monitor("quit")
