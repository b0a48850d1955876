"""Decide whether input on a session comes from a robot: identical signs at a regular pace for a long time.

Anti-idle tools send one code every N seconds, and so does a program that queries the terminal. Pure: the daemon
supplies what each look has seen (Observation); if a look at another time would show more, `look_usec` says when.

A rhythm is the hypothesis that sign i was given at t0 + i * period. What the looks have seen leaves an interval for the
next sign (progression.py). A sign outside of it, or of another size, is irregular and begins a new rhythm.

A sign within an interval of a second proves nothing: a person who follows a clock, or answers each warning, does that
too. So the rhythm bets, seconds in advance, that a sign will come within a narrow window, and the daemon looks just
before it and just after it. The model of a person is that the probability density of their next key, given everything
up to 8 s before, is at most DENSITY_PER_SEC: 4/s is the peak of a normal distribution with a standard deviation of
0.1 s. (Reactions to a signal that is expected for seconds deviate more, and people who tap without a signal deviate by
3 to 5 % of the interval, which is why a period has at least 4 s.) So within w seconds a person's key comes with a
probability of at most q = 4 w, while the rhythm claims HIT. A bet that is won multiplies the rhythm's capital by
HIT / q, and one that is lost by (1 - HIT) / (1 - q). For a person the expectation of that factor is at most 1, whatever
they do and whenever the daemon looks, so the capital ever reaches 1/a with a probability of at most a (Ville's
inequality). With a = 1e-9 and at most 300 rhythms an hour (four signs, 4 s apart, before the first bet), there are
fewer than 3e-7 false decisions in an hour of a session. `python3 -m tests.bench.robots` tries it with people and
robots.

If bytes are counted, every byte is known. If not, a terminal shows the second of the first sign in each 8 seconds, and
what is typed in the rest of them leaves no trace. So without counts only a period of UNCOUNTED_PERIOD_USEC or more can
be decided.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from reaper.decide.session.progression import Bound, periods, window_of
from reaper.decide.session.rhythm import Observation, Rhythm
from reaper.decide.text.duration import USEC_PER_MIN, USEC_PER_SEC

LEAST_SIGNS = 12
LEAST_USEC = 10 * USEC_PER_MIN
PERIOD_USEC = 4 * USEC_PER_SEC
UNCOUNTED_PERIOD_USEC = 32 * USEC_PER_SEC
DENSITY_PER_SEC = 4
HIT = 0.9
# In thousandths of a nat, like a rhythm's score: ln(1e9), and the score at which a rhythm is given up.
CONVINCING = 20_723
HOPELESS = -5_000
# Networks and processors delay a robot's signs by less than this on the same network.
JITTER_USEC = 10_000
# A sign this close to its expected time still belongs to the rhythm, but does not bound it.
TOLERANCE_USEC = USEC_PER_SEC // 2
# The widest window for a bet. The looks before and after it are EDGE_USEC from its edges, because the daemon wakes up
# late. In a wider window, looks a quarter of it apart, but not less than NARROWEST_USEC, show when the sign came.
NARROW_USEC = 120_000
NARROWEST_USEC = 20_000
EDGE_USEC = 10_000
# From so many signs on a rhythm requests looks of its own, PAUSE_USEC apart.
SUSPECT_SIGNS = 4
PAUSE_USEC = 8 * USEC_PER_SEC
# After so many signs that did not come, a robot has stopped: who presses a key then is a person.
MOST_MISSED = 2
# Bounds that a rhythm remembers: enough to know a period to a hundredth of the jitter.
MOST_BOUNDS = 16
MOST_SIGNS_A_LOOK = 1000


class RhythmUpdate(NamedTuple):
    """The result of an observation: the new rhythm, and whether the input counts as a person's."""

    rhythm: Rhythm | None
    counts: bool


