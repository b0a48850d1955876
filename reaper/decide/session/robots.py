"""Whether what is typed on a session comes from a robot: signs of one shape at one pace, for a long time.

Anti-idle tools send one code every N seconds; so does a program that asks the terminal for an answer. Pure: the daemon
brings what each look has seen (Observation), and where a look at another moment would tell more, `look_usec` says when.

A rhythm says that sign i was given at t0 + i * period. What the looks have seen leaves an interval for the next sign
(progression.py). A sign outside of it, or of another size, begins a new rhythm: it is irregular.

To lie in an interval of a second proves nothing: a person who answers a clock, or each warning, does so too. So seconds
ahead the rhythm bets that a sign will come within a narrow window, and the daemon looks just before that and just after
it. No person hits a moment better than that the density of their next key, given all that was 8 s before, stays below
DENSITY_PER_SEC: four a second is that of a normal distribution whose deviation is 0.1 s. (Reactions to a signal that is
awaited for seconds deviate by more, and people who tap without a signal deviate by 3 to 5 % of the interval, which is
why a period has at least 4 s.) Within w seconds a person's key thus comes with a probability of q = 4 w at most; the
rhythm claims HIT. A bet that is won multiplies its capital by HIT / q, one that is lost by (1 - HIT) / (1 - q). For a
person the expectation of either is at most 1, whatever they do and whenever the daemon looks, so that the capital ever
reaches 1/a with a probability of a at most (Ville's inequality). With a of 1e-9, and at the very most 300 rhythms an
hour (four signs, 4 s apart, before the first bet), that makes fewer than 3e-7 false verdicts in an hour of a session.
`python3 -m tests.bench.robots` plays people and robots against it.

Where what was typed is counted, each byte is known. Where it is not, a terminal shows the second of the first sign in
eight, and what is typed in the rest of them leaves no trace. So a verdict without counts is for a period of
UNCOUNTED_PERIOD_USEC and more alone.
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
# In thousandths of a nat, as is a rhythm's score: ln(1e9), and where it is a hopeless one.
CONVINCING = 20_723
HOPELESS = -5_000
# Networks and processors delay signs by a little: a robot's on the same network by less than this.
JITTER_USEC = 10_000
# A sign so far from where it was expected is still of the rhythm, but teaches it nothing.
TOLERANCE_USEC = USEC_PER_SEC // 2
# A window so narrow is worth a bet; the looks before it and after it keep that far from its edges, as the daemon wakes
# late. In it, looks a quarter of it apart, or this far, tell where in it the sign came.
NARROW_USEC = 120_000
NARROWEST_USEC = 20_000
EDGE_USEC = 10_000
# A rhythm has the daemon look of its own accord from the fourth sign on, and this long after the last time.
SUSPECT_SIGNS = 4
PAUSE_USEC = 8 * USEC_PER_SEC
# So many signs of a robot's that do not come, as it has stopped: who presses a key now is a person.
MOST_MISSED = 2
# What a rhythm remembers: enough for a period that is known to a hundredth of the jitter.
MOST_BOUNDS = 16
MOST_SIGNS_A_LOOK = 1000


class RhythmUpdate(NamedTuple):
    """What comes of an observation: the rhythm from now on, and whether what was typed is a sign of a person."""

    rhythm: Rhythm | None
    counts: bool


def update(rhythm: Rhythm | None, seen: Observation) -> RhythmUpdate:
    """Takes in what a look saw. A sign counts unless it is of a rhythm that was decided to be a robot's."""
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
        rhythm = _extended(rhythm, seen, signs)
    if not rhythm.decided_usec and _convinces(rhythm, seen):
        rhythm, counts = rhythm._replace(decided_usec=seen.until_usec), False
    return RhythmUpdate(_plan(rhythm, seen), counts)


def _begin(seen: Observation, size: int | None = None) -> RhythmUpdate:
    """A new rhythm from what is irregular in the old one; none yet where nothing was typed."""
    if not seen.is_typed:
        return RhythmUpdate(None, counts=True)
    size = (seen.octets or 0) if size is None else size
    signs = seen.octets // size if seen.octets else 1
    if signs > MOST_SIGNS_A_LOOK:
        size, signs = seen.octets or 0, 1
    rhythm = Rhythm(size, 0, _narrowed(seen, signs)[1], ())
    return RhythmUpdate(_extended(rhythm, seen, signs), counts=True)


