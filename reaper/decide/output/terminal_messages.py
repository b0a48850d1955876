"""The messages that a user reads on the session's terminals: warnings, their withdrawal, and the end. Pure.

A terminal obeys control characters, and names of hosts and users come from outside: every foreign text goes through
plain() first. Lines end in CR LF, because a full-screen program puts the terminal in raw mode.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from reaper.decide.policy.limits import Action, Kill, Limits, Notify
from reaper.decide.policy.template import Template, parse_template
from reaper.decide.session.model import Order, Program
from reaper.decide.session.state import Defer, Reason, Warn, limit_of
from reaper.decide.session.tracked_session import TrackedSession
from reaper.decide.text.duration import USEC_PER_HOUR, span
from reaper.decide.text.escape import plain

_BELL = "\a"
_ANY_KEY, _ENTER = "any key", "Enter"
_LEAVE = "Save your work and log in again."
SILENT = "nothing is written on its terminals (notify: none)"
_BUILT_IN = {
    Reason.IDLE: parse_template("This session on {host} is idle and {what} in {left}. {stay}\n{hold}"),
    Reason.MAX: parse_template("This session on {host} {what} in {left}: {reason}. {stay}\n{hold}"),
}
_ERASE = " \x1b[K"
_SCREEN = re.compile(r"(pts/|tty)[0-9]+")


class Outlook(NamedTuple):
    """What a warning can say about a session that will end. The texts are not escaped yet."""

    left_usec: int
    deadline: str  # the end, in the host's local time
    idle_usec: int
    limit_usec: int
    host: str
    user: str
    session: str
    hold: str  # how to hold it, or ""
    needs_enter: bool = False  # on this terminal only Enter shows as input


def for_terminal(text: str, name: str) -> str:
    """Return a message as it is written to a terminal: on a screen, the rest of each row is erased.

    Otherwise what a full-screen program has there would read as part of the message. Terminal emulators and virtual
    consoles know EL (ECMA-48; xterm, tmux and the kernel do); one that does not shows three characters after the text.
    On a serial line anything may be connected, even a printer, so only printing characters are sent. The space before
    EL is for a text that ends in the last column: the cursor is then still on its last character, which EL of xterm or
    of the kernel would erase.
    """
    if not _SCREEN.fullmatch(name):
        return text
    start, line_end, lines = text.partition("\r\n")
    return start + line_end + lines.replace("\r\n", f"{_ERASE}\r\n")


def hold_hint(limits: Limits, session: str) -> str:
    """Return how the user can hold the session; "" if the rule does not allow it."""
    return f"To keep it: {hold_command(limits, session)}" if limits.hold_max_usec else ""


def hold_command(limits: Limits, session: str) -> str:
    """Return the command that holds the session for an hour, or for as long as allowed; the time is one word."""
    longest = span(min(limits.hold_max_usec, USEC_PER_HOUR)).replace(" ", "")
    return f"reaperctl hold {session} {longest} --reason TEXT"


def is_silent(tracked: TrackedSession) -> bool:
    """Return whether the session has terminals, but its rule does not allow messages on them."""
    limits = tracked.limits
    return limits is not None and limits.notify is Notify.NONE and bool(tracked.readings)


def warning_for(
    tracked: TrackedSession, act: Warn, host: str, now_usec: int, deadline: str, *, needs_enter: bool = False
) -> str:
    """Return the warning of a session; `deadline` is its end in the host's local time."""
    limits, session = tracked.limits, tracked.session
    assert limits is not None
    outlook = Outlook(
        left_usec=act.left_usec,
        deadline=deadline,
        idle_usec=now_usec - tracked.life.evidence_usec,
        limit_usec=limit_of(limits, act.reason),
        host=host,
        user=session.user,
        session=session.name,
        hold=hold_hint(limits, session.name),
        needs_enter=needs_enter,
    )
    return warning(limits.message, act.reason, outlook, locks=limits.action is Action.LOCK)


def deferral_for(tracked: TrackedSession, act: Defer, program: Program, host: str, *, needs_enter: bool = False) -> str:
    """Return the message that a program delays the end of a session."""
    assert tracked.limits is not None
    limit_usec = limit_of(tracked.limits, act.reason)
    return deferral(act.reason, act.left_usec, limit_usec, host, program.name, needs_enter=needs_enter)


