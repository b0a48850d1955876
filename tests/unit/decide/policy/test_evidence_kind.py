"""The kinds of evidence: each has its words, and a rule may choose some."""

from __future__ import annotations

import pytest

from reaper.decide.policy.evidence_kind import CONFIGURABLE, EvidenceKind


@pytest.mark.parametrize("kind", EvidenceKind)
def test_each_kind_ends_the_sentence_of_explain(kind):
    assert kind.words
    assert not kind.words.endswith(".")
    assert kind.words.isprintable()


def test_words_tell_kinds_apart():
    assert len({kind.words for kind in EvidenceKind}) == len(EvidenceKind)


def test_rules_choose_among_what_is_measured():
    assert [kind.value for kind in CONFIGURABLE] == ["input", "network", "cpu"]
