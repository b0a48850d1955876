"""Where each value of a policy comes from: merged files, environments, rules, the ceiling."""

from __future__ import annotations

import pytest

from reaper.decide.policy.files import keys
from reaper.decide.policy.files.annotate import COLUMNS, annotate
from reaper.decide.policy.files.parse import parse, parse_traced
from reaper.decide.policy.files.problems import Source
from reaper.decide.policy.files.provenance import Setting, Tree, apply, in_json, trace, values
from reaper.decide.policy.match import Origin, Subject
from reaper.decide.policy.rules import document

MAIN = """\
environment: lab
environments:
  lab:
    idle: 20min
    warn:
      - 5min
      - 1min
  standard: {grace: 5s}
ceiling:
  idle: 30min
  except: [glass]
rules:
  - name: glass
    match: {user: root}
    idle: 2h
  - match:
      group: ops
      from: 10.0.0.0/8
    name: ops
    idle: 2h
"""
DROP_IN = """\
brake:
  per: 5min
environments:
  lab: {max: 9h}
rules:
- name: late
- name: ops
  idle: 1h
"""


def traced(*texts: str) -> Tree:
    return trace(*parse_traced([Source(f"{rank}.yaml", text) for rank, text in enumerate(texts)]))


def rule(tree: Tree, name: str) -> Tree:
    (found,) = [each for each in tree["rules"] if each["name"].value == name]
    return found


def place(setting: Setting) -> str:
    return f"{setting.path}:{setting.line}" if setting.line else "built-in"


def test_without_a_file_everything_is_built_in():
    tree = trace(*parse_traced([]))
    assert {place(tree[key]) for key in keys.TOP} == {"built-in"}
    for section in (tree["ceiling"], tree["brake"], *tree["environments"].values()):
        assert {place(setting) for setting in section.values()} == {"built-in"}


def test_value_is_at_its_key():
    tree = traced(MAIN)
    assert place(tree["environment"]) == "0.yaml:1"
    assert tree["environments"]["lab"]["warn"] == Setting(["5min", "1min"], "0.yaml", 5)
    assert place(tree["environments"]["lab"]["kill"]) == "built-in"
    assert place(tree["ceiling"]["except"]) == "0.yaml:11"


def test_rule_and_its_conditions_are_where_the_rule_begins():
    ops = rule(traced(MAIN), "ops")
    assert place(ops["name"]) == "0.yaml:16"
    assert ops["match"] == {"group": Setting(["ops"], "0.yaml", 17), "from": Setting(["10.0.0.0/8"], "0.yaml", 18)}


def test_files_merge_key_by_key_and_rules_as_a_whole():
    tree = traced(MAIN, DROP_IN)
    lab = tree["environments"]["lab"]
    assert (place(lab["idle"]), place(lab["max"]), place(lab["grace"])) == ("0.yaml:4", "1.yaml:4", "built-in")
    assert (place(tree["brake"]["per"]), place(tree["brake"]["sessions"])) == ("1.yaml:2", "built-in")
    assert [each["name"].value for each in tree["rules"]] == ["late", "glass", "ops"]
    ops = rule(tree, "ops")
    assert (place(ops["name"]), "match" in ops) == ("1.yaml:7", False)


def test_value_that_a_rule_leaves_out_is_its_environments():
    late = rule(traced(MAIN, DROP_IN), "late")
    assert late["max"] == Setting("9h", "1.yaml", 4, environment="lab")
    assert late["kill"] == Setting("terminal", environment="lab")


def test_value_that_the_ceiling_lowers_has_both_places():
    tree = traced(MAIN)
    said = Setting("2h", "0.yaml", 20)
    assert rule(tree, "ops")["idle"] == Setting("30min", "0.yaml", 10, changed_by="ceiling", instead_of=said)
    assert rule(tree, "glass")["idle"] == Setting("2h", "0.yaml", 15)


def test_ceiling_lowers_values_of_the_environment_too():
    tree = traced("environments: {standard: {idle: 1h}}\nceiling: {idle: 30min}\nrules: [{name: a}]")
    said = Setting("1h", "0.yaml", 1)
    lowered = Setting("30min", "0.yaml", 2, changed_by="ceiling", instead_of=said)
    assert tree["environments"]["standard"]["idle"] == lowered
    inherited = rule(tree, "a")["idle"]
    assert (inherited.value, inherited.changed_by, inherited.instead_of.environment) == ("30min", "ceiling", "standard")


def test_warnings_that_give_way_to_a_limit_say_so():
    tree = traced("environments: {standard: {idle: 2min}}")
    warn = tree["environments"]["standard"]["warn"]
    assert warn == Setting(["1min"], changed_by="limit", instead_of=Setting(["5min", "1min"]))


