"""Questions to name services by a child process: slow, hung, broken or missing, it never delays the caller."""

from __future__ import annotations

import io
import json
import os
import sys
import time

import pytest

from reaper import system_commands
from reaper.sense import accounts, name_service
from reaper.sense.name_service import MOST_BYTES, MOST_NAME, MOST_QUESTIONS, GroupsAnswer, NameService
from tests.unit.sense.worlds import wait_until

NOTHING = GroupsAnswer({}, {})
ECHO = "import sys, json\nfor each in json.load(sys.stdin): print(json.dumps([each, {answer}]), flush=True)\n"
ANSWER = "7 if isinstance(each, str) else 'x'"


def asking(script: str, most_sec: float = 20.0) -> NameService:
    return NameService((sys.executable, "-I", "-S", "-c", script), most_sec)


def test_groups_of_this_host_are_found():
    service = NameService()
    service.ask(["root", "no-such-group"], [0, 4_000_000_123])
    assert service.take(20) == GroupsAnswer({"root": 0, "no-such-group": None}, {0: "root", 4_000_000_123: None})
    assert service.take() == NOTHING
    service.close()


def test_take_does_not_wait_without_patience():
    service = asking("import time; time.sleep(60)")
    began = time.monotonic()
    service.ask(["ops"], [])
    assert service.take() == NOTHING
    assert service.take(0.05) == NOTHING
    assert time.monotonic() - began < 5
    service.close()


def test_waiting_is_counted(monkeypatch):
    """The wait counts as the daemon's own work: the daemon is not stopped meanwhile."""
    monkeypatch.setattr(system_commands._Waits, "usec", 0)
    service = asking("import time; time.sleep(60)")
    service.ask(["ops"], [])
    service.take(0.05)
    assert 40_000 <= system_commands.waited_usec() <= 150_000
    monkeypatch.setattr(service._process, "kill", lambda: None)
    process = service._process
    service.close()
    assert 140_000 <= system_commands.waited_usec() <= 300_000
    monkeypatch.undo()
    process.kill()
    process.wait()


def test_answers_before_a_hang_count():
    """The rest is answered with None, once the time is over."""
    hang = "import sys, json, time\nprint('[\"a\", 5]', flush=True)\ntime.sleep(60)"
    service = asking(hang, 0.5)
    service.ask(["a", "b"], [9])
    reply = service.take(20)
    assert reply == GroupsAnswer({"a": 5, "b": None}, {9: None})


def test_child_over_its_time_is_killed():
    service = asking("import time; time.sleep(60)", 0.1)
    service.ask(["ops"], [])
    process = service._process
    assert service.take(20) == GroupsAnswer({"ops": None}, {})
    process.wait(5)
    assert process.returncode == -9


@pytest.mark.parametrize(
    "script",
    ["import os; os.abort()", "raise SystemExit(3)", "print('nonsense')", "print('[1]')", "print('[[], 1]')",
     "print('[\"other\", 5]')", "print('[' * 100000)", "print('x' * 200000, end='')", "print('null')"],
)  # fmt: skip
def test_broken_answers_become_none(script):
    service = asking(script)
    service.ask(["ops"], [5])
    assert service.take(20) == GroupsAnswer({"ops": None}, {5: None})


@pytest.mark.parametrize("answer", ["'ops'", "[]", "1.5", "{}"])
def test_answers_of_a_wrong_type_are_ignored(answer):
    service = asking(ECHO.format(answer=answer))
    service.ask(["ops"], [])
    assert service.take(20) == NOTHING


def test_missing_program_answers_none():
    service = NameService(("/nonexistent",))
    service.ask(["ops"], [5])
    assert service.take() == GroupsAnswer({"ops": None}, {5: None})


