"""What goes wrong keeps nobody out: one syslog line and PAM_SUCCESS, or with "require" PAM_SESSION_ERR."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace

import pytest

PAM_SUCCESS, PAM_SESSION_ERR = 0, 14


@dataclass(frozen=True)
class Trouble:
    """`setup` is shell, $D the directory of the records, in a mount namespace that ends with the login."""

    setup: str
    line: str
    left: tuple[str, ...] = ()
    directory: str = ""
    user: str = "root"


MADE = 'mkdir -p -m 755 "${D%/*}"; mkdir -m 700 "$D"; '

TROUBLES = {
    "no-run": Trouble("", "create the directory: No such file or directory", directory="/nonexistent/reaper/sessions"),
    "relative": Trouble("", "open the directory: Invalid argument", directory="reaper/sessions"),
    "no-name": Trouble("", "create the directory: No such file or directory", directory="/run/"),
    "full": Trouble(
        MADE + 'mount -t tmpfs -o size=4k,mode=700 full "$D"; dd status=none if=/dev/zero of="$D/fill" bs=4096 count=1',
        "write the record: No space left on device",
        left=("fill",),
    ),
    "no-inodes": Trouble(
        MADE + 'mount -t tmpfs -o nr_inodes=1,mode=700 full "$D"', "write the record: No space left on device"
    ),
    "read-only": Trouble(
        MADE + 'mount -t tmpfs -o ro,mode=700 ro "$D"', "write the record: Read-only file system"
    ),
    "read-only-and-missing": Trouble(
        'mkdir -p "${D%/*}"; mount -t tmpfs -o ro,mode=755 ro "${D%/*}"', "create the directory: Read-only file system"
    ),
    "symlink": Trouble('mkdir -p "${D%/*}" "$D.else"; ln -s "$D.else" "$D"', "open the directory: Not a directory"),
    "symlink-above": Trouble(
        'U="${D%/*}"; mkdir -p -m 700 "$U.else/sessions"; ln -s "$U.else" "$U"', "open the directory: Not a directory"
    ),
    "dangling": Trouble('mkdir -p "${D%/*}"; ln -s "$D.else" "$D"', "open the directory: Not a directory"),
    "file": Trouble('mkdir -p "${D%/*}"; : >"$D"', "open the directory: Not a directory"),
    "fifo": Trouble('mkdir -p "${D%/*}"; mkfifo "$D"', "open the directory: Not a directory"),
    "others-own-it": Trouble(MADE + 'chown 65534 "$D"', "trust the directory: Operation not permitted"),
    "others-own-above": Trouble(MADE + 'chown 65534 "${D%/*}"', "trust the directory: Operation not permitted"),
    "group-writes": Trouble(MADE + 'chmod 720 "$D"', "trust the directory: Operation not permitted"),
    "others-write": Trouble(MADE + 'chmod 1702 "$D"', "trust the directory: Operation not permitted"),
    "others-write-above": Trouble(MADE + 'chmod 757 "${D%/*}"', "trust the directory: Operation not permitted"),
    "no-proc": Trouble("mount -t tmpfs none /proc", "read /proc/self/stat: No such file or directory"),
    "unknown-user": Trouble("", "look up the user: No data available", user="no-such-user"),
}  # fmt: skip


@pytest.mark.parametrize("require", [False, True], ids=["optional", "require"])
@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_is_one_log_line_and_success(stack, name, require):
    trouble = TROUBLES[name]
    directory = trouble.directory or str(stack.directory)
    result = stack.run(
        "open",
        f"list:{directory}",
        "close",
        user=trouble.user,
        options="require" if require else "",
        directory=directory,
        setup=trouble.setup,
    )
    end = "refusing it" if require else "ignoring"
    text = f"cannot record the login of {trouble.user} in {directory}, failed to {trouble.line}, {end}"
    assert result.log == [("err", f"pam_reaper(login:session): {text}")]
    assert result.code("open") == (PAM_SESSION_ERR if require else PAM_SUCCESS)
    # After a failed open, libpam refuses the close, whatever the modules return then.
    assert require or result.code("close") == PAM_SUCCESS
    if not trouble.directory:
        (listing,) = [line.split()[1:] for line in result.output if line.split()[0] == "list"]
        assert listing == list(trouble.left)


@pytest.mark.parametrize("require", [False, True], ids=["optional", "require"])
@pytest.mark.parametrize("name", sorted(TROUBLES.keys() - {"no-name"}))
def test_trouble_never_refuses_su_or_sudo(stack, name, require):
    """Not even with `require`: a person who cannot become root cannot repair what is wrong."""
    trouble = TROUBLES[name]
    directory = trouble.directory or str(stack.directory)
    marked = f"{directory.rpartition('/')[0]}/elevated"
    result = stack.run(
        "item:RUSER=ann", "item:TTY=/dev/pts/3", "open", f"list:{marked}", "close",
        service="sudo", user=trouble.user, options="require" if require else "",
        directory=directory, setup=f'D="${{D%/*}}/elevated"; {trouble.setup}',
    )  # fmt: skip
    assert result.code("open") == result.code("close") == 0
    text = f"cannot record the elevation of ann in {marked}, failed to {trouble.line}, ignoring"
    assert result.log == [("err", f"pam_reaper(sudo:session): {text}")]
    (listing,) = [line.split()[1:] for line in result.output if line.split()[0] == "list"]
    assert listing == list(trouble.left)


@pytest.mark.parametrize("require", [False, True], ids=["optional", "require"])
def test_last_descriptor_is_left_for_libpam(stack, require):
    """libpam needs it after the module, so it must not be used for syslog, of which there is none."""
    stack.build = replace(stack.build, prefix=("prlimit", "--nofile=64:64"))
    setup = "umount /dev/log; rm /dev/log"
    result = stack.run("exhaust:1", "open", options="require" if require else "", setup=setup)
    assert result.code("open") == (PAM_SESSION_ERR if require else PAM_SUCCESS)
    assert stack.records() == {}


def test_hostile_name_is_escaped_in_the_log(stack):
    result = stack.run("open", user=b"x\n<0>kernel: \xff\x1b[2J")
    assert len(result.log) == 1
    assert r"login of x\x0a<0>kernel: \xff\x1b[2J in " in result.log[0][1]


def test_close_without_permission_is_logged(stack):
    """systemd closes the session of a unit with PAMName= as the unit's user: the daemon removes the record later."""
    result = stack.run("open", "seteuid:65534", "close")
    text = f"cannot remove the record of this login from {stack.directory}: Permission denied, ignoring"
    assert result.log == [("err", f"pam_reaper(login:session): {text}")]
    assert result.code("close") == PAM_SUCCESS
    assert len(stack.records()) == 1


