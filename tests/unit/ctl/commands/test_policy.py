"""The output and exit status of reaperctl policy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Callable

import pytest

from reaper.control.client import DaemonAbsentError
from reaper.ctl.__main__ import main
from reaper.ctl.commands import policy
from reaper.decide.policy.files.parse import parse
from reaper.decide.policy.files.problems import Source

TEXT = "ceiling: {idle: 10min}\nrules:\n  - name: ops\n    match: {group: ops, from: 10.0.0.0/8}\n    idle: 1h\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "reaper.yaml"
    path.write_text(TEXT)
    return str(path)


@pytest.fixture
def tool(capsysbinary) -> Callable[..., tuple[int, str, str]]:
    def call(*words: str) -> tuple[int, str, str]:
        status = main(["policy", *words])
        out, err = capsysbinary.readouterr()
        return status, out.decode(), err.decode()

    return call


def test_policy_is_printed_with_places(tool, file):
    status, out, err = tool(file)
    assert (status, err) == (0, "")
    assert out.startswith(f"# Policy {parse([Source('x', TEXT)]).id}, merged from\n#   {file}\nenvironment: standard")
    assert f"# {file}:3\n" in out


def test_policy_as_json(tool, file):
    status, out, _ = tool("--json", file)
    answer = json.loads(out)
    assert (status, set(answer)) == (0, {"id", "enforced", "sources", "policy"})
    assert (answer["enforced"], answer["sources"]) == (None, [file])
    assert answer["policy"]["ceiling"]["idle"]["line"] == 1


def test_mistakes_are_reported_as_by_check(tool, file):
    Path(file).write_text("pol: 5s\nidel: 3")
    assert tool(file)[:2] == (78, "")
    assert tool(file) == (78, "", tool(file)[2])
    assert tool(file)[2].count("\n") == 2
    status, out, _ = tool("--json", "--for", "root", file)
    assert (status, len(json.loads(out)["problems"])) == (78, 2)


def test_rule_of_a_session(tool, file):
    status, out, err = tool("--for", "nobody-here", "--group", "ops", "--from", "10.1.1.1", "--at", "Sat 01:00", file)
    assert (status, err) == (0, "")
    assert "#   user: nobody-here        # unknown here\n" in out
    assert '#   hours: "Sat 01:00"\n' in out
    assert f"# This rule fits:\nrule: ops                    # {file}:3\n" in out
    assert "idle: 10min                  # ceiling," in out
    assert "the rule says 1h," in out


def test_rule_of_a_session_as_json(tool, file):
    answer = json.loads(tool("--json", "--for", "root", "--group", "adm", "--origin", "serial", file)[1])
    assert set(answer) == {"id", "enforced", "sources", "session", "rule", "passed_over", "capped", "limits"}
    assert (answer["session"]["uid"], answer["session"]["elevated"]) == (0, True)
    assert answer["rule"]["value"] == "environment:standard"
    assert answer["passed_over"][0]["why"] == "user root is not in group ops"
    assert (answer["capped"], answer["limits"]["idle"]["value"]) == (["idle"], "10min")


def test_unknown_user_has_no_groups_and_a_line_says_so(tool, file):
    status, out, err = tool("--for", "no\x1bbody", file)
    assert status == 0
    assert err == (
        "reaperctl: this host does not know the user no\\x1bbody: no groups are assumed (give them with --group)\n"
    )
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("words", "origin"),
    [
        (["--terminal", "/dev/ttyS0"], "serial"),
        (["--terminal", "tty3"], "console"),
        (["--terminal", "pts/3"], "ssh"),
        (["--terminal", "none"], "ssh"),
        (["--service", "gdm-password"], "graphical"),
        (["--service", "login", "--terminal", "tty2"], "console"),
        (["--from", "ann.example.org"], "ssh"),
        ([], "console"),
    ],
)
def test_assumed_origin(tool, file, words, origin):
    assert json.loads(tool("--json", "--for", "root", *words, file)[1])["session"]["origin"] == origin


@pytest.mark.parametrize("words", [["--from", "x"], ["--elevated"], ["--group", "x"], ["--at", "Mon 01:00"]])
def test_options_of_a_session_need_a_user(tool, words, capsysbinary):
    with pytest.raises(SystemExit) as caught:
        tool(*words)
    assert caught.value.code == 2
    assert b"give its user with --for USER" in capsysbinary.readouterr().err


def test_invalid_time_is_a_usage_error(tool):
    with pytest.raises(SystemExit) as caught:
        tool("--for", "root", "--at", "noon")
    assert caught.value.code == 2


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Installs no policy file, and has a daemon enforce a policy; None: no daemon answers."""

    def enforce(policy_id: str | None) -> None:
        def call(method: str, parameters: object) -> dict[str, object]:
            assert method == "io.reaper.List"
            if policy_id is None:
                raise DaemonAbsentError("/run/x")
            return {"sessions": [], "policy": policy_id}

        monkeypatch.setattr(policy, "call", call)
        monkeypatch.setattr(policy.policy_options, "read", lambda _: ())

    return enforce


@pytest.mark.parametrize(
    ("enforced", "message"),
    [
        (None, ""),
        (parse([]).id, ""),
        ("abc", "reaperd enforces policy abc, not these files: reload reaper.service, or see reaperctl check\n"),
        ("", "reaperd enforces no policy at all: reload reaper.service, or see reaperctl check\n"),
    ],
)
def test_other_policy_in_force_is_reported(tool, installed, enforced, message):
    installed(enforced)
    assert tool()[0::2] == (0, message)
    assert json.loads(tool("--json")[1])["enforced"] == enforced


def test_daemon_is_not_asked_about_other_files(tool, file, installed):
    installed("abc")
    assert tool(file)[2] == ""
    assert tool("--root", os.path.dirname(file))[2] == ""