def update(rhythm: Rhythm | None, seen: Observation) -> RhythmUpdate:
    """Apply what a look saw. Input counts unless it belongs to a rhythm that was decided to be a robot's."""
    if rhythm is None or (rhythm.size == 0) != (seen.octets is None):
        is_missed = rhythm is not None and rhythm.decided_usec and seen.octets is None
        return _continue_uncounted(rhythm, seen) if rhythm is not None and is_missed else _begin(seen)
    if seen.octets and seen.octets % rhythm.size:
        return _begin(seen, math.gcd(seen.octets, rhythm.size))
    signs = int(seen.is_typed) if seen.octets is None else seen.octets // rhythm.size
    if seen.is_odd or signs > MOST_SIGNS_A_LOOK:
        return _begin(seen)
    if rhythm.decided_usec:
        passed = _skip_missed(rhythm, (seen.since_usec if signs else seen.until_usec) - TOLERANCE_USEC)
        missed = rhythm.missed + passed.signs - rhythm.signs
        if missed >= MOST_MISSED:
            return _begin(seen)
        rhythm = passed._replace(missed=missed)
    if not _fits(rhythm, seen, signs, TOLERANCE_USEC):
        return _begin(seen)
    counts = not rhythm.decided_usec
    rhythm = _settle_bet(rhythm, seen, signs)
    if rhythm.score < HOPELESS and counts:
        return _begin(seen)
    if signs:
        rhythm = _with_signs(rhythm, seen, signs)
    if not rhythm.decided_usec and _is_convincing(rhythm, seen):
        rhythm, counts = rhythm._replace(decided_usec=seen.until_usec), False
    return RhythmUpdate(_plan(rhythm, seen), counts)


def _begin(seen: Observation, size: int | None = None) -> RhythmUpdate:
    """Begin a new rhythm with input that is irregular in the old one; None if there was no input."""
    if not seen.is_typed:
        return RhythmUpdate(None, counts=True)
    size = (seen.octets or 0) if size is None else size
    signs = seen.octets // size if seen.octets else 1
    if signs > MOST_SIGNS_A_LOOK:
        size, signs = seen.octets or 0, 1
    rhythm = Rhythm(size, 0, _sign_interval(seen, signs)[1], ())
    return RhythmUpdate(_with_signs(rhythm, seen, signs), counts=True)


def _continue_uncounted(rhythm: Rhythm, seen: Observation) -> RhythmUpdate:
    """Apply a look without counts to a decided rhythm whose signs were counted before.

    Input that the terminal shows is a person's, unless it came when a sign was due.
    """
    if seen.is_odd:
        return _begin(seen)
    if seen.dated is not None:
        due = _skip_missed(rhythm, seen.dated[0])
        window = window_of(due.bounds, due.signs + 1)
        if window is None or _is_lost(due, window) or not _is_slow(rhythm, UNCOUNTED_PERIOD_USEC):
            return _begin(seen)
        if seen.dated[1] - seen.dated[0] > 2 * USEC_PER_SEC or window[0] > seen.dated[1]:
            return _begin(seen)
    return RhythmUpdate(_plan(_skip_missed(rhythm, seen.until_usec), seen), counts=False)


def _sign_interval(seen: Observation, signs: int) -> tuple[int, int]:
    """Return the earliest time of the first sign of a look, and the latest time of the last."""
    if signs != 1 or seen.dated is None:
        return seen.since_usec, seen.until_usec
    since_usec, until_usec = max(seen.since_usec, seen.dated[0]), min(seen.until_usec, seen.dated[1])
    return (since_usec, until_usec) if since_usec <= until_usec else (seen.since_usec, seen.until_usec)


def _with_signs(rhythm: Rhythm, seen: Observation, signs: int) -> Rhythm:
    """Return the rhythm with the signs of a look, which bound it unless they were only within the tolerance."""
    bounds = rhythm.bounds
    if _fits(rhythm, seen, signs, 0):
        since_usec, until_usec = _sign_interval(seen, signs)
        first, last = rhythm.signs + 1, rhythm.signs + signs
        bound = Bound(first, since_usec - JITTER_USEC, last, until_usec + JITTER_USEC)
        bounds = (*bounds, bound)[-MOST_BOUNDS:]
    return rhythm._replace(signs=rhythm.signs + signs, bounds=bounds)


def _fits(rhythm: Rhythm, seen: Observation, signs: int, slack_usec: int) -> bool:
    """Return whether exactly so many signs in a look are consistent with the rhythm."""
    since_usec, until_usec = _sign_interval(seen, signs)
    if signs:
        first, last = (window_of(rhythm.bounds, rhythm.signs + each) for each in (1, signs))
        if first is not None and first[1] < since_usec - slack_usec:
            return False
        if last is not None and (last[0] > until_usec + slack_usec or _is_lost(rhythm, last)):
            return False
    following = window_of(rhythm.bounds, rhythm.signs + signs + 1)
    return following is None or bool(rhythm.decided_usec) or following[1] >= seen.at_usec - slack_usec


def _is_lost(rhythm: Rhythm, window: tuple[int, int]) -> bool:
    """Return whether a decided rhythm was not seen for so long that any key could pass as one of its signs."""
    return bool(rhythm.decided_usec) and window[1] - window[0] > 4 * TOLERANCE_USEC


