"""Valid files: what they mean, how they are merged, and that describe() gives it all back."""

from dataclasses import replace

import pytest

from reaper.decide.policy.ceiling import Ceiling
from reaper.decide.policy.defaults import BUILT_IN
from reaper.decide.policy.files.parse import parse
from reaper.decide.policy.files.problems import PolicyError, Source
from reaper.decide.policy.files.render import describe
from reaper.decide.policy.limits import Action, Kill, Robots, Share
from reaper.decide.policy.match import Match, Origin
from reaper.decide.policy.rules import Brake
from reaper.decide.policy.template import Slot, Template

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

EXAMPLE = """
environment: restricted
poll: 10s
environments:
  standard: {idle: 20m}
  restricted: {idle: 5m, warn: [30s, 2m], message: "Save your work until {deadline}: \u00e4\u00f6\u00fc."}
  lab: {idle: never, max: 12h}
ceiling: {idle: 30m, max: 1d, lock_for: 45m, busy_max: 2h, hold_max: 3h, except: [break-glass]}
brake: {sessions: unlimited, per: 2min}
rules:
  - name: break-glass
    match: {user: root, origin: [console, serial]}
    action: observe
  - name: operators
    match:
      user: ["a*", 1000]
      group: ops
      from: [10.0.0.0/8, "::ffff:192.168.0.0/112", 2001:DB8::1, "*.Example.org"]
      terminal: [none, /dev/ttyS0]
      service: sshd
    idle: 1h 30min
    max: never
    warn: []
    message: ""
    action: lock
    lock_for: never
    kill: terminal
    grace: 30
    activity: input
    share_activity: user
    robots: ignore
    busy: [dpkg, "rsync*"]
    busy_max: 1h
    hold_max: 30min
  - name: rest
"""


def parsed(*texts):
    return parse([Source(f"{rank}.yaml", text) for rank, text in enumerate(texts)])


def test_every_key_is_read():
    policy = parsed(EXAMPLE)
    assert (policy.environment, policy.poll_usec, policy.sources) == ("restricted", 10 * SECOND, ("0.yaml",))
    assert policy.ceiling == Ceiling(30 * MINUTE, 24 * HOUR, 45 * MINUTE, 2 * HOUR, 3 * HOUR, ("break-glass",))
    assert policy.brake == Brake(None, 2 * MINUTE)
    restricted = policy.environments["restricted"]
    assert (restricted.idle_usec, restricted.warn_usec) == (5 * MINUTE, (2 * MINUTE, 30 * SECOND))
    assert (restricted.max_usec, restricted.kill) == (8 * HOUR, Kill.SESSION)
    glass, operators, rest = policy.rules
    assert glass.match == Match(user=("root",), origin=(Origin.CONSOLE, Origin.SERIAL))
    assert (glass.limits, glass.given) == (replace(restricted, action=Action.OBSERVE), ("action",))
    assert operators.match == Match(
        user=("a*", "1000"),
        group=("ops",),
        remote=("10.0.0.0/8", "192.168.0.0/16", "2001:db8::1", "*.example.org"),
        terminal=("none", "ttyS0"),
        service=("sshd",),
    )
    limits = operators.limits
    assert (limits.idle_usec, limits.max_usec, limits.warn_usec) == (90 * MINUTE, None, ())
    assert (limits.message, limits.kill, limits.grace_usec) == (Template(), Kill.TERMINAL, 30 * SECOND)
    assert (limits.share_activity, limits.robots) == (Share.USER, Robots.IGNORE)
    assert (limits.busy, limits.busy_max_usec) == (("dpkg", "rsync*"), HOUR)
    assert (limits.action, limits.lock_for_usec, limits.hold_max_usec) == (Action.LOCK, None, 30 * MINUTE)
    given = (
        "idle",
        "max",
        "warn",
        "message",
        "action",
        "lock_for",
        "kill",
        "grace",
        "activity",
        "share_activity",
        "robots",
    )
    assert operators.given == (*given, "busy", "busy_max", "hold_max")
    assert (rest.match, rest.limits, rest.given) == (Match(), restricted, ())


@pytest.mark.parametrize("text", ["", "# nothing\n\n  # at all", "---\n", "~", "{}", "\ufeff# mark", "--- # x\n...\n"])
def test_empty_file_leaves_the_built_in_policy(text):
    assert parsed(text) == replace(BUILT_IN, sources=("0.yaml",))
    assert parse([]) == BUILT_IN


@pytest.mark.parametrize(
    "text", ["", EXAMPLE, "environments: {'no': {message: '# {left}', idle: 16s}}\nenvironment: 'no'"]
)
def test_describe_gives_the_same_policy_back(text):
    policy = parsed(text)
    again = parsed(describe(policy))
    assert again == policy
    assert again.id == policy.id


BLOCK = """
environments:
  standard:
    message: |
      {user}, {{this}} ends at {deadline}: #1.

      {stay} "Really."
    warn: [1min]
"""


def test_message_over_several_lines():
    policy = parsed(BLOCK)
    message = policy.environments["standard"].message
    parts = (Slot("user"), ", {this} ends at ", Slot("deadline"), ": #1.\n\n", Slot("stay"), ' "Really."')
    assert message == Template(parts)
    assert parsed(describe(policy)) == policy


@pytest.mark.parametrize("style", ["|", "|-", "|+", ">", ">-"])
def test_message_loses_empty_lines_at_its_end(style):
    text = f"rules:\n  - name: a\n    message: {style}\n      It ends in {{left}}.\n\n    idle: 5min\n"
    assert str(parsed(text).rules[0].limits.message) == "It ends in {left}."


