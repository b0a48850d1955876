"""Describe a session for clients: the types Session and Explanation of control/io.reaper.varlink. Pure."""

from __future__ import annotations

from typing import Any

from reaper.decide.output.terminal_messages import SILENT, hold_command, is_silent
from reaper.decide.policy.limits import Action, Robots, missing
from reaper.decide.policy.match import Origin
from reaper.decide.policy.rules import Policy, Verdict, judge
from reaper.decide.session import state, tracked_session
from reaper.decide.session.hold import Hold
from reaper.decide.session.rhythm import describe
from reaper.decide.session.state import Phase, Reason
from reaper.decide.session.tracked_session import TrackedSession, subject_of
from reaper.decide.text.duration import span
from reaper.decide.text.escape import plain
from reaper.decide.text.hours import LocalTime

_OUTLOOKS = {"observe": "would end (observe)", "lock": "is locked", "end": "ends"}
_SETTLED = (Phase.LOCKED, Phase.ENDING)  # it does not matter any more whether it can be locked
_NEXT_AT_LIMIT = {Action.OBSERVE: "observe", Action.LOCK: "lock", Action.TERMINATE: "end"}


def of_session(tracked: TrackedSession, now_usec: int) -> dict[str, Any]:
    """Return a session as an io.reaper.Session."""
    session, life, limits = tracked.session, tracked.life, tracked.limits
    end = None
    phases = (Phase.ACTIVE, Phase.WARNED, Phase.DEFERRED, Phase.LOCKED)
    hold = tracked.hold
    change_usec = _change_usec(tracked)
    if change_usec is not None and limits is not None and life.phase in phases and hold is None:
        end = state.deadline(life, limits, session.opened_usec)
    due = hold.until_usec if hold is not None else change_usec
    return {
        "session": plain(session.name),
        "user": plain(session.user),
        "login": plain(session.login),
        "uid": session.uid,
        "origin": tracked.origin.value,
        "remote": plain(session.remote),
        "service": plain(session.service),
        "terminals": list(tracked.terminals),
        "leader": session.key.pid,
        "elevated": tracked.elevated,
        "opened_usec": max(0, now_usec - session.opened_usec),
        "phase": "held" if hold is not None else life.phase.value,
        "evidence": life.evidence.value,
        "idle_usec": max(0, now_usec - life.evidence_usec),
        "rule": tracked.rule,
        "action": limits.action.value if limits else "none",
        "next": _next(tracked),
        "next_usec": None if due is None else max(0, due - now_usec),
        "left_usec": None if end is None else max(0, end.usec - now_usec),
        "limit_usec": None if end is None else end.limit_usec,
        "reason": "none" if end is None else end.reason.value,
        "hold": None if hold is None else of_hold(hold, now_usec),
    }


def of_hold(hold: Hold, now_usec: int) -> dict[str, Any]:
    """Return a hold as an io.reaper.Hold."""
    return {"left_usec": max(0, hold.until_usec - now_usec), "by": plain(hold.by), "why": plain(hold.why)}


def _change_usec(tracked: TrackedSession) -> int | None:
    """Return when something happens to a session; a look that only its rhythm needs does not count."""
    return tracked.due_usec if tracked.rhythm is None else tracked_session.next_change(tracked)


def _next(tracked: TrackedSession) -> str:
    if tracked.hold is not None:
        return "release"
    if _change_usec(tracked) is None or tracked.limits is None:
        return "nothing"
    if tracked.life.phase is Phase.ENDING:
        return "escalate"
    if tracked.life.phase is Phase.LOCKED:
        return "end"
    if tracked.life.stages < len(tracked.limits.warn_usec):
        return "warn"
    end = tracked_session.deadline(tracked)
    return _at_limit(tracked.limits.action, end.reason if end else Reason.IDLE)


def _at_limit(action: Action, reason: Reason) -> str:
    """Return what happens at a limit. `max` ends even a session to be locked, as a lock does not make it younger."""
    return "end" if action is Action.LOCK and reason is not Reason.IDLE else _NEXT_AT_LIMIT[action]


def explain(
    tracked: TrackedSession,
    policy: Policy | None,
    groups: frozenset[str],
    now_usec: int,
    local: LocalTime | None = None,
    unlockable: str = "",
    doubt: str = "",
    terminal_doubt: str = "",
) -> dict[str, Any]:
    """Return the explanation of a session as an io.reaper.Explanation.

    `unlockable` is why it could not be locked, `doubt` why a rule by group may fail to match, and `terminal_doubt` why
    the terminal that its login names is not believed; each is "" if there is nothing to say.
    """
    verdict = judge(policy, subject_of(tracked, groups, local)) if policy else None
    if verdict is None or verdict.limits.action is not Action.LOCK or tracked.life.phase in _SETTLED:
        unlockable = ""
    view = of_session(tracked, now_usec)
    return {
        "session": view,
        "source": tracked.session.source,
        "scope": tracked.session.scope,
        "leader_ticks": tracked.session.key.start_ticks,
        "opened_usec": max(0, now_usec - tracked.session.opened_usec),
        "kill": tracked.limits.kill.value if tracked.limits else "none",
        "terminal_servers": list(policy.terminal_servers) if policy else [],
        "policy": policy.id if policy else "",
        "capped": list(verdict.capped) if verdict else [],
        "passed_over": [{"rule": rule, "why": plain(why)} for rule, why in verdict.passed_over] if verdict else [],
        "refused": tracked.refusal,
        "unlockable": plain(unlockable),
        "text": _sentences(tracked, view, verdict, plain(unlockable), doubt, plain(terminal_doubt), now_usec),
    }


