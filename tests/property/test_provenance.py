"""Laws of the traced policy: it is the policy in force, and printed it is that policy again."""

from hypothesis import given

from reaper.decide.policy.ceiling import cap
from reaper.decide.policy.files.annotate import annotate
from reaper.decide.policy.files.keys import LIMITS, TOP
from reaper.decide.policy.files.parse import parse_traced
from reaper.decide.policy.files.problems import PolicyError, Source
from reaper.decide.policy.files.provenance import apply, trace, values
from reaper.decide.policy.files.render import describe
from reaper.decide.policy.limits import spelled
from reaper.decide.policy.rules import document, judge, limits_of_kind

from .policies import FEWER, documents, policies, subjects


@FEWER
@given(policies(), documents)
def test_traced_policy_is_the_policy_in_force(policy, text):
    sources = [Source("a", describe(policy)), Source("b", text)]
    try:
        made, draft = parse_traced(sources)
    except PolicyError:
        made, draft = parse_traced(sources[:1])
    told, wanted = values(trace(made, draft)), document(made)
    assert {key: told[key] for key in (*TOP, "ceiling", "brake")} == {
        key: wanted[key] for key in (*TOP, "ceiling", "brake")
    }
    for name, limits in made.environments.items():
        assert told["environments"][name] == spelled(cap(limits, made.ceiling)[0])
    assert [rule["name"] for rule in told["rules"]] == [rule.name for rule in made.rules]
    for shown, rule, short in zip(told["rules"], made.rules, wanted["rules"]):
        limits = rule.limits if rule.name in made.ceiling.exempt else cap(rule.limits, made.ceiling)[0]
        assert {key: shown[key] for key in LIMITS} == spelled(limits)
        assert shown.get("match") == short.get("match")


@FEWER
@given(policies(), subjects)
def test_traced_application_is_the_verdict(policy, subject):
    made, draft = parse_traced([Source("x", describe(policy))])
    application = apply(made, trace(made, draft), subject)
    assert application.verdict == judge(made, subject)
    limits = limits_of_kind(made, application.verdict, subject.origin, bool(subject.terminals))
    assert values(application.limits) == spelled(limits)


@FEWER
@given(policies())
def test_annotated_policy_is_the_same_policy(policy):
    made, draft = parse_traced([Source("x", describe(policy))])
    tree = trace(made, draft)
    again, draft = parse_traced([Source("again", annotate(tree))])
    assert values(trace(again, draft)) == values(tree)
    assert again.environment == made.environment