def _continue_uncounted(rhythm: Rhythm, seen: Observation) -> RhythmUpdate:
    """What a look says of a decided rhythm whose signs were counted, when for once nothing was.

    What the terminal tells of is a person's, unless it tells that it came when a sign was due.
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


def _narrowed(seen: Observation, signs: int) -> tuple[int, int]:
    """Not before which moment the first sign of a look was given, and not after which the last."""
    if signs != 1 or seen.dated is None:
        return seen.since_usec, seen.until_usec
    since_usec, until_usec = max(seen.since_usec, seen.dated[0]), min(seen.until_usec, seen.dated[1])
    return (since_usec, until_usec) if since_usec <= until_usec else (seen.since_usec, seen.until_usec)


def _extended(rhythm: Rhythm, seen: Observation, signs: int) -> Rhythm:
    """With the signs of a look, which bound the rhythm unless they only come close to it."""
    bounds = rhythm.bounds
    if _fits(rhythm, seen, signs, 0):
        since_usec, until_usec = _narrowed(seen, signs)
        first, last = rhythm.signs + 1, rhythm.signs + signs
        bound = Bound(first, since_usec - JITTER_USEC, last, until_usec + JITTER_USEC)
        bounds = (*bounds, bound)[-MOST_BOUNDS:]
    return rhythm._replace(signs=rhythm.signs + signs, bounds=bounds)


def _fits(rhythm: Rhythm, seen: Observation, signs: int, slack_usec: int) -> bool:
    """Whether so many signs in a look, and no more, are of the rhythm."""
    since_usec, until_usec = _narrowed(seen, signs)
    if signs:
        first, last = (window_of(rhythm.bounds, rhythm.signs + each) for each in (1, signs))
        if first is not None and first[1] < since_usec - slack_usec:
            return False
        if last is not None and (last[0] > until_usec + slack_usec or _is_lost(rhythm, last)):
            return False
    following = window_of(rhythm.bounds, rhythm.signs + signs + 1)
    return following is None or bool(rhythm.decided_usec) or following[1] >= seen.at_usec - slack_usec


def _is_lost(rhythm: Rhythm, window: tuple[int, int]) -> bool:
    """Whether a decided rhythm was not heard for so long that any key could pass for a sign of it."""
    return bool(rhythm.decided_usec) and window[1] - window[0] > 4 * TOLERANCE_USEC


def _skip_missed(rhythm: Rhythm, usec: int) -> Rhythm:
    """A decided rhythm at a moment, where signs before it have not come or were not seen."""
    window = window_of(rhythm.bounds, rhythm.signs + 1)
    while window is not None and window[1] < usec and not _is_lost(rhythm, window):
        rhythm = rhythm._replace(signs=rhythm.signs + 1)
        window = window_of(rhythm.bounds, rhythm.signs + 1)
    return rhythm


def _settle_bet(rhythm: Rhythm, seen: Observation, signs: int) -> Rhythm:
    """Opens the bet that the look was made for; wins or loses it once its sign has come, or its time is over.

    A sign that comes before the bet is open has lost it: a person who has not answered yet answers the more surely now.
    A look that is late, through no doing of the person's, calls it off.
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


def _convinces(rhythm: Rhythm, seen: Observation) -> bool:
    lasted_usec = seen.until_usec - rhythm.began_usec
    is_long = rhythm.signs >= LEAST_SIGNS and lasted_usec >= LEAST_USEC
    return is_long and rhythm.score >= CONVINCING and _is_slow(rhythm, _least_period_usec(rhythm))


def _least_period_usec(rhythm: Rhythm) -> int:
    """From where on a period is one that no person keeps, and that the terminal shows where nothing counts."""
    return PERIOD_USEC if rhythm.size else UNCOUNTED_PERIOD_USEC


def _is_slow(rhythm: Rhythm, least_usec: int) -> bool:
    shortest, _ = periods(rhythm.bounds)
    return shortest is not None and shortest >= least_usec


def _plan(rhythm: Rhythm, seen: Observation) -> Rhythm:
    """Settles when to look next for the rhythm's sake, and what to bet."""
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