def _sentences(
    tracked: TrackedSession,
    view: dict[str, Any],
    verdict: Verdict | None,
    unlockable: str,
    doubt: str,
    terminal_doubt: str,
    now_usec: int,
) -> list[str]:
    lines = _state(tracked, view, terminal_doubt, now_usec)
    if verdict is None:
        return [*lines, "No policy is in force: nothing happens to any session until one loads."]
    capped = f"; its {' and '.join(verdict.capped)} lowered by the ceiling" if verdict.capped else ""
    lines.append(f"Its limits are those of the rule {verdict.rule}{capped}.")
    lines += [f"Not {rule}: {plain(why)}." for rule, why in verdict.passed_over]
    if doubt:
        lines.append(doubt)
    if unlockable:
        lines.append(f"It cannot be locked, and will be ended instead: {unlockable}.")
    if is_silent(tracked):
        lines.append(f"{SILENT[0].upper()}{SILENT[1:]}.")
    lines.append(_outlook(tracked, view))
    is_holdable = tracked.hold is None and tracked.life.phase is not Phase.LOCKED
    if is_holdable and view["left_usec"] is not None and verdict.limits.hold_max_usec:
        longest = span(verdict.limits.hold_max_usec)
        command = hold_command(verdict.limits, view["session"])
        lines.append(f"Its user may hold it with {command}, until {longest} after the last sign of life.")
    return lines


def _state(tracked: TrackedSession, view: dict[str, Any], terminal_doubt: str, now_usec: int) -> list[str]:
    """Return the sentences about the session itself and its evidence."""
    remote = f" from {view['remote']}" if view["remote"] else ""
    phase = "about to end" if view["phase"] == Phase.WARNED.value and is_silent(tracked) else view["phase"]
    lines = [
        f"Session {view['session']} of {view['user']}{remote} ({view['service']}, {view['origin']}) is {phase}.",
        (f"The last sign of life was {tracked.life.evidence.words}, {span(view['idle_usec'])} ago."),
    ]
    if tracked.session.login:
        lines.append(f"Its user logged in as {view['login']}, which is another name of the same account.")
    if tracked.elevated:
        who = "it is root's own" if tracked.session.uid == 0 else "root acts in it, by su, sudo or run0"
        lines.append(f"It is elevated: {who}.")
    if terminal_doubt:
        lines.append(f"Its terminal is not known: {terminal_doubt}.")
    if tracked.refusal:
        lines.append(f"Refused as evidence: {tracked.refusal}.")
    return [*lines, *_robots(tracked, now_usec)]


def _robots(tracked: TrackedSession, now_usec: int) -> list[str]:
    if tracked.rhythm is not None and tracked.rhythm.decided_usec:
        lasted = span(now_usec - tracked.rhythm.began_usec)
        return [f"A robot types on it, {describe(tracked.rhythm)} for {lasted}: only other keys count."]
    if tracked.limits is not None and tracked.limits.robots is Robots.IGNORE and tracked.readings:
        return ["Keys of a robot would not count (robots: ignore); none is known to type on it."]
    return []


def _outlook(tracked: TrackedSession, view: dict[str, Any]) -> str:
    """Return the sentence about what comes next, by a hold or order or else by the limits."""
    hold, order = view["hold"], tracked.order
    if hold is not None:
        until = f"It is held for {span(hold['left_usec'])} more, by {hold['by']}: {hold['why']}."
        then = "it ends" if is_silent(tracked) else "it is warned"
        and_ends = "" if is_silent(tracked) else ", and ends"
        return f"{until} Until then nothing happens to it; then {then}, if it is past its limit{and_ends}."
    if order is not None and tracked.life.phase is Phase.ENDING:
        return f"It is being ended, as {plain(order.by)} ordered: {plain(order.why)}."
    return _outlook_by_limits(tracked, view)


def _outlook_by_limits(tracked: TrackedSession, view: dict[str, Any]) -> str:
    if not tracked.readings and tracked.work is None and tracked.session.origin is not Origin.GRAPHICAL:
        return "It has no terminal, and nothing shows whether it is in use: nothing happens to it."
    if tracked.life.phase is Phase.ENDING:
        return f"It is being ended; if it still exists, the next step is taken in {span(view['next_usec'] or 0)}."
    if tracked.life.phase is Phase.OBSERVED:
        return "It would have been ended (observe); nothing more happens until it is used again."
    if tracked.life.phase is Phase.DEFERRED:
        left = f"{span(view['left_usec'] or 0)} at most"
        return f"It has reached its limit and stays while a program runs in it that its rule names as busy, {left}."
    if view["left_usec"] is None:
        if tracked.life.phase is Phase.LOCKED:
            return "It is locked until its user unlocks it on one of its terminals."
        return "No limit applies to it: nothing happens to it."
    if tracked.life.phase is Phase.LOCKED:
        return f"It is locked until its user unlocks it on one of its terminals, and ends in {span(view['left_usec'])}."
    act = _OUTLOOKS[_at_limit(Action(view["action"]), Reason(view["reason"]))]
    # The last evidence can be dated a few seconds ahead of the clock; then times are counted from there, as idle_usec.
    ahead_usec = max(0, view["left_usec"] - view["limit_usec"])
    is_next = view["next"] == "warn" and not is_silent(tracked)
    warn = f" It is warned in {span(view['next_usec'] - ahead_usec)}." if is_next else ""
    without = f"without {missing(tracked.limits, bool(tracked.readings))}"
    kind = "of age" if view["reason"] == "max" else without
    left = span(view["left_usec"] - ahead_usec)
    return f"It {act} in {left}, at its limit of {span(view['limit_usec'])} {kind}.{warn}"