def test_fitted_warnings_of_an_environment_stay_fitted_in_a_rule():
    """A rule inherits the fitted ones, though its own limit is longer."""
    tree = traced("environments: {standard: {idle: 2min}}\nrules: [{name: a, idle: 1h}, {name: b, idle: 20s}]")
    assert [rule(tree, name)["warn"].value for name in "ab"] == [["1min"], ["10s"]]
    assert {rule(tree, name)["warn"].instead_of.value[0] for name in "ab"} == {"5min"}


@pytest.mark.parametrize("texts", [[], [MAIN], [MAIN, DROP_IN]])
def test_traced_values_are_those_of_the_policy(texts):
    sources = [Source(f"{rank}.yaml", text) for rank, text in enumerate(texts)]
    shown, wanted = values(traced(*texts)), document(parse(sources))
    for key in (*keys.TOP, "ceiling", "brake"):
        assert shown[key] == wanted[key]


def test_annotated_policy_is_a_policy_and_fits_the_terminal():
    text = annotate(traced(MAIN, DROP_IN))
    assert max(map(len, text.splitlines())) <= COLUMNS
    again = trace(*parse_traced([Source("again.yaml", text)]))
    assert values(again) == values(traced(MAIN, DROP_IN))
    assert "    idle: 20min              # 0.yaml:4\n" in text
    assert "    idle: 30min              # ceiling, 0.yaml:10; the rule says 1h, 1.yaml:8\n" in text
    assert "    max: 9h                  # environment, 1.yaml:4\n" in text


def test_long_path_goes_on_below():
    path = "/etc/reaper/reaper.d/50-operators-of-the-site.yaml"
    text = annotate(trace(*parse_traced([Source(path, "environments: {standard: {idle: 20m}}\nrules: [{name: a}]")])))
    assert f"    idle: 20min              # {path}:1\n" in text
    assert f"    idle: 20min              # environment,\n{'':<29}# {path}:1\n" in text


def test_json_has_every_key_of_a_setting():
    told = in_json(traced(MAIN))
    assert told["poll"] == {
        "value": "15s", "file": None, "line": None, "environment": None, "changed_by": None, "instead_of": None
    }  # fmt: skip
    assert told["rules"][1]["idle"]["instead_of"]["line"] == 20


def subject(**fields: object) -> Subject:
    usual = {"user": "ann", "uid": 7, "groups": frozenset(["ops"]), "origin": Origin.SSH, "remote": "10.0.0.1"}
    return Subject(**{**usual, "terminals": ("pts/0",), "service": "sshd", **fields})  # type: ignore[arg-type]


def applied(text: str, **fields: object):
    policy, draft = parse_traced([Source("0.yaml", text)])
    return apply(policy, trace(policy, draft), subject(**fields))


def test_application_names_the_rule_that_wins_and_those_before_it():
    application = applied(MAIN)
    assert application.rule == Setting("ops", "0.yaml", 16)
    assert application.verdict.passed_over == (("glass", "user ann is not root"),)
    assert application.passed_over == {"glass": Setting("glass", "0.yaml", 13)}
    assert (application.limits["idle"].value, application.verdict.capped) == ("30min", ("idle",))
    assert list(application.limits) == list(keys.LIMITS)


def test_session_without_a_rule_is_under_the_environment():
    application = applied(MAIN, remote="192.0.2.1")
    assert application.rule == Setting("environment:lab", "0.yaml", 1)
    assert place(application.limits["idle"]) == "0.yaml:4"


def test_session_without_a_terminal_has_no_warnings():
    warn = applied(MAIN, terminals=()).limits["warn"]
    said = Setting(["5min", "1min"], "0.yaml", 5, environment="lab")
    assert warn == Setting([], "0.yaml", 5, changed_by="terminal", instead_of=said)


@pytest.mark.parametrize(("match", "idle"), [("", "never"), ("match: {origin: graphical}, ", "15min")])
def test_desktop_has_limits_only_if_its_rule_names_graphical(match, idle):
    application = applied(f"rules: [{{name: all, {match}kill: session}}]", origin=Origin.GRAPHICAL, terminals=())
    assert application.limits["idle"].value == idle
    assert application.limits["idle"].changed_by == ("graphical" if idle == "never" else "")


def test_inherited_lock_gives_way_to_notify_none():
    text = "environments: {standard: {action: lock}}\nrules:\n- {name: ci, notify: none}\n- {name: others}"
    tree = traced(text)
    said = Setting("lock", "0.yaml", 1, environment="standard")
    assert rule(tree, "ci")["action"] == Setting("terminate", "0.yaml", 1, changed_by="notify", instead_of=said)
    assert rule(tree, "others")["action"] == said
    shown = annotate(tree)
    assert "    action: terminate        # notify: none cannot lock;\n" in shown
    assert "# the environment says lock, 0.yaml:1\n" in shown