def _skip_missed(rhythm: Rhythm, usec: int) -> Rhythm:
    """Return a decided rhythm at a moment, counting the signs before it that did not come or were not seen."""
    window = window_of(rhythm.bounds, rhythm.signs + 1)
    while window is not None and window[1] < usec and not _is_lost(rhythm, window):
        rhythm = rhythm._replace(signs=rhythm.signs + 1)
        window = window_of(rhythm.bounds, rhythm.signs + 1)
    return rhythm


def _settle_bet(rhythm: Rhythm, seen: Observation, signs: int) -> Rhythm:
    """Open the bet if this look is for its opening; settle it if its sign has come or its time is over.

    A sign that comes before the bet is open loses it. (If it only cancelled the bet, the bets that remain would be
    those in which no sign came early, and then a person's is more likely to come within the window.) A look that is
    late, which does not depend on the person, cancels the bet.
    """
    total, is_late = rhythm.signs + signs, seen.at_usec > rhythm.opens_usec + EDGE_USEC
    if not rhythm.target:
        return rhythm
    if rhythm.opened_usec:
        if total < rhythm.target and seen.at_usec < rhythm.closes_usec:
            return rhythm
        span_usec, is_won = max(seen.until_usec, rhythm.closes_usec) - rhythm.opened_usec, total == rhythm.target
    elif total < rhythm.target and not is_late:
        return rhythm._replace(opened_usec=seen.at_usec) if seen.at_usec >= rhythm.opens_usec else rhythm
    elif is_late:
        return _without_bet(rhythm)
    else:
        span_usec, is_won = rhythm.closes_usec - rhythm.opens_usec, False
    chance = span_usec * DENSITY_PER_SEC / USEC_PER_SEC
    gain = 0.0
    if chance < HIT:
        gain = math.log(HIT / chance) if is_won else math.log((1 - HIT) / (1 - chance))
    return _without_bet(rhythm._replace(score=rhythm.score + round(1000 * gain)))


def _without_bet(rhythm: Rhythm) -> Rhythm:
    return rhythm._replace(target=0, opens_usec=0, opened_usec=0, closes_usec=0)


def _is_convincing(rhythm: Rhythm, seen: Observation) -> bool:
    lasted_usec = seen.until_usec - rhythm.began_usec
    is_long = rhythm.signs >= LEAST_SIGNS and lasted_usec >= LEAST_USEC
    return is_long and rhythm.score >= CONVINCING and _is_slow(rhythm, _least_period_usec(rhythm))


def _least_period_usec(rhythm: Rhythm) -> int:
    """Return the shortest period that can be decided: no person keeps it, and without counts the terminal shows it."""
    return PERIOD_USEC if rhythm.size else UNCOUNTED_PERIOD_USEC


def _is_slow(rhythm: Rhythm, least_usec: int) -> bool:
    shortest, _ = periods(rhythm.bounds)
    return shortest is not None and shortest >= least_usec


def _plan(rhythm: Rhythm, seen: Observation) -> Rhythm:
    """Choose when to look next because of the rhythm, and the next bet."""
    now_usec, window = seen.until_usec, window_of(rhythm.bounds, rhythm.signs + 1)
    if window is None or rhythm.signs < SUSPECT_SIGNS or not _is_slow(rhythm, _least_period_usec(rhythm)):
        return _without_bet(rhythm)._replace(look_usec=0)
    is_wide = window[1] - window[0] > NARROW_USEC
    if rhythm.opened_usec or (is_wide and not rhythm.target and window[0] <= now_usec < window[1]):
        step_usec = max(NARROWEST_USEC, (window[1] - window[0]) // 4)
        look_usec = min(max(now_usec, window[0]) + step_usec, rhythm.closes_usec or window[1])
        return rhythm._replace(look_usec=max(look_usec, now_usec + 1))
    if rhythm.look_usec > now_usec:
        return rhythm
    for sign in range(rhythm.signs + 1, rhythm.signs + 10):
        since_usec, until_usec = window_of(rhythm.bounds, sign) or window
        width_usec = until_usec - since_usec
        if since_usec - EDGE_USEC < now_usec + PAUSE_USEC:
            continue
        if width_usec > NARROW_USEC:
            return rhythm._replace(look_usec=since_usec + width_usec // 4)
        opens_usec = since_usec - EDGE_USEC
        bet = rhythm._replace(target=sign, opens_usec=opens_usec, opened_usec=0, closes_usec=until_usec + EDGE_USEC)
        return bet._replace(look_usec=opens_usec)
    return rhythm._replace(look_usec=0)
