"""Whatever a user can type or write into a file is in the manual."""

from __future__ import annotations

import ast
import re
import sys

import pytest

from reaper.ctl import table
from reaper.ctl.__main__ import SUBCOMMANDS, make_parser
from reaper.ctl.selection import ORIGINS, PHASES, SORT_KEYS
from reaper.decide.policy import template
from reaper.decide.policy.evidence_kind import EvidenceKind
from reaper.decide.policy.files import keys
from reaper.doctor.checks import precedence

from .parsers import options, subparsers
from .tree import manual_pages, parsed, python_files, read, run

PAGES = ("reaper.7", "reaper.yaml.5", "reaperctl.1", "reaperd.8", "pam_reaper.8")
EXIT_STATUS = {"reaperctl.1": {"0", "1", "2", "3", "4", "78"}, "reaperd.8": {"0", "1", "2", "78"}}
POLICY_KEYS = sorted(
    {*keys.TOP, *keys.SECTIONS, *keys.LIMITS, *keys.MATCH, *keys.CEILING, *keys.BRAKE, "name", "match"}
)


def page(name: str) -> str:
    return read(f"packaging/man/{name}")


def macro(option: str) -> str:
    """An option as mdoc writes it: -h is `Fl h`, --json is `Fl -json`."""
    return f"Fl {option[1:]}"


def has(text: str, words: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(words)}(?![\w-])", text) is not None


def part(text: str, title: str) -> str:
    found = re.search(rf"^\.S[sh] {re.escape(title)}\n(.*?)(?=^\.S[sh] |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no part {title}"
    return found[1]


def test_the_pages_are_all_there():
    assert {name.rpartition("/")[2] for name in manual_pages()} == set(PAGES)


def test_reaperctl_options():
    text = page("reaperctl.1")
    assert [option for option in options(make_parser()) if not has(text, macro(option))] == []


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_reaperctl_subcommands(command):
    text, parser = page("reaperctl.1"), subparsers(make_parser())[command]
    assert has(part(text, "SYNOPSIS"), f".Cm {command}")
    own = part(text, command)
    missing = [option for option in options(parser) if option not in ("-h", "--help") and not has(own, macro(option))]
    assert missing == []


def test_what_list_chooses_and_shows():
    own = part(page("reaperctl.1"), "list")
    words = {word for line in own.splitlines() if line.startswith(".Cm ") for word in line.split()}
    assert {*SORT_KEYS, *ORIGINS, *PHASES} <= words
    titles = {column.title for column in (*table.USUAL, *table.MORE, *table.READ)}
    assert set(re.findall(r"^\.It Ql ([A-Z ]+)$", own, re.MULTILINE)) == titles


def test_reaperctl_has_no_other_subcommand():
    assert set(subparsers(make_parser())) == set(SUBCOMMANDS)
    assert re.findall(r"^\.Ss ([a-z]+)$", page("reaperctl.1"), re.MULTILINE) == list(SUBCOMMANDS)


def test_reaperctl_names_no_other_option():
    parser = make_parser()
    known = {macro(option) for each in (parser, *subparsers(parser).values()) for option in options(each)}
    assert set(re.findall(r"Fl -?[\w-]+", page("reaperctl.1"))) <= known


def findings() -> set[str]:
    """The id of each finding that doctor has: what error(), warning() and note() are given as the first."""
    calls = [node for name in python_files("reaper/doctor") for node in ast.walk(parsed(name)) if is_finding(node)]
    written = {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}
    return written | {name for name, _, _ in precedence.FINDINGS.values()}


def is_finding(node: ast.AST) -> bool:
    made_by = ("error", "warning", "note")
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in made_by and bool(node.args)
    )


def test_every_finding_of_doctor_is_there_and_no_other():
    items = re.findall(r"^\.It Cm (.*) Pq (?:error|warning|note)", part(page("reaperctl.1"), "doctor"), re.MULTILINE)
    assert sorted(name for item in items for name in item.split(" , ")) == sorted(findings())


def test_reaperd_options():
    helped = run(sys.executable, "-m", "reaper.daemon", "--help")
    assert helped.returncode == 0, helped.stdout
    found = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", helped.stdout.partition("option")[2]))
    assert "--check" in found
    text = page("reaperd.8")
    assert sorted(option for option in found if not has(text, macro(option))) == []


@pytest.mark.parametrize("name", EXIT_STATUS)
def test_exit_status(name):
    assert set(re.findall(r"^\.It (\d+)$", part(page(name), "EXIT STATUS"), re.MULTILINE)) == EXIT_STATUS[name]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_examples_and_leads_on(name):
    text = page(name)
    assert part(text, "EXAMPLES").count(".Bd -literal") >= 2
    assert part(text, "SEE ALSO").strip()


@pytest.mark.parametrize("name", PAGES)
def test_references_among_our_pages(name):
    ours = {tuple(each.rsplit(".", 1)) for each in PAGES}
    named = {title for title, _ in ours}
    found = set(re.findall(r"Xr (reaper\S*|pam_reaper) (\d)", page(name)))
    assert {reference for reference in found if reference[0] in named} <= ours


@pytest.mark.parametrize("key", POLICY_KEYS)
def test_policy_keys(key):
    assert re.search(rf"^\.It .*\bCm {key}\b", page("reaper.yaml.5"), re.MULTILINE)


@pytest.mark.parametrize("key", POLICY_KEYS)
def test_the_sample_shows_every_key(key):
    assert re.search(rf"\b{key}:", read("packaging/reaper.yaml"))


def test_placeholders():
    """The manual has a row for each and for no other, in their order; the sample names them all."""
    assert re.findall(r"^\.It Cm \{(\w+)\} Ta ", page("reaper.yaml.5"), re.MULTILINE) == list(template.PLACEHOLDERS)
    assert set(re.findall(r"\{(\w+)\}", read("packaging/reaper.yaml"))) == set(template.PLACEHOLDERS)


@pytest.mark.parametrize("kind", [kind.value for kind in EvidenceKind])
def test_kinds_of_evidence(kind):
    listed = re.search(r"^\.It Dv REAPER_EVIDENCE\n(.*?)^\.It ", page("reaperd.8"), re.MULTILINE | re.DOTALL)
    assert listed
    assert kind in re.findall(r"\w+", listed[1])


def test_contributing_names_what_there_is():
    """Functions in backticks: a recipe that sends the reader to one that was renamed costs more than none."""
    code = "\n".join(read(name) for name in python_files("reaper"))
    named = re.findall(r"`(\w+)\(\)`", read("CONTRIBUTING.md"))
    missing = [name for name in named if not re.search(rf"def {name}\b", code)]
    assert missing == []
