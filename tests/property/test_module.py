"""The PAM module's C against Python: each reads what the other writes, and both hash alike.

The parts that need no PAM handle are called by ctypes, from a library made of the module's own sources.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reaper import procfs
from reaper.decide.session.model import SessionKey
from reaper.sense.login_records import parse_record

HOOK = Path(__file__).resolve().parents[2] / "pam_hook"
VALUE_SIZE, AUTH_SIZE = 257, 512
KEY = SessionKey(123, 456)
PR_SET_NAME = 15
TEXTS = st.binary(max_size=300).map(lambda data: data.replace(b"\0", b""))
KEYS = st.binary(min_size=1, max_size=200)
WORDS = st.from_regex(r"[A-Za-z0-9@./_-]{1,12}", fullmatch=True)


class Leader(ctypes.Structure):
    """struct leader of pam_reaper.h."""

    _fields_ = [("pid", ctypes.c_int), ("tty", ctypes.c_uint64), ("start_ticks", ctypes.c_uint64)]


class Sha256(ctypes.Structure):
    """struct sha256 of pam_reaper.h."""

    _fields_ = [("state", ctypes.c_uint32 * 8), ("block", ctypes.c_uint8 * 64), ("length", ctypes.c_uint64)]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    library = tmp_path_factory.mktemp("module") / "module.so"
    command = ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", library, *sorted(HOOK.glob("*.c"))]
    subprocess.run([*command, "-lpam"], check=True)
    return ctypes.CDLL(str(library))


def written(module: ctypes.CDLL, raw: bytes) -> bytes:
    out = ctypes.create_string_buffer(VALUE_SIZE)
    module.text_escape(out, raw)
    return out.value


def described(module: ctypes.CDLL, info: bytes) -> bytes:
    out = ctypes.create_string_buffer(AUTH_SIZE)
    module.auth_describe(out, info)
    return out.value


@given(TEXTS)
@example(b"a\nUID=0\n")
@example(b"\\x41")
@example("\u00e4\u2028".encode() + b"\xff\xc3")
@example(b"\xff" * 64)
@example(b"\xff" * 65)
@example(b"1" * 254 + b"\xff")
@example(b"1" * 300)
def test_string_that_the_module_escapes_is_read_back(module, raw):
    """Whole, or cut between two characters and marked with three dots."""
    pieces = [bytes([byte]) if 0x20 <= byte < 0x7F and byte != 0x5C else b"\\x%02x" % byte for byte in raw]
    expected, kept = b"".join(pieces), raw
    if len(expected) > VALUE_SIZE - 1:
        fitting = [size for size in range(len(raw)) if len(b"".join(pieces[:size])) + 3 <= VALUE_SIZE - 1]
        expected, kept = b"".join(pieces[: fitting[-1]]) + b"...", raw[: fitting[-1]] + b"..."
    assert written(module, raw) == expected
    values = b"VERSION=1\nUSER=%s\nUID=0\nSERVICE=x\nLEADER=123\nSTART_TICKS=456\nOPENED_USEC=5\n" % expected
    assert parse_record(KEY, values).user == kept.decode("utf-8", "backslashreplace")


@given(KEYS, st.integers(0, 3))
@example(bytes(55), 0)
@example(bytes(56), 0)
@example(bytes(64), 0)
def test_hash_equals_that_of_hashlib(module, data, times):
    data *= times
    state, digest = Sha256(), (ctypes.c_uint8 * 32)()
    module.sha256_begin(ctypes.byref(state))
    for byte in data:
        module.sha256_byte(ctypes.byref(state), ctypes.c_uint8(byte))
    module.sha256_end(ctypes.byref(state), digest)
    assert bytes(digest) == hashlib.sha256(data).digest()


METHODS = st.lists(
    st.tuples(st.sampled_from(["publickey", "hostbased", "password", "gssapi"]), WORDS, KEYS), max_size=3
)


@given(METHODS)
def test_key_has_the_fingerprint_that_sshd_logs(module, methods):
    lines, told = [], []
    for method, kind, key in methods:
        encoded = base64.b64encode(key).decode()
        has_key = method in ("publickey", "hostbased")
        lines.append(f"{method} {kind} {encoded}" if has_key else f"{method} {kind}")
        fingerprint = base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
        shows = f" {kind}" + ("" if "-cert-" in kind else f" SHA256:{fingerprint}")
        told.append(method + (shows if has_key else ""))
    assert described(module, "\n".join(lines).encode()).decode() == ", ".join(told)[: AUTH_SIZE - 1]


@given(st.binary(max_size=15).map(lambda name: name.replace(b"\0", b"")))
@example(b") S 1 1 1")
@example(b"a) R 1\n(b")
@example(b"\rTgid:1")
def test_module_and_daemon_read_the_same_process(module, name):
    """Whatever name the user's login program has."""
    libc, before = ctypes.CDLL(None), Path("/proc/self/comm").read_bytes().rstrip(b"\n")
    leader = Leader()
    libc.prctl(PR_SET_NAME, name)
    try:
        assert module.leader_read(ctypes.byref(leader)) == 0
        stat = procfs.read_stat(os.getpid())
    finally:
        libc.prctl(PR_SET_NAME, before)
    assert stat is not None
    assert (leader.pid, leader.start_ticks) == (os.getpid(), stat.starttime)
    major, minor = os.major(leader.tty), os.minor(leader.tty)  # the kernel's new_encode_dev()
    assert minor & 0xFF | major << 8 | (minor & ~0xFF) << 12 == stat.tty_nr
