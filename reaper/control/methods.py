"""The methods of io.reaper and org.varlink.service: checks a call and its caller's permission, and answers it.

Pure except for the Backend that it is given: a call comes in as a message, a reply goes out as one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Protocol

from reaper import __version__
from reaper.decide.policy.limits import LONGEST_HOLD_USEC
from reaper.decide.session.hold import LONGEST_REASON

INTERFACE = "io.reaper"
# A session is named by logind's id, by its leader, or by a terminal; the longest of these have some 30 characters.
LONGEST_NAME = 200
# So much of the name of an unknown interface or method is sent back; the longest known one has 43 characters.
_LONGEST_ECHO = 200
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
    """The process at the other end of a connection (SO_PEERCRED)."""

    pid: int
    uid: int


class CallError(Exception):
    """A varlink error reply: its qualified name and parameters."""

    def __init__(self, name: str, **parameters: Any) -> None:
        super().__init__(name)
        self.name, self.parameters = name, parameters


class Backend(Protocol):
    """What the methods need of the daemon. Each raises CallError; permissions have been checked before."""

    def list_sessions(self, uid: int) -> dict[str, Any]:
        """Returns the reply to List, with what that user may see."""

    def watch_sessions(self, uid: int) -> tuple[dict[str, Any], Any]:
        """Returns the reply to Watch, and the part of it that does not change merely because time passes."""

    def explain_session(self, peer: Peer, name: str) -> dict[str, Any]:
        """Returns the reply to Explain."""

    def hold_session(self, peer: Peer, name: str, duration_usec: int, why: str) -> dict[str, Any]:
        """Returns the reply to Hold."""

    def release_session(self, peer: Peer, name: str, why: str) -> None:
        """Does what Release asks."""

    def warn_session(self, peer: Peer, name: str, text: str) -> dict[str, Any]:
        """Returns the reply to Warn."""

    def lock_session(self, peer: Peer, name: str) -> None:
        """Does what Lock asks."""

    def terminate_session(self, peer: Peer, name: str, why: str, *, force: bool) -> None:
        """Does what Terminate asks."""

    def reload_policy(self) -> dict[str, Any]:
        """Returns the reply to Reload."""


def describe_interface() -> str:
    """Returns the text of io.reaper.varlink."""
    path = os.path.join(os.path.dirname(__file__), f"{INTERFACE}.varlink")
    with open(path, encoding="utf-8") as file:
        return file.read()


def is_watch(message: Any) -> bool:
    """Returns whether a call asks for a series of replies: Watch with `more`.

    A method that has only one reply gives it whether `more` is set or not (https://varlink.org/Method-Call).
    """
    return (
        isinstance(message, dict)
        and message.get("method") == f"{INTERFACE}.Watch"
        and message.get("more") is True
        and message.get("oneway") is not True
    )


def reply_to(message: Any, peer: Peer, backend: Backend) -> dict[str, Any]:
    """Answers one call; a message that is no call is answered with an error."""
    method = message.get("method") if isinstance(message, dict) else None
    parameters = message.get("parameters") or {} if isinstance(message, dict) else {}
    if not isinstance(method, str) or not isinstance(parameters, dict):
        return _error(CallError(f"{_SERVICE}.InvalidParameter", parameter="method"))
    handler = _METHODS.get(method)
    try:
        if handler is None:
            raise _unknown(method)
        return {"parameters": handler(parameters, peer, backend)}
    except CallError as error:
        return _error(error)


def _error(error: CallError) -> dict[str, Any]:
    return {"error": error.name, "parameters": error.parameters}


def _unknown(method: str) -> CallError:
    interface = method.rpartition(".")[0]
    if interface not in (INTERFACE, _SERVICE):
        return CallError(f"{_SERVICE}.InterfaceNotFound", interface=interface[:_LONGEST_ECHO])
    return CallError(f"{_SERVICE}.MethodNotFound", method=method[:_LONGEST_ECHO])


def _text(parameters: Mapping[str, Any], name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str) or not value:
        raise CallError(f"{_SERVICE}.InvalidParameter", parameter=name)
    return value


def _session(parameters: Mapping[str, Any]) -> str:
    """Returns the name by which a call asks for a session; a text that cannot be one names no session."""
    name = _text(parameters, "session")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise CallError(f"{INTERFACE}.NoSuchSession", session=name[:LONGEST_NAME])
    return name


def _words(parameters: Mapping[str, Any], name: str) -> str:
    """Returns a text from a person: one printable line of limited length, empty if it is left out."""
    value = parameters.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_REASON or not value.isprintable():
        raise CallError(f"{_SERVICE}.InvalidParameter", parameter=name)
    return value.strip()


def _reason(parameters: Mapping[str, Any]) -> str:
    """Returns a reason, which may not be left out."""
    why = _words(parameters, "why")
    if not why:
        raise CallError(f"{_SERVICE}.InvalidParameter", parameter="why")
    return why


def _require_root(peer: Peer, what: str) -> None:
    if peer.uid != 0:
        raise CallError(f"{INTERFACE}.NotAllowed", why=f"only root may {what}")


def _get_info(_parameters: Mapping[str, Any], _peer: Peer, _backend: Backend) -> dict[str, Any]:
    return {
        "vendor": "reaper",
        "product": "reaperd",
        "version": __version__,
        "url": "",
        "interfaces": [_SERVICE, INTERFACE],
    }


def _get_interface_description(parameters: Mapping[str, Any], _peer: Peer, _backend: Backend) -> dict[str, Any]:
    interface = _text(parameters, "interface")
    if interface == INTERFACE:
        return {"description": describe_interface()}
    if interface == _SERVICE:
        return {"description": _SERVICE_DESCRIPTION}
    raise CallError(f"{_SERVICE}.InterfaceNotFound", interface=interface[:_LONGEST_ECHO])


def _list(_parameters: Mapping[str, Any], peer: Peer, backend: Backend) -> dict[str, Any]:
    return backend.list_sessions(peer.uid)


def _watch(_parameters: Mapping[str, Any], peer: Peer, backend: Backend) -> dict[str, Any]:
    return backend.watch_sessions(peer.uid)[0]


def _explain(parameters: Mapping[str, Any], peer: Peer, backend: Backend) -> dict[str, Any]:
    return backend.explain_session(peer, _session(parameters))


def _hold(parameters: Mapping[str, Any], peer: Peer, backend: Backend) -> dict[str, Any]:
    duration_usec = parameters.get("duration_usec")
    if type(duration_usec) is not int or not 0 < duration_usec <= LONGEST_HOLD_USEC:
        raise CallError(f"{_SERVICE}.InvalidParameter", parameter="duration_usec")
    return backend.hold_session(peer, _session(parameters), duration_usec, _reason(parameters))


def _release(parameters: Mapping[str, Any], peer: Peer, backend: Backend) -> dict[str, Any]:
    backend.release_session(peer, _session(parameters), _words(parameters, "why"))
    return {}


def _warn(parameters: Mapping[str, Any], peer: Peer, backend: Backend) -> dict[str, Any]:
    _require_root(peer, "warn")
    return backend.warn_session(peer, _session(parameters), _words(parameters, "text"))


def _lock(parameters: Mapping[str, Any], peer: Peer, backend: Backend) -> dict[str, Any]:
    backend.lock_session(peer, _session(parameters))
    return {}


def _terminate(parameters: Mapping[str, Any], peer: Peer, backend: Backend) -> dict[str, Any]:
    _require_root(peer, "end sessions")
    force = parameters.get("force")
    if force is not None and not isinstance(force, bool):
        raise CallError(f"{_SERVICE}.InvalidParameter", parameter="force")
    backend.terminate_session(peer, _session(parameters), _reason(parameters), force=force is True)
    return {}


def _reload(_parameters: Mapping[str, Any], peer: Peer, backend: Backend) -> dict[str, Any]:
    _require_root(peer, "reload the policy")
    return backend.reload_policy()


_METHODS: dict[str, Callable[[Mapping[str, Any], Peer, Backend], dict[str, Any]]] = {
    f"{_SERVICE}.GetInfo": _get_info,
    f"{_SERVICE}.GetInterfaceDescription": _get_interface_description,
    f"{INTERFACE}.List": _list,
    f"{INTERFACE}.Watch": _watch,
    f"{INTERFACE}.Explain": _explain,
    f"{INTERFACE}.Hold": _hold,
    f"{INTERFACE}.Release": _release,
    f"{INTERFACE}.Warn": _warn,
    f"{INTERFACE}.Lock": _lock,
    f"{INTERFACE}.Terminate": _terminate,
    f"{INTERFACE}.Reload": _reload,
}
