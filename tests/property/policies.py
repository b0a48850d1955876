"""Any policy that files can express, any subject, and any file made of the language's words."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from hypothesis import settings
from hypothesis import strategies as st

from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.evidence_kind import CONFIGURABLE
from reaper.decide.policy.files.keys import BRAKE, CEILING, LIMITS, MATCH, SECTIONS, TOP
from reaper.decide.policy.limits import (
    SHORTEST_LIMIT_USEC,
    Action,
    Kill,
    Limits,
    Notify,
    Robots,
    Share,
    fit_leads,
    inherit,
    is_lock_impossible,
)
from reaper.decide.policy.match import Match, Origin, Subject
from reaper.decide.policy.rules import Brake, Policy, Rule
from reaper.decide.policy.template import PLACEHOLDERS, parse_template
from reaper.decide.text.hours import LocalTime

from .hours import week_hours

# Each example is a file of a few hundred lines, or several: half as many as usual take long enough.
FEWER = settings(max_examples=settings().max_examples // 2)
SECOND = 1_000_000


def escaped(text):
    """Returns a text as a message contains it: braces doubled."""
    return text.replace("{", "{{").replace("}", "}}")


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,20}", fullmatch=True)


globs = st.from_regex(r"[A-Za-z0-9.*?_#:'\"{}&%@|>-]{1,10}", fullmatch=True) | st.sampled_from(
    ["no", "~", "null", "a b"]
)


words_of_messages = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=20)


messages = st.lists(st.sampled_from(["{{", "}}", "\n", *map("{{{}}}".format, PLACEHOLDERS)]), max_size=3).flatmap(
    lambda tokens: st.tuples(*(words_of_messages for _ in tokens)).map(
        lambda words: "".join(map("".join, zip(map(escaped, words), tokens))) + "{left}"
    )
)


limit_usecs = st.none() | st.integers(SHORTEST_LIMIT_USEC, 400 * 86400 * SECOND)


leads = st.lists(st.integers(SECOND, 86400 * SECOND), unique=True, max_size=8).map(
    lambda lengths: tuple(sorted(lengths, reverse=True))
)


busy_usecs = st.integers(0, 7 * 86400 * SECOND)


limits = st.builds(
    Limits,
    idle_usec=limit_usecs,
    max_usec=limit_usecs,
    warn_usec=leads,
    message=(messages | st.just("")).map(parse_template),
    action=st.sampled_from(Action),
    lock_for_usec=st.none() | st.integers(SECOND, 10**15),
    kill=st.sampled_from(Kill),
    grace_usec=st.integers(SECOND, 600 * SECOND),
    activity=st.lists(st.sampled_from(CONFIGURABLE), unique=True).map(tuple),
    network_floor_bytes=st.integers(1024, 2**40),
    cpu_floor_usec=st.integers(10_000, 60 * SECOND),
    share_activity=st.sampled_from(Share),
    robots=st.sampled_from(Robots),
    busy=st.lists(globs.filter(lambda text: text.strip("*?")), max_size=3).map(tuple),
    busy_max_usec=busy_usecs,
    hold_max_usec=busy_usecs,
).map(lambda limits: fit_leads(replace(limits, notify=Notify.TERMINAL) if is_lock_impossible(limits) else limits))


networks = st.ip_addresses().map(str) | st.sampled_from(["10.0.0.0/8", "fd00::/8", "*.example.org", "*", "bastion"])


matches = st.builds(
    Match,
    user=st.lists(globs, max_size=3).map(tuple),
    group=st.lists(globs, max_size=3).map(tuple),
    origin=st.lists(st.sampled_from(Origin), max_size=3).map(tuple),
    remote=st.lists(networks.filter(lambda text: not text.startswith("::ffff:")), max_size=3).map(tuple),
    terminal=st.lists(globs | st.sampled_from(["none", "any", "pts/*"]), max_size=3).map(tuple),
    service=st.lists(globs, max_size=3).map(tuple),
    elevated=st.none() | st.booleans(),
    hours=st.lists(week_hours, max_size=3).map(tuple),
)


ceilings = st.builds(
    Ceiling,
    idle_usec=limit_usecs,
    max_usec=limit_usecs,
    lock_for_usec=st.none() | st.integers(SECOND, 10**15),
    busy_max_usec=st.none() | busy_usecs,
    hold_max_usec=st.none() | busy_usecs,
)


subjects = st.builds(
    Subject,
    user=st.sampled_from(["root", "alice"]),
    uid=st.integers(0, 5),
    groups=st.frozensets(st.sampled_from(["ops", "alice"])),
    origin=st.sampled_from(Origin),
    remote=st.sampled_from(["", "10.0.0.1", "bastion"]) | st.text(max_size=20),
    terminals=st.sampled_from([(), ("pts/0",), ("tty1", "pts/1")]),
    service=st.sampled_from(["sshd", "login"]),
    elevated=st.booleans(),
    local=st.none() | st.builds(LocalTime, st.integers(0, 6), st.integers(0, 1439)),
)


@st.composite
def policies(draw):
    """Any policy that a file can express."""
    environments = {**BUILT_IN.environments, **draw(st.dictionaries(names, limits, max_size=3))}
    environment = draw(st.sampled_from(sorted(environments)))
    base = environments[environment]
    rules = []
    for name in draw(st.lists(names, unique=True, max_size=4)):
        own, keys = draw(limits), draw(st.sets(st.sampled_from(sorted(LIMITS))))
        given_fields = {LIMITS[key][0]: getattr(own, LIMITS[key][0]) for key in keys}
        if is_lock_impossible(inherit(base, given_fields)):
            given_fields["notify"] = Notify.TERMINAL
            keys.add("notify")
        made = fit_leads(inherit(base, given_fields))
        rules.append(Rule(name, draw(matches), made, tuple(key for key in LIMITS if key in keys)))
    exempt = draw(st.lists(st.sampled_from([rule.name for rule in rules]), unique=True)) if rules else []
    return Policy(
        environment=environment,
        poll_usec=draw(st.integers(SECOND, 300 * SECOND)),
        environments=MappingProxyType(environments),
        rules=tuple(rules),
        ceiling=replace(draw(ceilings), exempt=tuple(exempt)),
        terminal_servers=tuple(draw(st.lists(names, max_size=3))),
        brake=Brake(draw(st.none() | st.integers(1, 1000)), draw(st.integers(SECOND, 86400 * SECOND))),
        sources=("x",),
    )


words = st.sampled_from(
    [
        *TOP,
        *SECTIONS,
        *LIMITS,
        *MATCH,
        *CEILING,
        *BRAKE,
        *("name", "standard", "never", "none", "any", "15m", "1h 30min", "16s", "8s", "ssh", "root", "unlimited", "3"),
        *("true", "Mon..Fri 08:00-18:00", "Sat", "22:00-06:00"),
        *("10.0.0.0/8", "10.0.0.1/8", "::1", "[", "'", '"', "*", "&a", "!!x", "", "\ud800", "input", "lock", "observe"),
        *("rsync", "/usr/bin/rsync", "session", "8d"),
    ]
)


trees = st.recursive(
    words,
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(words, inner), max_size=5),
    max_leaves=30,
)


def written(tree):
    """Returns a tree as flow YAML. A list of pairs is a mapping, which can have a key twice."""
    if isinstance(tree, str):
        return tree
    if tree and all(isinstance(entry, tuple) for entry in tree):
        return "{" + ", ".join(f"{key}: {written(value)}" for key, value in tree) + "}"
    return "[" + ", ".join(written(entry) for entry in tree) + "]"


documents = st.lists(st.tuples(words, trees), max_size=5).map(
    lambda pairs: "\n".join(f"{key}: {written(value)}" for key, value in pairs)
)