def test_many_questions_are_asked_in_batches():
    """As many at a time as fit into a pipe, and each once."""
    service = asking(ECHO.format(answer=ANSWER))
    numbers = range(2 * MOST_QUESTIONS + 5)
    service.ask(["a", "b"], numbers)
    service.ask(["a"], numbers)
    found = NOTHING
    deadline = time.monotonic() + 30
    while len(found.names) < len(numbers):
        assert time.monotonic() < deadline
        reply = service.take(1)
        found = GroupsAnswer({**found.gids, **reply.gids}, {**found.names, **reply.names})
    assert found == GroupsAnswer({"a": 7, "b": 7}, dict.fromkeys(numbers, "x"))


def test_batch_fits_into_a_pipe(monkeypatch):
    """Whatever the names are: nothing waits for a child that does not read."""
    script = "import sys, time; time.sleep(60)"
    service = asking(script)
    names = [f"{number:03}" + "\U0001f600" * (MOST_NAME - 3) for number in range(2 * MOST_QUESTIONS)]
    began = time.monotonic()
    written = []
    dumps = json.dumps
    monkeypatch.setattr(json, "dumps", lambda value: written.append(dumps(value)) or written[-1])
    service.ask(names, [])
    assert time.monotonic() - began < 30
    (questions,) = [each for each in written if each.startswith("[")]
    assert MOST_BYTES - 4096 < len(questions) <= MOST_BYTES
    service.close()


def test_name_too_long_is_not_asked_for():
    service = asking(ECHO.format(answer=ANSWER))
    service.ask(["a" * (MOST_NAME + 1), "b"], [])
    assert service.take(20).gids == {"a" * (MOST_NAME + 1): None, "b": 7}


def test_child_that_cannot_be_killed_stays_the_only_one(monkeypatch):
    """A process in a call to a dead file system lives on: no more processes are added to it.

    Nor do questions wait for its end for good.
    """
    service = asking("import time; time.sleep(60)", 1.0)
    service.ask(["ops"], [])
    process = service._process
    monkeypatch.setattr(process, "kill", lambda: None)
    assert service.take(20) == GroupsAnswer({"ops": None}, {})
    service.ask(["ops"], [])
    assert service._process is None
    assert service.take() == NOTHING
    deadline = time.monotonic() + 20
    while (reply := service.take()) == NOTHING:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert reply == GroupsAnswer({"ops": None}, {})
    service.ask(["dev"], [7])
    assert service.take() == GroupsAnswer({"dev": None}, {7: None})
    monkeypatch.undo()
    process.kill()
    process.wait()
    service.ask(["ops"], [])
    assert service._process is not None
    assert service.take(20) == GroupsAnswer({"ops": None}, {})


def test_discard_drops_older_questions():
    """A policy is loaded while a name service hangs over questions that the policy no longer asks."""
    loop = "for each in json.load(sys.stdin):\n time.sleep(60 if each == 'hangs' else 0)\n"
    service = asking(f"import sys, json, time\n{loop} print(json.dumps([each, 7]), flush=True)")
    service.ask(["hangs"], [])
    assert service.take(0.1) == NOTHING
    service.ask(["ops"], [], discard=True)
    assert service.take(20) == GroupsAnswer({"ops": 7}, {})
    service.close()


def test_close_leaves_no_descriptor_and_no_process():
    """A process that outlives the 0.1 s of close() ends nevertheless, and is reaped at the next call."""
    before = os.listdir("/proc/self/fd")
    for script in ("import time; time.sleep(60)", "raise SystemExit(1)"):
        service = asking(script)
        service.ask(["ops"], [])
        pid = service._process.pid
        service.take(0.2)
        service.close()
        wait_until(lambda: service.take() == NOTHING and not os.path.exists(f"/proc/{pid}"), 20)  # noqa: B023
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    assert os.listdir("/proc/self/fd") == before


def test_child_prints_one_answer_per_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(["root", "a\0b", "\ud800", 0, 2**40, -5])))
    accounts.main()
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answers == [["root", 0], ["a\0b", None], ["\ud800", None], [0, "root"], [2**40, None], [-5, None]]


def test_child_ignores_the_callers_environment():
    """No directory, variable or site package of the caller's changes what the child imports."""
    assert name_service.PROGRAM[1:3] == ("-I", "-S")
    assert os.path.samefile(name_service.PROGRAM[3], accounts.__file__)
