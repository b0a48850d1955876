"""All checks together: the order of what they say, as text and as JSON."""

from __future__ import annotations

import json

from reaper.doctor.checks.daemon import DaemonFacts
from reaper.doctor.checks.logind import LogindFacts
from reaper.doctor.checks.rules import Files
from reaper.doctor.checks.shell import Tmout
from reaper.doctor.checks.sshd import Sshd
from reaper.doctor.diagnose import document, examine
from reaper.doctor.findings_text import report
from tests.unit.doctor.facts import UNIT, daemon, facts, ids, policy

HOSTILE = "/etc/profile.d/\x1b]0;owned\x07.sh"


def test_a_healthy_host_has_nothing() -> None:
    diagnosis = examine(facts())
    assert diagnosis.findings == ()
    assert diagnosis.is_enforced()
    assert report(diagnosis)[0] == "Nothing was found that keeps the limits from being enforced."
    assert report(diagnosis, only_errors=True) == []


def test_the_worst_comes_first() -> None:
    found = examine(
        facts(sshd=Sshd(False, matched=("channeltimeout",)), logind=LogindFacts(False), unchecked=("this",))
    )
    assert ids(found.findings) == [
        ("error", "sshd-without-pam"),
        ("warning", "no-logind"),
        ("note", "sshd-match"),
        ("note", "unchecked"),
    ]
    assert not found.is_enforced()
    lines = report(found)
    assert lines[0].startswith("error    sshd is configured with UsePAM no")
    assert [line for line in report(found, only_errors=True) if line.startswith(("warning", "note"))] == []


def test_warnings_leave_the_limits_in_force() -> None:
    found = examine(facts(tmouts=(Tmout("/etc/profile", 1, 60, True),)))
    assert [finding.id for finding in found.findings] == ["shell-tmout"]
    assert found.is_enforced()


def test_without_a_daemon_reaper_is_not_in_the_table() -> None:
    found = examine(facts(daemon=DaemonFacts(UNIT, answers=False)))
    assert all(row.mechanisms == () for row in found.first)
    assert "nothing ends it" in report(found)[-1]


def test_there_is_no_table_where_the_policy_in_force_is_not_known() -> None:
    found = examine(facts(files=Files(problem="bad"), tmouts=(Tmout("/etc/profile", 1, 60, True),)))
    assert found.first == ()
    assert not any("first" in line for line in report(found)[-2:])
    assert examine(facts(files=Files(problem="bad"), daemon=daemon(policy_id=""))).first != ()


def test_only_root_can_look_further() -> None:
    (finding,) = examine(facts(unchecked=("this",), is_root=False)).findings
    assert finding.remedy == "sudo reaperctl doctor"
    (finding,) = examine(facts(unchecked=("this",))).findings
    assert finding.remedy == ""


def test_nothing_from_outside_reaches_the_terminal_as_it_is() -> None:
    found = examine(facts(tmouts=(Tmout(HOSTILE, 1, 60, True),), files=Files(problem="\x1b[2J")))
    assert all(line.isprintable() for line in report(found))


def test_lines_fit_a_terminal_but_for_remedies() -> None:
    found = examine(facts(sshd=Sshd(False), logind=LogindFacts(False), tmouts=(Tmout("/etc/profile", 1, 60, True),)))
    assert all(len(line) <= 80 or line.lstrip().startswith(">") for line in report(found))


def test_the_document_is_plain_json() -> None:
    changed = policy("rules: [{name: a, match: {user: x}, action: observe}]")
    found = examine(facts(files=Files(changed), daemon=daemon(policy_id=changed.id)))
    told = json.loads(json.dumps(document(found)))
    assert [sorted(each) for each in told["findings"]] == [["id", "message", "remedy", "severity"]]
    assert told["first"][0] == {
        "session": "ssh-prompt",
        "text": "reaper, without input 15min, by some rules never",
        "mechanisms": [
            {
                "by": "reaper",
                "setting": "reaper, without input",
                "shortest_usec": 900_000_000,
                "longest_usec": None,
                "condition": "",
            }
        ],
    }
