"""One authentication attempt through PAM, with the check whether the account may still be used.

Uses python-pam's bindings of libpam, with a conversation of our own. python-pam's answers every prompt with the same
password, loses the second of several messages, and has no account phase in 1.8.4 (Debian 11).
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reaper.decide.text.escape import plain
from reaper.errors import ReaperError
from reaper.lock.prompt.line_editor import MAX_LINE

Ask = Callable[[str, bool], "bytearray | None"]
"""Shows a prompt; the flag says whether to echo what is typed. Returns the answer, to be wiped here; None for none."""
Say = Callable[[str, bool], None]
"""Shows a message of a module; the flag says whether it is an error."""
_MOST_MESSAGES = 32  # PAM_MAX_NUM_MSG
_ECHO_OFF, _ECHO_ON, _ERROR, _INFO = 1, 2, 3, 4
_TTY, _RHOST = 3, 4
_SUCCESS, _SYSTEM_ERROR, _BUFFER_ERROR, _DENIED, _NEW_PASSWORD, _CONVERSATION_ERROR = 0, 4, 5, 6, 12, 19
_NO_EMPTY_PASSWORD = 1  # PAM_DISALLOW_NULL_AUTHTOK
_REINITIALIZE = 8


@dataclass(frozen=True)
class Outcome:
    """The result of an attempt. `code` is libpam's; `why` is its text, fit for terminals and the journal, no secret.

    `phase` is the one that decided: start, authentication, account; dialogue adds gone (the terminal hung up), and
    process adds died (the process that asks). If it is not answered, nothing was typed for PAM, so that a failure was
    not a guess. `is_expired` means that the password has to be changed, which is no failure: the user is authenticated,
    and passwd(1) with its old and new prompts is for the shell behind the lock.
    """

    ok: bool
    code: int
    why: str
    phase: str
    is_answered: bool = False
    is_expired: bool = False


@functools.cache
def load() -> Any:
    """Returns libpam as python-pam binds it. Raises ReaperError if it is missing. Must be called before a fork."""
    try:
        pam = importlib.import_module("pam")
        if hasattr(pam, "PamAuthenticator"):
            return _Bindings(pam.PamAuthenticator(), importlib.import_module("pam.__internals"))
        return _Bindings(pam, pam)
    except (ImportError, OSError, AttributeError) as error:
        hint = "install python3-pampy and python3-six (EL: python3-pam)"
        raise ReaperError("python-pam", f"Python cannot ask PAM: {type(error).__name__}: {error}", hint) from error


class _Bindings:
    """The functions of libpam that are needed, from an instance of python-pam 2's class or from the module of 1.8.4."""

    def __init__(self, source: Any, types: Any) -> None:
        self.Handle, self.Conversation, self.Response = types.PamHandle, types.PamConv, types.PamResponse
        self.callback = types.conv_func
        self.start, self.end, self.strerror = source.pam_start, source.pam_end, source.pam_strerror
        self.authenticate, self.setcred = source.pam_authenticate, source.pam_setcred
        library = getattr(source, "libpam", source)  # 1.8.4 binds neither of these
        self.acct_mgmt, self.set_item = library.pam_acct_mgmt, library.pam_set_item
        self.acct_mgmt.argtypes = self.setcred.argtypes = [self.Handle, ctypes.c_int]
        self.set_item.argtypes = [self.Handle, ctypes.c_int, ctypes.c_void_p]
        libc = ctypes.CDLL(None)
        # libpam frees the answers: they are the C library's memory, never Python's.
        self.calloc, self.free, self.strlen = libc.calloc, libc.free, libc.strlen
        self.calloc.argtypes, self.calloc.restype = [ctypes.c_size_t, ctypes.c_size_t], ctypes.c_void_p
        self.free.argtypes, self.free.restype = [ctypes.c_void_p], None
        self.strlen.argtypes, self.strlen.restype = [ctypes.c_void_p], ctypes.c_size_t


