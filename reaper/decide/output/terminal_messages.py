"""What the person reads on the terminal: the words of warnings, of their withdrawal, and of the end.

Pure text. A terminal obeys control characters, and a host name or a user's comes from outside: whatever is not ours
goes through plain() first. Lines end in CR LF, for a full-screen program has put the terminal in raw mode.
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
    """What there is to be told of a session that will end. All but the times is as it came from outside."""

    left_usec: int
    deadline: str  # the end, by the clock on the wall
    idle_usec: int
    limit_usec: int
    host: str
    user: str
    session: str
    hold: str  # how to hold it, or ""
    needs_enter: bool = False  # on this terminal no other key is seen


def for_terminal(text: str, name: str) -> str:
    """A message as it is written to a terminal: on a screen, the rest of each row that it covers is erased.

    What a full-screen program had there would else be read as part of it. Whatever draws a pty or a virtual console
    knows EL (ECMA-48; xterm, tmux and the kernel do), and what does not shows three characters after the text. On a
    serial line anything may listen, a printer too, and nothing is sent that does not print. The space is for a text
    that ends in the last column: the cursor is then still on its last character, and EL of xterm or the kernel would
    erase that.
    """
    if not _SCREEN.fullmatch(name):
        return text
    start, line_end, lines = text.partition("\r\n")
    return start + line_end + lines.replace("\r\n", f"{_ERASE}\r\n")


def hold_hint(limits: Limits, session: str) -> str:
    """How the person can hold the session: empty where the rule grants no holds."""
    return f"To keep it: {hold_command(limits, session)}" if limits.hold_max_usec else ""


def hold_command(limits: Limits, session: str) -> str:
    """What to type to hold the session: for an hour, or for as long as the rule allows. The time is one word."""
    longest = span(min(limits.hold_max_usec, USEC_PER_HOUR)).replace(" ", "")
    return f"reaperctl hold {session} {longest} --reason TEXT"


def is_silent(tracked: TrackedSession) -> bool:
    """Whether the session has terminals, and its rule wants nothing written on them."""
    limits = tracked.limits
    return limits is not None and limits.notify is Notify.NONE and bool(tracked.readings)


def warning_for(
    tracked: TrackedSession, act: Warn, host: str, now_usec: int, deadline: str, *, needs_enter: bool = False
) -> str:
    """The warning of a session; `deadline` is its end by the clock on the wall."""
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
    """What is said where a session stays for a program."""
    assert tracked.limits is not None
    limit_usec = limit_of(tracked.limits, act.reason)
    return deferral(act.reason, act.left_usec, limit_usec, host, program.name, needs_enter=needs_enter)


def farewell_for(tracked: TrackedSession, reason: Reason, host: str) -> str:
    """The last message of a session."""
    assert tracked.limits is not None
    if tracked.order is not None:
        return dismissal(tracked.order, host)
    return farewell(reason, limit_of(tracked.limits, reason), host, tracked.limits.kill)


def warning(template: Template, reason: Reason, outlook: Outlook, *, locks: bool = False) -> str:
    """A warning, by the administrator's text or, where that is empty, by the built-in one.

    `locks`: idleness does not end the session, but locks it.
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
    """How to stay, or what to do where nobody can."""
    if reason is not Reason.IDLE:
        return _LEAVE
    return f"Press {_ENTER if needs_enter else _ANY_KEY} to stay."


def deferral(
    reason: Reason, left_usec: int, limit_usec: int, host: str, program: str, *, needs_enter: bool = False
) -> str:
    """That a session stays while a program runs, instead of its end."""
    while_it_runs = f"stays while {plain(program)} runs, {span(left_usec)} at most"
    if reason is Reason.IDLE:
        what = f"is idle, and {while_it_runs}"
    else:
        what = f"is past the {span(limit_usec)} that sessions here last, and {while_it_runs}"
    return _framed("", f"This session on {plain(host)} {what}. {_stay(reason, needs_enter=needs_enter)}")


def named(program: Program) -> str:
    """A program as the journal has it."""
    return f"{plain(program.name)} ({plain(program.path)}, pid {program.pid})"


def withdrawal() -> str:
    """The withdrawal of a warning, or of what was said instead of one."""
    return _framed("", "Thank you, this session stays.")


def farewell(reason: Reason, limit_usec: int, host: str, kill: Kill) -> str:
    """The last message of a session.

    What it says of detached programs is what reaper does: logind may still end them after the session, as after every
    logout (KillUserProcesses= in logind.conf(5)).
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
    """The last message of a session that somebody ends."""
    text = f"This session on {plain(host)} ends now: {plain(order.by)} ended it: {plain(order.why)}."
    return _framed(_BELL, f"{text} Log in again to go on.")


def lock_heading(tracked: TrackedSession, by: str, now_usec: int) -> str:
    """Why a session is locked, above the prompt that unlocks it; `by` is who ordered it, "" where nobody did."""
    if by:
        return f"Locked by {plain(by)}."
    return f"Locked after {span(now_usec - tracked.life.evidence_usec)} without input."


def notice(by: str, text: str, host: str) -> str:
    """An administrator's own words."""
    return _framed(_BELL, f"{plain(by)} on {plain(host)}: {plain(text)}")


def holds(number: int) -> str:
    """How many sessions are held, for whoever becomes root; who holds them is for reaperctl to tell, and to root."""
    what = "1 session is held" if number == 1 else f"{number} sessions are held"
    return _framed("", f"{what} and not ended when idle; reaperctl list tells which.")


def _framed(start: str, *lines: str) -> str:
    return start + "\r\n" + "".join(f"reaper: {line}\r\n" for line in lines)