def test_directory_removed_before_close_is_no_error(stack):
    login = stack.start("open", "pause", "close")
    login.until_paused()
    shutil.rmtree(stack.directory.parent)
    result = stack.finish(login)
    assert (result.code("close"), result.log) == (PAM_SUCCESS, [])


def test_close_follows_no_link_to_another_directory(stack, tmp_path):
    """Nothing is removed through a link, whoever made it."""
    login = stack.start("open", "pause", "close")
    login.until_paused()
    elsewhere = tmp_path / "elsewhere"
    stack.directory.rename(elsewhere)
    stack.directory.symlink_to(elsewhere)
    result = stack.finish(login)
    text = f"cannot remove the record of this login from {stack.directory}: Not a directory, ignoring"
    assert result.log == [("err", f"pam_reaper(login:session): {text}")]
    assert result.code("close") == PAM_SUCCESS
    assert len(list(elsewhere.iterdir())) == 1


def test_record_that_cannot_be_replaced_is_logged(stack):
    """A directory is in its place: rename fails, and the temporary file is removed."""
    login = stack.start("pause", "open", "close")
    login.until_paused()
    (stack.directory / login.name() / "inside").mkdir(parents=True)
    stack.directory.chmod(0o700)
    stack.directory.parent.chmod(0o755)
    name = login.name()
    result = stack.finish(login)
    text = f"cannot record the login of root in {stack.directory}, failed to write the record: Is a directory, ignoring"
    assert result.log == [("err", f"pam_reaper(login:session): {text}")]
    assert [entry.name for entry in stack.directory.iterdir()] == [name]
