"""Values of keys, one node at a time: what each kind takes, and how it refuses the rest."""

from __future__ import annotations

import pytest

from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.files import values
from reaper.decide.policy.files.problems import PolicyError
from reaper.decide.policy.files.yaml_tree import ListNode, MappingNode, Place, ScalarNode
from reaper.decide.policy.limits import Action
from reaper.decide.text.hours import Hours
from tests.unit.simulated import MINUTE, SECOND

HERE = Place("a.yaml", 3, 7)


def scalar(text: str | None) -> ScalarNode:
    return ScalarNode(text, HERE)


def listed(*texts: str) -> ListNode:
    return ListNode([ScalarNode(text, Place("a.yaml", 4 + row, 5)) for row, text in enumerate(texts)], HERE)


def refusal(value, node) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        value(node)
    return caught.value


TAKEN = [
    (values.text, "", ""),
    (values.limit, "never", None),
    (values.limit, "16s", 16 * SECOND),
    (values.busy_max, "0s", 0),
    (values.one_of(Action), "lock", Action.LOCK),
    (values.activity, "auto", ()),
    (values.activity, "cpu", (EvidenceKind.CPU,)),
    (values.size(1, "nothing is no sign of life"), "16KiB", 16384),
    (values.sessions, "unlimited", None),
    (values.sessions, "100000", 100_000),
    (values.name, "lab-1.x@y_z", "lab-1.x@y_z"),
    (values.glob, "adm[!i]n*", "adm[!i]n*"),
    (values.program, "rsync*", "rsync*"),
    (values.terminal, "/dev/pts/*", "pts/*"),
    (values.terminal, "none", "none"),
    (values.remote, "10.0.0.0/8", "10.0.0.0/8"),
    (values.remote, "10.0.0.1/32", "10.0.0.1"),
    (values.remote, "FD00:0::/8", "fd00::/8"),
    (values.remote, "*.Example.ORG.", "*.example.org"),
    (values.boolean, "true", True),
    (values.hours, "Mon..Fri 08:00-18:00", Hours(frozenset(range(5)), 480, 1080)),
]


@pytest.mark.parametrize(("value", "written", "found"), TAKEN)
def test_what_is_taken(value, written, found):
    assert value(scalar(written)) == found


REFUSED = [
    (values.text, "a\nb", "does not print"),
    (values.limit, "15s", "shorter than 16s"),
    (values.busy_max, "8d", "longer than 1w"),
    (values.busy_max, "never", "never"),
    (values.limit, "soon", "soon"),
    (values.one_of(Action), "kill", "not known here"),
    (values.activity, "output", "is not in this version"),
    (values.activity, "keys", "not known here"),
    (values.size(1, "nothing is no sign of life"), "0", "less than 1B"),
    (values.size(1, "nothing is no sign of life"), "1KB", "not a size"),
    (values.sessions, "0", "not a number of sessions"),
    (values.sessions, "100001", "not a number of sessions"),
    (values.sessions, "1_0", "not a number of sessions"),
    (values.name, "-a", "not a valid name"),
    (values.name, "a" * 65, "not a valid name"),
    (values.glob, "", "empty"),
    (values.glob, "a" * 257, "257 characters"),
    (values.glob, "a,b", "comma"),
    (values.glob, "!a", "starts with !"),
    (values.glob, " a", "begins or ends with a space"),
    (values.glob, "a[b", "without a closing ]"),
    (values.program, "/usr/bin/rsync", "is a path"),
    (values.program, "*?", "any program"),
    (values.remote, "10.0.0.1/8", "10.0.0.1/8"),
    (values.remote, "10.0.*", "not an address"),
    (values.remote, "a b", "neither an address nor a host name"),
    (values.boolean, "yes", "neither true nor false"),
    (values.hours, "always", "always"),
]


@pytest.mark.parametrize(("value", "written", "message"), REFUSED)
def test_what_is_refused_says_where_and_what_to_do(value, written, message):
    (problem,) = refusal(value, scalar(written)).problems
    assert (problem.path, problem.line, problem.column) == ("a.yaml", 3, 7)
    assert message in problem.message
    assert problem.hint


@pytest.mark.parametrize("value", [values.text, values.message, values.name, values.limit, values.hours])
def test_one_value_is_neither_missing_nor_a_collection(value):
    assert "missing" in str(refusal(value, scalar(None)))
    assert ", not a list" in str(refusal(value, listed("a")))
    assert ", not a mapping" in str(refusal(value, MappingNode([], HERE)))


def test_one_value_stands_for_a_list_of_one():
    assert values.without_places(values.each(values.glob, ""))(scalar("a")) == ("a",)
    assert values.each(values.glob, "")(listed("a", "b")) == (
        ("a", Place("a.yaml", 4, 5)),
        ("b", Place("a.yaml", 5, 5)),
    )


def test_an_empty_list_is_refused_where_it_would_mean_nothing():
    assert values.each(values.glob, "")(listed()) == ()
    assert "(remove it)" in str(refusal(values.each(values.glob, "remove it"), listed()))


def test_all_mistakes_of_a_list_are_told_up_to_a_bound():
    assert [each.line for each in refusal(values.each(values.glob, ""), listed("!a", "b", "!c")).problems] == [4, 6]
    assert len(refusal(values.each(values.glob, ""), listed(*["!a"] * 500)).problems) == 100


def test_leads_are_sorted_the_longest_first():
    assert [lead for lead, _ in values.leads(listed("10s", "1min"))] == [MINUTE, 10 * SECOND]


def test_leads_are_few_and_distinct():
    assert "appears twice" in str(refusal(values.leads, listed("60s", "1min")))
    assert "9 warnings are too many" in str(refusal(values.leads, listed(*[f"{each}s" for each in range(1, 10)])))


def test_kinds_of_activity_are_told_once():
    assert values.activity(listed("cpu", "input", "cpu")) == (EvidenceKind.CPU, EvidenceKind.INPUT)