def farewell_for(tracked: TrackedSession, reason: Reason, host: str) -> str:
    """Return the last message of a session."""
    assert tracked.limits is not None
    if tracked.order is not None:
        return dismissal(tracked.order, host)
    return farewell(reason, limit_of(tracked.limits, reason), host, tracked.limits.kill)


def warning(template: Template, reason: Reason, outlook: Outlook, *, locks: bool = False) -> str:
    """Return a warning in the administrator's text, or in the built-in text if that is empty.

    `locks`: the limit `idle` locks the session and does not end it.
    """
    limit = span(outlook.limit_usec)
    is_idle = reason is Reason.IDLE
    values = {
        "left": span(outlook.left_usec),
        "deadline": outlook.deadline,
        "reason": f"idle for {span(outlook.idle_usec)}" if is_idle else f"sessions here last at most {limit}",
        "limit": limit,
        "host": outlook.host,
        "user": outlook.user,
        "session": outlook.session,
        "stay": _stay(reason, needs_enter=outlook.needs_enter),
        "key": _ENTER if outlook.needs_enter else _ANY_KEY,
        "what": "is locked" if locks and is_idle else "ends",
        "hold": outlook.hold,
    }
    shown = {name: plain(value) for name, value in values.items()}
    return _framed(_BELL, *(template if template.parts else _BUILT_IN[reason]).fill(shown))


def _stay(reason: Reason, *, needs_enter: bool) -> str:
    """Return how to keep the session, or what to do if that is not possible."""
    if reason is not Reason.IDLE:
        return _LEAVE
    return f"Press {_ENTER if needs_enter else _ANY_KEY} to stay."


def deferral(
    reason: Reason, left_usec: int, limit_usec: int, host: str, program: str, *, needs_enter: bool = False
) -> str:
    """Return the message that a session stays while a program runs."""
    while_it_runs = f"stays while {plain(program)} runs, {span(left_usec)} at most"
    if reason is Reason.IDLE:
        what = f"is idle, and {while_it_runs}"
    else:
        what = f"is past the {span(limit_usec)} that sessions here last, and {while_it_runs}"
    return _framed("", f"This session on {plain(host)} {what}. {_stay(reason, needs_enter=needs_enter)}")


def named(program: Program) -> str:
    """Return a program as text for the journal: name, path and pid."""
    return f"{plain(program.name)} ({plain(program.path)}, pid {program.pid})"


def withdrawal() -> str:
    """Return the message that withdraws a warning, or the message of a delay."""
    return _framed("", "Thank you, this session stays.")


def farewell(reason: Reason, limit_usec: int, host: str, kill: Kill) -> str:
    """Return the last message of a session that a limit ends.

    What it says of detached programs is true of reaper itself: logind may still end them after the session, as after
    every logout (KillUserProcesses= in logind.conf(5)).
    """
    if reason is Reason.IDLE:
        why = f"nobody has typed for {span(limit_usec)}"
    elif reason is Reason.LOCK:
        why = f"nobody has unlocked it for {span(limit_usec)}"
    else:
        why = f"it has lasted {span(limit_usec)}, the longest that is allowed"
    rest = " What you have detached (tmux, nohup) is left running." if kill is Kill.TERMINAL else ""
    return _framed(_BELL, f"This session on {plain(host)} ends now: {why}. Log in again to go on.{rest}")


def dismissal(order: Order, host: str) -> str:
    """Return the last message of a session that an administrator ends."""
    text = f"This session on {plain(host)} ends now: {plain(order.by)} ended it: {plain(order.why)}."
    return _framed(_BELL, f"{text} Log in again to go on.")


def lock_heading(tracked: TrackedSession, by: str, now_usec: int) -> str:
    """Return why a session is locked, for the line above the prompt; `by` is who ordered it, "" if nobody."""
    if by:
        return f"Locked by {plain(by)}."
    return f"Locked after {span(now_usec - tracked.life.evidence_usec)} without input."


def notice(by: str, text: str, host: str) -> str:
    """Return a message of an administrator's own text."""
    return _framed(_BELL, f"{plain(by)} on {plain(host)}: {plain(text)}")


def holds(number: int) -> str:
    """Return a message with the number of held sessions, for a user who becomes root."""
    what = "1 session is held" if number == 1 else f"{number} sessions are held"
    return _framed("", f"{what} and not ended when idle; reaperctl list shows which.")


def _framed(start: str, *lines: str) -> str:
    return start + "\r\n" + "".join(f"reaper: {line}\r\n" for line in lines)
