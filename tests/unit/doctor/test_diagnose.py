"""All checks together: the order of the findings, the table, and both as JSON."""

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


def test_healthy_host_has_no_findings() -> None:
    diagnosis = examine(facts())
    assert diagnosis.findings == ()
    assert diagnosis.is_enforced()
    assert report(diagnosis)[0] == "Nothing was found that keeps the limits from being enforced."
    assert report(diagnosis, only_errors=True) == []


def test_worst_findings_come_first() -> None:
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


def test_warnings_leave_the_limits_enforced() -> None:
    found = examine(facts(tmouts=(Tmout("/etc/profile", 1, 60, True),)))
    assert [finding.id for finding in found.findings] == ["shell-tmout"]
    assert found.is_enforced()


def test_table_is_without_reaper_if_no_daemon_answers() -> None:
    found = examine(facts(daemon=DaemonFacts(UNIT, answers=False)))
    assert all(row.mechanisms == () for row in found.table)
    assert "nothing ends it" in report(found)[-1]


def test_table_is_empty_if_the_policy_in_force_is_unknown() -> None:
    found = examine(facts(files=Files(problem="bad"), tmouts=(Tmout("/etc/profile", 1, 60, True),)))
    assert found.table == ()
    assert "What ends an idle session first:" not in report(found)
    assert examine(facts(files=Files(problem="bad"), daemon=daemon(policy_id=""))).table != ()


def test_users_are_told_to_run_doctor_as_root() -> None:
    (finding,) = examine(facts(unchecked=("this",), is_root=False)).findings
    assert finding.remedy == "sudo reaperctl doctor"
    (finding,) = examine(facts(unchecked=("this",))).findings
    assert finding.remedy == ""


def test_document_is_plain_json() -> None:
    changed = policy("rules: [{name: a, match: {user: x}, action: observe}]")
    found = examine(facts(files=Files(changed), daemon=daemon(policy_id=changed.id)))
    answer = json.loads(json.dumps(document(found)))
    assert [sorted(each) for each in answer["findings"]] == [["id", "message", "remedy", "severity"]]
    assert answer["first"][0] == {
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
