"""What a client of the socket can ask for, and who may: io.reaper and org.varlink.service.

Pure but for what it is given to ask: a call goes in as a message, a reply comes out as one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Protocol

from reaper import __version__

INTERFACE = "io.reaper"
_SERVICE = "org.varlink.service"
_SERVICE_DESCRIPTION = """# The Varlink Service Interface is provided by every varlink service.
interface org.varlink.service

method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)
method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
error ExpectedMore ()
"""


class Peer(NamedTuple):
    """Who is at the other end (SO_PEERCRED)."""

    pid: int
    uid: int


class CallError(Exception):
    """A varlink error reply: its qualified name and parameters."""

    def __init__(self, name: str, **parameters: Any) -> None:
        super().__init__(name)
        self.name, self.parameters = name, parameters


class Subject(Protocol):
    """What the methods need of the daemon."""

    def list_sessions(self, uid: int) -> dict[str, Any]:
        """The answer to List, with what that user may see."""

    def explain_session(self, uid: int, name: str) -> dict[str, Any]:
        """The answer to Explain. Raises CallError."""


def describe_interface() -> str:
    """The text of io.reaper.varlink."""
    path = os.path.join(os.path.dirname(__file__), f"{INTERFACE}.varlink")
    with open(path, encoding="utf-8") as file:
        return file.read()


def reply_to(message: Any, peer: Peer, subject: Subject) -> dict[str, Any]:
    """Answers one call; a message that is no call is answered with an error, too."""
    method = message.get("method") if isinstance(message, dict) else None
    parameters = message.get("parameters") or {} if isinstance(message, dict) else {}
    if not isinstance(method, str) or not isinstance(parameters, dict):
        return _error(CallError(f"{_SERVICE}.InvalidParameter", parameter="method"))
    handler = _METHODS.get(method)
    try:
        if handler is None:
            raise _unknown(method)
        return {"parameters": handler(parameters, peer, subject)}
    except CallError as error:
        return _error(error)


def _error(error: CallError) -> dict[str, Any]:
    return {"error": error.name, "parameters": error.parameters}


def _unknown(method: str) -> CallError:
    interface = method.rpartition(".")[0]
    if interface not in (INTERFACE, _SERVICE):
        return CallError(f"{_SERVICE}.InterfaceNotFound", interface=interface[:200])
    return CallError(f"{_SERVICE}.MethodNotFound", method=method[:200])


def _text(parameters: Mapping[str, Any], name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str) or not value:
        raise CallError(f"{_SERVICE}.InvalidParameter", parameter=name)
    return value


def _get_info(_parameters: Mapping[str, Any], _peer: Peer, _subject: Subject) -> dict[str, Any]:
    return {
        "vendor": "reaper",
        "product": "reaperd",
        "version": __version__,
        "url": "",
        "interfaces": [_SERVICE, INTERFACE],
    }


def _get_interface_description(parameters: Mapping[str, Any], _peer: Peer, _subject: Subject) -> dict[str, Any]:
    interface = _text(parameters, "interface")
    if interface == INTERFACE:
        return {"description": describe_interface()}
    if interface == _SERVICE:
        return {"description": _SERVICE_DESCRIPTION}
    raise CallError(f"{_SERVICE}.InterfaceNotFound", interface=interface[:200])


def _list(_parameters: Mapping[str, Any], peer: Peer, subject: Subject) -> dict[str, Any]:
    return subject.list_sessions(peer.uid)


def _explain(parameters: Mapping[str, Any], peer: Peer, subject: Subject) -> dict[str, Any]:
    return subject.explain_session(peer.uid, _text(parameters, "session"))


_METHODS: dict[str, Callable[[Mapping[str, Any], Peer, Subject], dict[str, Any]]] = {
    f"{_SERVICE}.GetInfo": _get_info,
    f"{_SERVICE}.GetInterfaceDescription": _get_interface_description,
    f"{INTERFACE}.List": _list,
    f"{INTERFACE}.Explain": _explain,
}
