"""Makes one call to the daemon over its socket."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

from reaper.control.server import PATH
from reaper.decide.text.escape import plain
from reaper.errors import ReaperError

# The daemon answers in milliseconds; one that takes this long hangs.
TIMEOUT_SEC = 10
MAX_REPLY_BYTES = 64 * 1024 * 1024


class DaemonAbsentError(ReaperError):
    """No daemon answers on the socket."""

    def __init__(self, path: str) -> None:
        super().__init__("daemon-absent", f"reaperd does not answer on {path}", "systemctl status reaper.service")


class DaemonRefusedError(ReaperError):
    """The daemon answered with an error; `name` is the error's qualified varlink name."""

    def __init__(self, name: str, parameters: Mapping[str, Any]) -> None:
        super().__init__("refused", _message(name, parameters))
        self.name = name


def _message(name: str, parameters: Mapping[str, Any]) -> str:
    if name == "io.reaper.NoSuchSession":
        return f"no session {parameters.get('session', '')!r} that you may see; reaperctl list shows those there are"
    if name == "io.reaper.NotAllowed":
        return f"not allowed: {plain(str(parameters.get('why', '')))}"
    if name == "io.reaper.Refused":
        hint = parameters.get("hint", "")
        why = plain(str(parameters.get("why", "")))
        return f"{why} ({plain(str(hint))})" if hint else why
    if name == "io.reaper.PolicyRejected":
        stays = parameters.get("policy", "")
        which = f"policy {stays} stays in force" if stays else "there is no policy in force"
        return f"the policy files are not used, {which}:\n{parameters.get('problems', '')}"
    if name == "org.varlink.service.InvalidParameter":
        what = parameters.get("parameter", "")
        return f"the daemon does not accept this {what}: it is empty, too long, or has characters that do not print"
    return f"the daemon refused the call: {name} {dict(parameters)}"


def connect(path: str) -> socket.socket:
    """Connects with TIMEOUT_SEC as the limit of each wait for the daemon. Raises OSError where nobody listens.

    Anybody can fill the daemon's queue, and connect(2) waits for a place in it only if the socket blocks (unix(7),
    EAGAIN): with Python's own timeout it would fail at once.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", TIMEOUT_SEC, 0))
        connection.connect(path)
        connection.settimeout(TIMEOUT_SEC)
    except OSError:
        connection.close()
        raise
    return connection


def call(method: str, parameters: Mapping[str, Any], path: str = PATH) -> dict[str, Any]:
    """Calls a method and returns the parameters of its reply.

    Raises DaemonAbsentError where no daemon answers in time, DaemonRefusedError where it answers with an error.
    """
    try:
        with connect(path) as connection:
            connection.sendall(json.dumps({"method": method, "parameters": dict(parameters)}).encode() + b"\0")
            text = _receive(connection)
    except (OSError, ValueError) as error:
        raise DaemonAbsentError(path) from error
    return parse_reply(text, path)


def parse_reply(text: bytes, path: str) -> dict[str, Any]:
    """Returns the parameters of a reply.

    Raises DaemonRefusedError for an error, and DaemonAbsentError for what is no varlink reply.
    """
    try:
        reply = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DaemonAbsentError(path) from error
    answer = (reply.get("parameters") or {}) if isinstance(reply, dict) else None
    if not isinstance(answer, dict):
        raise DaemonAbsentError(path)
    if "error" in reply:
        raise DaemonRefusedError(str(reply["error"]), answer)
    return answer


def _receive(connection: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(b"\0"):
        data = connection.recv(65536)
        if not data or len(received) > MAX_REPLY_BYTES:
            raise ValueError("the reply is cut off")
        received += data
    return bytes(received[:-1])
