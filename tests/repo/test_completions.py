"""The completions, asked by the shells themselves: what they offer is what make_parser() takes, and nothing else."""

from __future__ import annotations

import argparse
import json
import os
from typing import Callable

import pytest

from reaper.ctl.__main__ import SUBCOMMANDS, make_parser
from reaper.ctl.selection import ORIGINS, PHASES, SORT_KEYS
from reaper.decide.output.events import EventKind
from reaper.decide.policy.match import Origin

from .parsers import options, subparsers
from .tree import ROOT, require, run, told

DIRECTORY = ROOT / "packaging/completions"
# A name can come from a PAM environment that the user fills: a shell that expands it runs it, as root.
HOSTILE = ["$(touch $HOME/owned)", "`touch $HOME/owned`", "$(touch${IFS}$HOME/owned)", "a b", "-x", "[x:y]", "${HOME}"]
SESSIONS = ["12", "4711.287364", "c3"]

BASH = """
source "$1"; line=$2
read -ra COMP_WORDS <<< "$line"
[[ $line == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_reaperctl
printf '%s\\n' "${COMPREPLY[@]}"
"""

Offer = Callable[[str], "set[str]"]


def ask_bash(line: str, env: dict[str, str]) -> str:
    return said(run("bash", "--norc", "-c", BASH, "bash", str(DIRECTORY / "bash/reaperctl"), line, env=env))


def ask_fish(line: str, env: dict[str, str]) -> str:
    source = f"source {DIRECTORY / 'fish/reaperctl.fish'}; complete --do-complete $argv[1]"
    text = said(run(require("fish"), "--no-config", "-c", source, line, env=env))
    return "\n".join(offer.partition("\t")[0] for offer in text.splitlines())


def ask_zsh(line: str, env: dict[str, str]) -> str:
    script = str(ROOT / "tests/repo/zsh_offers.zsh")
    answer = os.path.join(env["HOME"], "offered")
    said(run(require("zsh"), "-f", script, str(DIRECTORY / "zsh"), line, answer, env=env))
    with open(answer, encoding="utf-8") as file:
        text = file.read()
    os.unlink(answer)
    assert text.endswith("end\n")
    return text[: -len("end\n")]


def said(result) -> str:
    assert result.returncode == 0, told(result)
    return result.stdout


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request, tmp_path):
    ask = {"bash": ask_bash, "zsh": ask_zsh, "fish": ask_fish}[request.param]

    def offer(reaperctl: str) -> Offer:
        program = tmp_path / "reaperctl"
        program.write_text(f"#!/bin/sh\n{reaperctl}\n")
        program.chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"
        env = {"PATH": path, "HOME": str(tmp_path), "TERM": "dumb", "LC_ALL": "C"}
        return lambda line: set(ask(line, env).split("\n")) - {""}

    return offer


def with_sessions(names: list[str]) -> str:
    answer = {"sessions": [{"session": name, "user": "ann", "terminals": ["pts/0"]} for name in names], "policy": ""}
    return f"cat <<'ANSWER'\n{json.dumps(answer, indent=2)}\nANSWER"


ABSENT = "echo 'reaperctl: reaperd does not answer' >&2; exit 3"


def long_options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for option in options(parser) if option.startswith("--")}


def test_subcommands(shell):
    assert set(SUBCOMMANDS) <= shell(ABSENT)("reaperctl ") <= {*SUBCOMMANDS, *options(make_parser())}


def test_options(shell):
    offer = shell(ABSENT)
    assert offer("reaperctl --") == long_options(make_parser())


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_options_of_a_subcommand(shell, command):
    assert shell(ABSENT)(f"reaperctl {command} --") == long_options(subparsers(make_parser())[command])


@pytest.mark.parametrize("command", ["list", "watch"])
@pytest.mark.parametrize(("option", "words"), [("--origin", ORIGINS), ("--phase", PHASES), ("--sort", SORT_KEYS)])
def test_what_sessions_are_chosen_by(shell, command, option, words):
    assert shell(ABSENT)(f"reaperctl {command} {option} ") == set(words)


def test_sessions(shell):
    offer = shell(with_sessions(SESSIONS))
    assert set(SESSIONS) <= offer("reaperctl explain ")
    assert offer("reaperctl explain 4") == {"4711.287364"}
    assert not set(SESSIONS) & offer("reaperctl list ")


def test_events_of_the_log(shell):
    offer = shell(with_sessions(SESSIONS))
    assert set(SESSIONS) <= offer("reaperctl log ")
    assert offer("reaperctl log --event ") == {kind.word for kind in EventKind}
    assert offer("reaperctl log --event clo") == {"closed", "clock-stepped"}


def test_no_daemon_no_sessions_and_no_noise(shell):
    assert {word for word in shell(ABSENT)("reaperctl explain ") if not word.startswith("-")} == {"self"}


def test_a_hostile_session_name_is_never_expanded(shell, tmp_path):
    offered = shell(with_sessions([*HOSTILE, *SESSIONS]))("reaperctl explain ")
    assert {word for word in offered if not word.startswith("--")} - {"-h", "self"} == set(SESSIONS)
    assert not (tmp_path / "owned").exists()


def test_whom_and_where_a_policy_is_asked_about(shell):
    offer = shell(ABSENT)
    assert "root" in offer("reaperctl policy --for ro")
    assert "daemon" in offer("reaperctl policy --group dae")
    origins = {word for word in offer("reaperctl policy --origin ") if not word.startswith("-")}
    assert origins == {origin.value for origin in Origin}


@pytest.mark.parametrize("command", ["check", "policy"])
def test_policy_files_and_directories(shell, tmp_path, command):
    (tmp_path / "site.yaml").touch()
    (tmp_path / "image").mkdir()
    offer = shell(ABSENT)
    files = {word.rstrip("/").rpartition("/")[2] for word in offer(f"reaperctl {command} {tmp_path}/")}
    assert {"site.yaml", "image"} <= files
    directories = {word.rstrip("/").rpartition("/")[2] for word in offer(f"reaperctl {command} --root {tmp_path}/")}
    assert "image" in directories
    assert "site.yaml" not in directories