def test_scalars_stay_the_text_that_was_written():
    policy = parsed("rules: [{name: no, match: {user: [yes, 0100, 1e3, 12:30:45, =, 2001-01-01]}}]")
    assert policy.rules[0].name == "no"
    assert policy.rules[0].match.user == ("yes", "0100", "1e3", "12:30:45", "=", "2001-01-01")


def test_rule_can_empty_the_busy_list_of_its_environment():
    policy = parsed(
        "environments: {standard: {busy: rsync}}\nrules: [{name: none, busy: []}, {name: some, busy_max: 0}]"
    )
    assert policy.environments["standard"].busy == ("rsync",)
    assert [(rule.limits.busy, rule.limits.busy_max_usec) for rule in policy.rules] == [((), 4 * HOUR), (("rsync",), 0)]


def test_windows_line_ends_are_line_ends():
    assert parsed("poll: 10s\r\nenvironment: restricted\r\n").environment == "restricted"


def test_new_environment_starts_from_the_built_in_standard():
    lab = parsed("environments: {lab: {idle: 10m}}").environments["lab"]
    assert lab == replace(BUILT_IN.environments["standard"], idle_usec=10 * MINUTE)


def test_later_file_wins_key_by_key():
    policy = parsed(
        "poll: 9s\nenvironments: {standard: {idle: 1h, grace: 9s}}\nceiling: {idle: 1h, max: 9h}\nbrake: {sessions: 5}",
        "environments: {standard: {idle: 25m}, lab: {}}\nceiling: {idle: never}\nbrake: {per: 5m}",
    )
    standard = policy.environments["standard"]
    assert (policy.poll_usec, standard.idle_usec, standard.grace_usec) == (9 * SECOND, 25 * MINUTE, 9 * SECOND)
    assert set(policy.environments) == {"standard", "restricted", "lab"}
    assert (policy.ceiling, policy.brake) == (Ceiling(None, 9 * HOUR), Brake(5, 5 * MINUTE))


def test_list_of_a_later_file_replaces_the_list():
    rules = "rules: [{name: a}, {name: b}]\n"
    assert parsed(f"{rules}ceiling: {{except: [a]}}", "ceiling: {except: [b]}").ceiling.exempt == ("b",)
    assert parsed(f"{rules}ceiling: {{except: [a]}}", "ceiling: {except: []}").ceiling.exempt == ()
    assert parsed("environments: {standard: {warn: 2m}}", "environments: {standard: {warn: 3m}}").environments[
        "standard"
    ].warn_usec == (3 * MINUTE,)


def names(policy):
    return [rule.name for rule in policy.rules]


def test_rules_of_a_later_file_come_first_in_their_own_order():
    policy = parsed("rules: [{name: a}, {name: b}]", "rules: [{name: c}, {name: d}]", "rules: [{name: e}]")
    assert names(policy) == ["e", "c", "d", "a", "b"]


def test_rule_of_the_same_name_is_replaced_in_its_place_and_as_a_whole():
    policy = parsed("rules: [{name: a}, {name: b, idle: 1h, kill: session}]", "rules: [{name: c}, {name: b, idle: 2h}]")
    assert names(policy) == ["c", "a", "b"]
    assert policy.rules[2].given == ("idle",)


def test_environment_of_a_later_file_applies_to_the_rules_of_an_earlier_one():
    policy = parsed("rules: [{name: a, kill: terminal}]", "environment: restricted")
    assert policy.rules[0].limits == replace(BUILT_IN.environments["restricted"], kill=Kill.TERMINAL)


def test_older_warnings_give_way_to_a_later_shorter_limit():
    policy = parsed(
        "environments: {standard: {idle: 15m, warn: [5m, 1m]}}",
        "environments: {standard: {idle: 3m}}\nrules: [{name: a, idle: 20s}]",
    )
    assert policy.environments["standard"].warn_usec == (MINUTE,)
    assert policy.rules[0].limits.warn_usec == (10 * SECOND,)
    assert parsed(describe(policy)) == replace(policy, sources=("0.yaml",))


@pytest.mark.parametrize("later", ["environment: restricted", "environments: {standard: {idle: 10m}}"])
def test_older_warnings_of_a_rule_give_way_to_a_later_environment(later):
    policy = parsed("rules: [{name: a, warn: [12m, 1m]}, {name: b, idle: 1h, max: 2h, warn: 50m}]", later)
    assert [rule.limits.warn_usec for rule in policy.rules] == [(MINUTE,), (50 * MINUTE,)]
    assert parsed(describe(policy)) == replace(policy, sources=("0.yaml",))


def test_later_warnings_must_fit_an_older_limit():
    with pytest.raises(PolicyError, match=r"1\.yaml:1:34: the warning 5min before a limit of 3min is too early"):
        parsed("environments: {standard: {idle: 3m}}", "environments: {standard: {warn: [5m, 1m]}}")


def test_warning_may_come_8_seconds_after_the_last_key():
    assert parsed("environments: {standard: {idle: 16s, warn: 8s}}").environments["standard"].warn_usec == (8 * SECOND,)
    assert parsed("rules: [{name: a, idle: never, max: never, warn: 1d}]").rules[0].limits.warn_usec == (24 * HOUR,)


def test_poll_may_be_slower_than_a_warning():
    """The daemon wakes for every warning and limit; the poll only dates evidence."""
    assert parsed("poll: 5m\nenvironments: {standard: {idle: 16s, warn: 1s}}").poll_usec == 5 * MINUTE
