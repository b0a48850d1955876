"""statx(2), which Python's os module lacks: returns what the kernel knows of a file, without asking the file system.

stat(2) asks the file system, and the server of a remote one, or of a user's own (fuse(4)), may never answer. With
AT_STATX_DONT_SYNC, FUSE (fuse_update_get_attr) and NFS (nfs_getattr) send no request (seen on Linux 6.18 with a stopped
bindfs). The types that send one nevertheless are in `ASKING`.
"""

from __future__ import annotations

import ctypes
import functools
import os
import struct
from typing import Callable, NamedTuple

ASKING = (b"cifs", b"smb3", b"coda", b"pvfs2", b"gfs2", b"ocfs2")
"""File system types that ask their server if what the kernel knows is out of date (cifs_getattr, ...)."""
AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
TYPE, MODE, UID = 0x1, 0x2, 0x8
"""Fields that can be requested."""
_AT_NO_AUTOMOUNT, _AT_STATX_DONT_SYNC = 0x800, 0x4000
_BYTES = 256
# stx_mask, stx_uid, stx_mode, stx_ino, stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor
_FIELDS = struct.Struct("=I16xI4xH2xQ88xIIII")


class Statx(NamedTuple):
    """What statx(2) returns of a file; `mask` says which of the requestable fields are valid."""

    mask: int
    uid: int
    mode: int
    inode: int
    rdev: int
    device: int


def statx(path: bytes, fields: int = 0, *, directory: int = AT_FDCWD, flags: int = 0) -> Statx:
    """Returns what the kernel knows of a file; always type, inode and devices (generic_fillattr). Raises OSError."""
    buffer = ctypes.create_string_buffer(_BYTES)
    if _function()(directory, path, flags | _AT_NO_AUTOMOUNT | _AT_STATX_DONT_SYNC, fields, buffer):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    mask, uid, mode, inode, *numbers = _FIELDS.unpack_from(buffer)
    return Statx(mask, uid, mode, inode, os.makedev(*numbers[:2]), os.makedev(*numbers[2:]))


@functools.cache
def _function() -> Callable[..., int]:
    found: Callable[..., int] = ctypes.CDLL(None, use_errno=True).statx  # glibc 2.28
    return found