class _Conversation:
    """The callback by which libpam's modules ask and inform the user."""

    def __init__(self, library: Any, ask: Ask, say: Say) -> None:
        self._library = library
        self._ask, self._say = ask, say
        self.is_answered = False
        self.has_shown_message = False
        self.error: Exception | None = None

    def __call__(self, count: int, messages: Any, responses: Any, _data: Any) -> int:
        """The conv() of pam_conv(3). Gives answers to all of the messages, or to none."""
        if not 0 < count <= _MOST_MESSAGES:
            return _CONVERSATION_ERROR
        size = ctypes.sizeof(self._library.Response)
        memory = self._library.calloc(count, size)
        if not memory:
            return _BUFFER_ERROR
        answers = ctypes.cast(memory, ctypes.POINTER(self._library.Response))
        try:
            # In Linux-PAM the outer array is an array of pointers.
            code = next(
                filter(None, (self._handle_one(messages[i].contents, answers[i]) for i in range(count))), _SUCCESS
            )
        except Exception as error:  # ctypes would print it and answer PAM_SUCCESS; it is raised after libpam's call
            self.error, code = error, _CONVERSATION_ERROR
        if code == _SUCCESS:
            responses[0] = answers
        else:
            for i in range(count):
                self._wipe_answer(answers[i])
            self._library.free(memory)
        return code

    def _handle_one(self, message: Any, response: Any) -> int:
        """Shows one message; its answer goes into `response`."""
        text = (message.msg or b"").decode(errors="replace")
        if message.msg_style in (_ERROR, _INFO):
            self.has_shown_message = True
            self._say(text, message.msg_style == _ERROR)
            return _SUCCESS
        if message.msg_style not in (_ECHO_OFF, _ECHO_ON):
            return _CONVERSATION_ERROR
        answer = self._ask(text, message.msg_style == _ECHO_ON)
        if answer is None:
            return _CONVERSATION_ERROR
        try:
            return self._store_answer(answer, response)
        finally:
            answer[:] = bytes(len(answer))

    def _store_answer(self, answer: bytearray, response: Any) -> int:
        if len(answer) > MAX_LINE or 0 in answer:  # the module would see a different answer than was typed
            return _CONVERSATION_ERROR
        copy = self._library.calloc(len(answer) + 1, 1)
        if not copy:
            return _BUFFER_ERROR
        ctypes.memmove(copy, (ctypes.c_char * len(answer)).from_buffer(answer), len(answer))
        # The field is a char *, of which Python would make a copy on access: so it is written as an address.
        ctypes.c_void_p.from_address(ctypes.addressof(response)).value = copy
        self.is_answered = True
        return _SUCCESS

    def _wipe_answer(self, response: Any) -> None:
        copy = ctypes.c_void_p.from_address(ctypes.addressof(response)).value
        if copy:
            ctypes.memset(copy, 0, self._library.strlen(copy))
            self._library.free(copy)


def authenticate(user: str, service: str, tty: str, rhost: str, ask: Ask, say: Say) -> Outcome:
    """Makes one attempt for the user. Blocks as long as PAM's modules do, including the delay after a failure.

    If PAM asks nothing and shows nothing, its success proves nothing: so an account whose password was removed while it
    was locked stays locked. A fingerprint or a token is asked for by a message.
    """
    library = load()
    conversation = _Conversation(library, ask, say)
    callback = library.callback(conversation)  # must live until after pam_end(), in which modules may still call it
    handle = library.Handle()
    names = [name.encode(errors="surrogateescape") for name in (service, user, tty, rhost)]
    if any(b"\0" in name for name in names):
        return Outcome(False, _SYSTEM_ERROR, "a name has a NUL in it", "start")
    code = library.start(names[0], names[1], ctypes.byref(library.Conversation(callback, None)), ctypes.byref(handle))
    if code != _SUCCESS:
        return Outcome(False, code, f"PAM cannot be asked (pam_start: {code})", "start")
    try:
        for item, name in ((_TTY, names[2]), (_RHOST, names[3])):
            if name:
                library.set_item(handle, item, name)
        result = _run_phases(library, handle, conversation)
        code = result.code
    finally:
        library.end(handle, code)
    if conversation.error is not None:
        raise conversation.error
    return result


def _run_phases(library: Any, handle: Any, conversation: _Conversation) -> Outcome:
    """Makes the three calls; the first that fails decides, except for that of credentials."""
    phase, code = "authentication", library.authenticate(handle, _NO_EMPTY_PASSWORD)
    if code == _SUCCESS and not (conversation.is_answered or conversation.has_shown_message):
        return Outcome(False, _DENIED, "PAM asked for nothing, which proves nothing", phase)
    if code == _SUCCESS:
        phase, code = "account", library.acct_mgmt(handle, 0)
    is_expired = phase == "account" and code == _NEW_PASSWORD
    if code == _SUCCESS or is_expired:
        # Renews tickets and tokens if there are any; a failure of that does not change the outcome.
        library.setcred(handle, _REINITIALIZE)
    why = plain((library.strerror(handle, code) or b"").decode(errors="replace"))
    return Outcome(code == _SUCCESS or is_expired, code, why, phase, conversation.is_answered, is_expired)
